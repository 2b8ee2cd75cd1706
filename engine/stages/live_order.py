"""The order stage of a live account: what the exchange tells comes in as facts, and positions are protected there."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from engine.matching.events import Accepted, Ended, Event, Executed, Rejected
from engine.plugs import Rule
from engine.records.account import (
    UNSEEN,
    AccountBalance,
    AccountHolding,
    BoundCoins,
    Condition,
    Execution,
    OrderReport,
)
from engine.records.base import Record
from engine.records.market import SymbolRules, Tick
from engine.records.trades import OrderStatus
from engine.stages import ahead, dust, stuck
from engine.stages.account_order import AccountOrder, LiveSetup
from engine.stages.desk import Book, DeskSettings
from engine.stages.effects import Made
from engine.stages.elsewhere import Elsewhere
from engine.stages.exits import LIQUIDATION, SIGNAL, Exit
from engine.stages.once_more import once_more
from engine.stages.order import Order
from engine.stages.order_state import Early, OrderState, Sent
from engine.stages.protection import TRAIL, is_tier
from engine.stages.protector import Protector
from engine.stages.recent import Price

ACCOUNT_KINDS = frozenset(
    {"order_report", "execution", "account_holding", "bound_coins", "account_balance", "condition"}
)


#: A way out that was refused is tried again after this; what a symbol's next price asks for would be refused as well.
REFUSED_MS = 1_000


class LiveOrder(AccountOrder):
    """An order stage whose venue answers by facts. On paper and in a replay of a live ledger it is the same code."""

    wants = Order.wants | ACCOUNT_KINDS

    def __init__(
        self, desk: DeskSettings, rules: Sequence[Rule], setup: LiveSetup, state: OrderState | None = None
    ) -> None:
        """Starts with a fresh desk, or where `state` left off."""
        super().__init__(desk, rules, setup, state)
        self.protector, self.elsewhere = Protector(self), Elsewhere(self)

    def take(self, record: Record) -> Iterable[Made]:
        """Takes a record of a wanted kind and gives what follows, with what protects the positions it touched."""
        if isinstance(record, Condition):
            if record.scope == "recovering":
                # How long a stop was not there while nobody looked says nothing.
                self.state.protection.naked_since.clear()
                self._may_be_seen(*self.state.sent.values())
            return super().take(record)
        if isinstance(record, AccountBalance):
            return self.elsewhere.balance(record)
        if isinstance(record, Tick):
            return super().take(record)
        if isinstance(record, OrderReport | Execution | AccountHolding | BoundCoins):
            made = self._told(record)
        else:
            made = list(super().take(record))
            if isinstance(record, SymbolRules):
                made += stuck.told(self.state.protection, record, record.symbol in self.desk.state.books)
            if not isinstance(record, Price):
                return made
        return made + self.protector.look(record.symbol, record.at)

    def close_tick(self, tick: Tick) -> list[Made]:
        """Looks after every position, then gives the cycle record."""
        made: list[Made] = []
        for symbol in sorted({*self.desk.state.books, *self.state.protection.resting}):
            made += self.protector.look(symbol, tick.at)
        return made + super().close_tick(tick)

    def answer(self, event: Event, at: int) -> list[Made]:
        """Takes what a venue says about an order; a stop that it has protects from now on."""
        sent = self.state.sent.get(event.client_id)
        if not isinstance(event, Accepted) or sent is None:
            return super().answer(event, at)
        if sent.working:
            return []  # a start looks up what it knew
        sent.working, sent.unseen = True, False
        moved: list[Made] = [*stuck.moves(self.state.protection, sent.attempt.symbol, at)]
        if sent.attempt.purpose == "protect":
            moved += self.protector.accepted(sent.attempt.symbol, event.client_id)
        return [*moved, *super().answer(event, at)]

    def _told(self, record: OrderReport | Execution | AccountHolding | BoundCoins) -> list[Made]:
        if isinstance(record, BoundCoins):
            self.state.protection.bind(record.symbol, Decimal(record.qty))
            return []
        if isinstance(record, AccountHolding):
            return self.elsewhere.holds(record)
        if isinstance(record, Execution) and record.symbol in self.desk.state.rules:
            dust.spent(self, record)
        if record.client_id is None or (isinstance(record, Execution) and record.client_id not in self.state.sent):
            return self.elsewhere.executed(record) if isinstance(record, Execution) else []
        sent = self.state.sent.get(record.client_id)
        if sent is None:
            return []
        if isinstance(record, Execution):
            return self.answer(self.executed_of(record), record.at)
        if record.status == "in_doubt":
            return self._in_doubt(sent, record)
        if record.status == "never_executed":
            return self._ended(sent, "never_executed", None, record.at)
        return self.answer(_event(record), record.at)

    def _in_doubt(self, sent: Sent, told: OrderReport) -> list[Made]:
        """Takes a doubt. An order of which nothing is to be seen locks nothing: exits wait for it no more."""
        if sent.unseen or sent.working:
            return []
        sent.unseen = told.code == UNSEEN
        made: list[Made] = [self._result(sent, told.at, "in_doubt", told.code)]
        freed = self.protector.freed(told.symbol) if sent.unseen else []
        return made + self._leave_freed(told.symbol, freed, told.at)

    def _may_be_seen(self, *orders: Sent) -> None:
        """What was not to be seen of orders before says nothing any more."""
        for sent in orders:
            sent.unseen = False

    # Orders that rest at the exchange.

    def _executed(self, sent: Sent, done: Executed, at: int) -> list[Made]:
        attempt = sent.attempt
        book = self.desk.state.books.get(attempt.symbol)
        if attempt.purpose == "entry":
            made = super()._executed(sent, done, at)
            made += dust.joined(self, self.desk.state.books[attempt.symbol], done, at)
            return made + ahead.settled(self, sent, at)
        held = book.qty if book is not None else Decimal(0)
        entry = ahead.awaited(self.state.sent.values(), attempt.symbol, done.qty > held)
        if book is not None and attempt.purpose == "protect":
            self._sold_there(book, sent, done)
        if entry is None and book is not None:
            return super()._executed(sent, done, at)
        sent.filled += done.qty
        if entry is not None:
            entry.early.append(Early(attempt=attempt, done=done, noted=book is not None))
        # What is sold, and not held, and not bought either: the next look at the holdings tells what that means.
        return []

    def _sold_there(self, book: Book, sent: Sent, done: Executed) -> None:
        scale, attempt = self.scale(book.symbol), sent.attempt
        steps = scale.steps(done.qty)
        self.protector.executed(book.symbol, attempt.client_id, steps)
        if is_tier(attempt.reason):
            book.exits.tier_sold(steps, scale.ticks(done.price, up=False))
        else:
            book.exits.sold(attempt.reason, steps)

    def close(self, book: Book, reason: str, at: int) -> list[Made]:
        """Closes a position; what it leaves is kept for the next one of its symbol."""
        dust.left(self, book)
        return super().close(book, reason, at)

    def _ended(self, sent: Sent, status: OrderStatus, code: str | None, at: int) -> list[Made]:
        symbol = sent.attempt.symbol
        if code == stuck.NOT_TRADED and symbol in self.desk.state.books:
            return [*stuck.sticks(self.state.protection, symbol, code, at), *self._over(sent, status, code, at)]
        return self._over(sent, status, code, at)

    def _over(self, sent: Sent, status: OrderStatus, code: str | None, at: int) -> list[Made]:
        if sent.attempt.purpose != "protect":
            ended = [*ahead.settled(self, sent, at, is_over=True), *super()._ended(sent, status, code, at)]
            if status != "rejected":
                return ended
            if sent.attempt.purpose == "entry":
                return ended + once_more(self, sent, code, at)
            self.state.protection.refused[sent.attempt.symbol] = at
            # An order that was not to be seen may have the coins.
            self._may_be_seen(*(one for one in self.state.sent.values() if one.attempt.symbol == sent.attempt.symbol))
            return ended
        del self.state.sent[sent.attempt.client_id]
        made: list[Made] = [self._result(sent, at, status, code)]
        symbol = sent.attempt.symbol
        free = self.protector.gone(symbol, sent.attempt.client_id, code if status == "rejected" else None)
        return made + self._leave_freed(symbol, free, at)

    def _leave_freed(self, symbol: str, exits: Iterable[Exit], at: int) -> list[Made]:
        """Gives exits that had to wait, as far as there still is something for them to sell."""
        made: list[Made] = []
        for exit_ in exits:
            book = self.desk.state.books.get(symbol)
            if book is None:
                continue
            # What was in its way may have sold of it before it went.
            steps = min(exit_.steps, book.exits.trail_left) if exit_.reason == TRAIL else exit_.steps
            if steps > 0:
                made += self.leave(book, exit_._replace(steps=steps), at)
        return made

    def leave(self, book: Book, exit_: Exit, at: int) -> list[Made]:
        if exit_.reason == LIQUIDATION:
            return []  # the exchange does that itself, and tells of it
        if exit_.reason != SIGNAL and self._is_too_soon(book.symbol, at):
            book.exits.put_off(exit_.reason, exit_.steps)
            return []
        if self.protector.in_the_way(book.symbol, exit_.reason):
            return self.protector.let_go(book.symbol, exit_, at)
        return self.leave_at_once(book, exit_, at)

    def _is_too_soon(self, symbol: str, at: int) -> bool:
        """Says whether a way out has just been turned away: each costs one of the orders an account may send."""
        held = self.state.protection
        return at - held.refused.get(symbol, -REFUSED_MS) < REFUSED_MS or not stuck.may_try(held, symbol, at)


def _event(report: OrderReport) -> Event:
    match report.status:
        case "working":
            return Accepted(report.client_id)
        case "filled" | "cancelled" | "expired":
            return Ended(report.client_id, report.status, report.code)
        case _:
            return Rejected(report.client_id, report.code or "REJECTED")
