"""News of a live market for people: what goes wrong with its feeds, and what becomes of the engine's state."""

from cli.options import utc
from cli.show import say
from engine.records.desk import Alert
from engine.records.trades import StateChange


class News:
    """Tells on stderr what people should hear of a live market: its alerts, and what becomes of the engine."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, record: Alert | StateChange) -> None:
        """Tells one record."""
        if isinstance(record, Alert):
            where = f" {record.symbol}" if record.symbol else ""
            say(f"{self._name}: {utc(record.at)} UTC {record.level} {record.code}{where}: {record.text}")
        else:
            about = f"{record.scope} {record.symbol}" if record.symbol else record.scope
            say(f"{self._name}: {utc(record.at)} UTC {about} {record.was} -> {record.now}: {record.reason}")
