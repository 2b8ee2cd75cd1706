"""The finder: scans a market by the scan's own thresholds, and tells of each coin that moves."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from engine.plugs import Entry
from engine.records.base import Record
from engine.records.ideas import Anomaly
from engine.records.market import SymbolRules
from engine.runs.settings import Settings
from engine.stages.intake import Intake
from engine.stages.scan import Scan


class Finding(NamedTuple):
    """How far a finder has come: record time in ms, cycles closed, and how often a coin moved."""

    at: int
    ticks: int
    moves: int


class Finder:
    """Scans a market and tells of coins that move."""

    def __init__(
        self, settings: Settings, snapshot: Mapping[str, SymbolRules], heard: Callable[[Record], None]
    ) -> None:
        """`heard` gets each anomaly, and the rules of symbols."""
        self._intake = Intake(settings.scan.cycle_s, snapshot)
        self._scan = Scan(settings.scan, settings.heat)
        self._heard = heard
        self.now = Finding(0, 0, 0)

    def find(self, entries: Iterable[Entry], stopped: Callable[[], bool], for_ms: int | None) -> Iterator[Finding]:
        """Scans until the market ends, `for_ms` of its time are over, or `stopped` says so; gives each tick."""
        begun_at: int | None = None
        for entry in entries:
            record = entry.record
            if stopped():
                return
            if record is None:
                continue
            for one in (*self._intake.before(record), record):
                self._take(one)
            if record.kind == "tick":
                begun_at = begun_at if begun_at is not None else record.at
                self.now = self.now._replace(at=record.at, ticks=self.now.ticks + 1)
                yield self.now
                if for_ms is not None and record.at - begun_at >= for_ms:
                    return

    def _take(self, record: Record) -> None:
        if isinstance(record, SymbolRules):
            self._heard(record)
        made = self._scan.take(record) if record.kind in self._scan.wants else ()
        for one in made:
            if isinstance(one, Anomaly):
                self.now = self.now._replace(moves=self.now.moves + 1)
                self._heard(one)
