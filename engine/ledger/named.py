"""What rows name beside the chain: the reservations of order attempts, and the chunks of the recording."""

from typing import NamedTuple

import msgspec

from engine.ledger.db import Database
from engine.ledger.walk import Problem, Row
from engine.records.wire import kind_of_line


class Chunk(NamedTuple):
    """A closed chunk of the recording, as the row `seq` names it."""

    seq: int
    name: str
    sha256: str


class _Order(msgspec.Struct):
    client_id: str
    code: str | None = None


class _Recording(msgspec.Struct):
    chunk: str
    sha256: str


_order = msgspec.json.Decoder(_Order)
_recording = msgspec.json.Decoder(_Recording)


class Named:
    """Gathers, while the rows pass by, what they name."""

    KINDS = ("order_attempt", "emergency_close", "order_result", "recording")

    def __init__(self) -> None:
        """Has seen no row yet."""
        self.chunks: list[Chunk] = []
        self._attempts: dict[str, int] = {}
        self._refused: set[str] = set()
        self._unreadable: list[Problem] = []

    def take(self, row: Row) -> None:
        """Takes a row of the chain that is of one of `KINDS`."""
        try:
            self._take(row, kind_of_line(row.line))
        except msgspec.DecodeError as error:
            self._unreadable.append(Problem("unreadable", row.seq, f"row {row.seq} cannot be read: {error}"))

    def _take(self, row: Row, kind: str | None) -> None:
        if kind in ("order_attempt", "emergency_close"):
            self._attempts.setdefault(_order.decode(row.line).client_id, row.seq)
        elif kind == "order_result":
            order = _order.decode(row.line)
            if order.code == "DUPLICATE":
                self._refused.add(order.client_id)
        elif kind == "recording":
            recording = _recording.decode(row.line)
            self.chunks.append(Chunk(row.seq, recording.chunk, recording.sha256))

    def problems(self, before: set[str], after: set[str]) -> list[Problem]:
        """Gives attempts without a reservation and reservations without an attempt: how many, and the first of them.

        `before` and `after` are the client ids that were reserved before and after the rows passed by: both are
        committed as one, so this holds beside a run that writes on.
        """
        problems = self._unreadable[:1]
        # What was refused as a duplicate took no reservation of its own.
        bare = self._attempts.keys() - self._refused - after
        lost = before - self._attempts.keys()
        if bare:
            seq, client_id = min((self._attempts[client_id], client_id) for client_id in bare)
            text = f"row {seq}: the order attempt {client_id} has no reservation{_more(bare)}"
            problems.append(Problem("reservation", seq, text))
        if lost:
            text = f"the reservation {min(lost)} belongs to no order attempt{_more(lost)}: rows were cut or lost"
            problems.append(Problem("reservation", None, text))
        return problems


def reserved_ids(db: Database) -> set[str]:
    """Gives every client id that was ever reserved."""
    return {client_id for (client_id,) in db.rows("SELECT client_id FROM reservations")}


def _more(found: set[str]) -> str:
    return f" (and {len(found) - 1} more)" if len(found) > 1 else ""
