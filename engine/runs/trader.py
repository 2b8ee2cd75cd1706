"""The trader: the order stage with its venue and its ledger; written before sent."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from engine.records.base import Record
from engine.records.trades import OrderAttempt, OrderResult
from engine.records.wire import COMPARED
from engine.runs.keeper import Keeper
from engine.stages.effects import Exchange, Leave, Made, carry_out
from engine.stages.order import Order

#: Results after which an order cannot fill any more.
_OVER = frozenset({"filled", "cancelled", "expired", "rejected", "never_executed"})

#: Says by which code an attempt may not leave, or None.
Caps = Callable[[OrderAttempt], str | None]


class Trader:
    """Carries out what the order stage asks for; keeps every decision that passes, in the order of the stream."""

    name: ClassVar[str] = "order"

    def __init__(self, order: Order, venue: Exchange, keeper: Keeper | None = None, caps: Caps | None = None) -> None:
        """Trades on `venue`; without a keeper nothing is stored. `caps` are asked before anything new is sent."""
        self._caps = caps
        self.order, self.venue, self.keeper = order, venue, keeper
        self.wants = COMPARED | order.wants if keeper is not None else order.wants
        self._kept = 0
        self._intents = {sent.attempt.client_id: sent.attempt.intent_key for sent in order.state.sent.values()}

    def take(self, record: Record) -> list[Record]:
        """Takes a record and gives what was done about it. A cycle is committed with its tick."""
        kind = record.kind
        if self.keeper is not None and kind in COMPARED and kind != "tick":
            self.keeper.keep_record(record)
        if kind not in self.order.wants:
            return []
        records = self._carry_out(self.order.settle(record), record.at)
        for event in self.venue.see(record):
            records += self._carry_out(self.order.answer(event, record.at), record.at)
        records += self._carry_out(self.order.take(record), record.at)
        if kind == "tick" and self.keeper is not None:
            self.keeper.keep_record(record)
            self.keeper.commit()
        return records

    def _carry_out(self, made: Iterable[Made], at: int) -> list[Record]:
        if made == []:
            return []  # most facts change nothing
        self._kept = 0
        before = self._before_send if self.keeper is not None else None
        records = carry_out(made, self.venue, self.order.answer, at, before)
        if self.keeper is not None:
            for record in records[self._kept :]:
                self.keeper.keep_record(record)
            self._settle(records)
        return records

    def _settle(self, records: Sequence[Record]) -> None:
        assert self.keeper is not None
        for record in records:
            if isinstance(record, OrderAttempt):
                self._intents[record.client_id] = record.intent_key
            elif isinstance(record, OrderResult) and record.status in _OVER:
                key = self._intents.pop(record.client_id, None)
                if key is not None:
                    self.keeper.settle(key, executed=record.filled_qty != "0")

    def _before_send(self, records: Sequence[Record], attempt: OrderAttempt) -> Leave:
        assert self.keeper is not None
        new, self._kept = records[self._kept :], len(records)
        # A second attempt takes the intent that the end of the first has freed.
        self._settle(new)
        leave = self.keeper.before_send(new, attempt)
        if self._caps is None or leave.known or leave.code is not None:
            return leave
        return Leave(self._caps(attempt))
