"""What an order stage can do on an account, where orders rest at the exchange and others may trade too.

When it is done, and what follows from what the exchange tells, is `engine.stages.live_order`.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.matching.events import Executed, VenueOrder
from engine.matching.units import plain
from engine.plugs import Rule
from engine.records.account import Execution
from engine.records.ideas import ExitPlan
from engine.records.trades import OrderAttempt
from engine.stages.desk import Book, DeskSettings
from engine.stages.effects import Made, Send
from engine.stages.exits import Exit
from engine.stages.order import Order
from engine.stages.order_state import OrderState, Sent
from engine.stages.protection import TRAIL, Wish, is_tier

#: Stands for the id of an order that was not ours.
ELSEWHERE = "elsewhere"
#: Keys of orders are remembered so long, in ms; a later one has another time in it.
KEPT_MS = 60_000


class LiveSetup(NamedTuple):
    """What a live order stage knows of its account.

    `locks` says that resting orders lock what they would sell (spot); `plan` and `strategy` are for positions that are
    adopted.
    """

    locks: bool
    strategy: str
    plan: ExitPlan


class AccountOrder(Order):
    """An order stage that knows its account: what may be sold of it, and how an order comes to rest there."""

    def __init__(
        self, desk: DeskSettings, rules: Sequence[Rule], setup: LiveSetup, state: OrderState | None = None
    ) -> None:
        """Starts with a fresh desk, or where `state` left off."""
        super().__init__(desk, rules, state)
        self.setup = setup

    def executed_of(self, told: Execution) -> Executed:
        """Gives an execution with its fee in the quote asset, and what of the bought coins it took."""
        rules = self.desk.state.rules[told.symbol]
        fee, price = Decimal(told.fee), Decimal(told.price)
        in_base = told.fee_asset == rules.base and told.side == "buy"
        if told.fee_asset == rules.quote:
            fee_quote = fee
        elif told.fee_asset == rules.base:
            fee_quote = fee * price
        else:
            known = self.desk.state.recent.get(told.fee_asset + rules.quote)
            fee_quote = fee * Decimal(known.text) if known is not None else Decimal(0)
        return Executed(
            client_id=told.client_id or ELSEWHERE, trade_id=told.trade_id, venue_at=told.venue_at,
            qty=Decimal(told.qty), price=price, notional=Decimal(told.notional), fee=fee, fee_asset=told.fee_asset,
            fee_quote=round(fee_quote, 8), fee_base=fee if in_base else Decimal(0), liquidity=told.liquidity,
        )  # fmt: skip

    def reserve_again(self, attempt: OrderAttempt, plan: ExitPlan | None, notional_e8: int) -> Send:
        """Reserves what the second attempt of an entry takes; gives the effect that sends it."""
        self.desk.state.reserved_e8[attempt.symbol] = notional_e8
        self.state.codes[attempt.symbol] = "ENTERED"
        return self._send(attempt, plan)

    def is_new(self, key: str, book: Book, at: int) -> bool:
        """Says whether nothing of this content was sent: what is refused may be wanted again at the same instant."""
        used = self.state.protection.used
        if key in used:
            return False
        self.state.protection.used = {**{one: when for one, when in used.items() if when > at - KEPT_MS}, key: at}
        return True

    def free_steps(self, book: Book) -> int:
        free = book.qty - self.state.protection.bound.get(book.symbol, Decimal(0))
        return max(0, self.scale(book.symbol).steps(free))

    def too_few(self, book: Book, exit_: Exit, at: int) -> list[Made]:
        """Coins that orders of others have are no dust: the way out is tried again until they are free."""
        if book.symbol not in self.state.protection.bound:
            return super().too_few(book, exit_, at)
        book.exits.put_off(exit_.reason, exit_.steps)
        return []

    def leave_at_once(self, book: Book, exit_: Exit, at: int) -> list[Made]:
        """Gives an exit whose way is free. A tier that does not rest at the exchange is sold at the market."""
        return super().leave(book, exit_._replace(resting=False), at)

    def rest(
        self, book: Book, leg: str, wish: Wish, at: int, key: str, client_id: str, listed_with: str | None
    ) -> Send:
        """Gives the effect that sends an order which is to rest; `listed_with` is the other one of its list."""
        scale = self.scale(book.symbol)
        price = plain(scale.price(wish.ticks))
        attempt = OrderAttempt(
            at=at, venue=book.venue, symbol=book.symbol, strategy=book.strategy, client_id=client_id, intent_key=key,
            side="sell", purpose="protect", reason=leg if leg == TRAIL or is_tier(leg) else book.exits.stop_reason,
            order_type="limit" if is_tier(leg) else "trailing_stop" if leg == TRAIL else "stop",
            qty=plain(scale.qty(wish.steps)), limit_price=price if is_tier(leg) else None, reference_price=price,
        )  # fmt: skip
        self.state.sent[client_id] = Sent(attempt=attempt)
        callback = Decimal(str(book.exits.plan.trail_callback_pct)) if leg == TRAIL else None
        order = msgspec.structs.replace(order_of(attempt), listed_with=listed_with, callback_pct=callback)
        return Send(attempt, order)


def order_of(attempt: OrderAttempt) -> VenueOrder:
    """Gives an attempt's order as it went to the venue."""
    price = Decimal(attempt.reference_price)
    return VenueOrder(
        client_id=attempt.client_id, symbol=attempt.symbol, side=attempt.side, order_type=attempt.order_type,
        qty=Decimal(attempt.qty), sent_at=attempt.at,
        limit_price=Decimal(attempt.limit_price) if attempt.limit_price is not None else None,
        stop_price=price if attempt.order_type == "stop" else None, closes=attempt.purpose != "entry",
        resting=attempt.purpose == "protect",
    )  # fmt: skip
