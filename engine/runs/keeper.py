"""The keeper: writes decisions into the ledger as they come, and recognises those that are there already."""

from collections.abc import Callable, Iterator, Sequence

from engine.errors import LedgerError
from engine.ledger.ledger import DuplicateIntent, Ledger
from engine.records.base import Record
from engine.records.desk import Operator
from engine.records.trades import OrderAttempt
from engine.records.wire import COMPARED, decode, encode, kind_of_line
from engine.stages.effects import Leave

#: The duplicate window of an intent, in record time.
DUPLICATE_WINDOW_MS = 60_000


class Keeper:
    """Stands between the stages and one ledger.

    After a restart the stages think again over facts that the ledger has decided on: what they say must be what is
    stored, row by row, and is not stored twice. The first new row after the last stored one is appended.
    """

    def __init__(self, ledger: Ledger, after_seq: int = 0, before_commit: Callable[[], None] | None = None) -> None:
        """Expects the rows after `after_seq` to be said again. `before_commit` makes the facts behind them durable."""
        self.ledger = ledger
        self._before_commit = before_commit
        self._stored = self._rows(after_seq)
        self._next = next(self._stored, None)
        self.recognised = 0

    def _rows(self, after_seq: int) -> Iterator[tuple[int, str, bytes]]:
        for seq, line in self.ledger.lines(after_seq=after_seq):
            kind = kind_of_line(line) or ""
            if kind in COMPARED or kind == "operator":
                yield seq, kind, line

    @property
    def catching_up(self) -> bool:
        """True while what is said was stored before."""
        return self._next is not None

    def keep(self, line: bytes) -> None:
        """Keeps one decision's line; raises LedgerError when the ledger holds another in its place."""
        if self._next is None:
            self.ledger.append(line)
            return
        seq, _, stored = self._next
        if stored != line:
            raise LedgerError(
                f"row {seq} of {self.ledger.path} is not what this run decides: stored {_short(stored)}, "
                f"now {_short(line)}; other settings, facts or version need another --ledger"
            )
        self.recognised += 1
        self._next = next(self._stored, None)

    def keep_record(self, record: Record) -> None:
        """Keeps one decision."""
        self.keep(encode(record))

    def before_send(self, records: Sequence[Record], attempt: OrderAttempt) -> Leave:
        """Makes an attempt durable before it is sent; gives its leave, or DUPLICATE when its intent is taken."""
        known = self.catching_up
        for record in records:
            self.keep_record(record)
        if known:
            return Leave(known=True)
        try:
            self.ledger.reserve(attempt.intent_key, attempt.client_id, attempt.at, DUPLICATE_WINDOW_MS)
        except DuplicateIntent:
            return Leave("DUPLICATE")
        self._commit()
        return Leave()

    def settle(self, intent_key: str, executed: bool) -> None:
        """Ends the reservation of an order that is over: one that never executed frees its intent at once."""
        if self.catching_up:
            return
        if executed:
            self.ledger.resolve(intent_key)
        else:
            self.ledger.release(intent_key)

    def commit(self) -> None:
        """Commits the cycle that is complete."""
        if not self.catching_up:
            self._commit()

    def _commit(self) -> None:
        if self._before_commit is not None:
            self._before_commit()
        self.ledger.commit()

    def operators(self, at: int) -> list[Operator]:
        """Gives the operator's orders in force from the tick at `at`: stored ones while catching up, else new ones."""
        if self._next is not None:
            found: list[Operator] = []
            if self._next[1] == "operator":
                record = decode(self._next[2])
                if isinstance(record, Operator):
                    found.append(record)
            return found
        orders: list[Operator] = []
        for request in self.ledger.pending_requests():
            orders.append(Operator(at=at, action=request.action, reason=request.reason))
            self.ledger.mark_done(request.id)
        return orders


def _short(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return text if len(text) <= 160 else text[:157] + "..."
