"""One account at one market of an exchange: what can be asked of it, and what it tells, whatever the market."""

from collections.abc import Callable
from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from engine.matching.events import VenueOrder
from engine.records.market import SymbolRules
from engine.records.trades import Side

Status = Literal["working", "filled", "cancelled", "expired", "rejected"]


class OrderNews(msgspec.Struct, frozen=True, kw_only=True):
    """What the exchange says of one order.

    `filled_qty` is what was executed so far, in the base asset, and is right in every status. `conditional` orders live
    in a service of their own; one that has triggered goes on as the plain order `became`, and what is told of that one
    is told under the conditional order's ids (its trades carry the number `became`). `code` names why an order was
    rejected or expired. `left` is what a list of open spot orders says may still be executed: coins that a sale locks;
    those of one `list_id` lock the same.
    """

    symbol: str
    client_id: str
    order_id: str
    status: Status
    filled_qty: Decimal
    venue_at: int
    side: Side
    conditional: bool = False
    became: str | None = None
    code: str | None = None
    left: Decimal = Decimal(0)
    list_id: str | None = None


class TradeNews(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. `notional` is price x qty in the quote asset; `fee` is in `fee_asset`, which is empty without one.

    `client_id` is None where the exchange tells the order's own number only, as its lists of trades do. Answer,
    stream and list tell the same of an execution, but for `venue_at`: an answer's is that of the order.
    """

    symbol: str
    client_id: str | None
    order_id: str
    trade_id: str
    side: Side
    qty: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Literal["maker", "taker"]
    venue_at: int


class HeldNews(msgspec.Struct, frozen=True, kw_only=True):
    """What is held of a symbol: coins on spot (locked ones too), contracts on futures (below zero: short).

    `entry_price` is the exchange's average where it tells one; `free` is what could be sold at once.
    """

    symbol: str
    qty: Decimal
    free: Decimal
    entry_price: Decimal | None = None


class BalanceNews(msgspec.Struct, frozen=True, kw_only=True):
    """An asset in the wallet: what is free, and what orders or positions lock.

    Futures' stream does not tell what open orders hold back: there `free` is an upper bound, `balances` is exact.
    """

    asset: str
    free: Decimal
    locked: Decimal


class StreamNews(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the account's own stream is heard; `reason` says why not. After `up` everything is asked once by REST.

    `up` may be told while it already was: of a stream that was replaced, or where a message could not be read.
    """

    up: bool
    reason: str = ""


class IncomeNews(msgspec.Struct, frozen=True, kw_only=True):
    """Money that a futures position brought or cost, signed: `realised` profit, `funding`, `fee`, or `other`.

    `income_id` tells rows apart; `trade_id` names the execution behind it, empty where there is none.
    """

    income_id: str
    kind: Literal["realised", "funding", "fee", "other"]
    symbol: str
    amount: Decimal
    asset: str
    trade_id: str
    venue_at: int


News = OrderNews | TradeNews | HeldNews | BalanceNews | StreamNews


class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The exchange's yes to an order, with the executions that the answer tells (none where it tells none)."""

    order: OrderNews
    trades: list[TradeNews] = []


class Account(Protocol):
    """An account, market-neutral. Threads may share it. Errors are those of `engine.world.binance.trouble`.

    An `urgent` question, one that an exit waits for, passes a budget that others have used up, a few times a minute.
    """

    venue: str

    def check_key(self) -> list[str]:
        """Gives warnings about the key, asked once before the first order.

        Raises KeyRefused for a key that may withdraw, or may not trade here.
        """
        ...

    def prepare(self, symbol: str, leverage: int | None = None) -> None:
        """Sets and confirms what an order of a symbol stands on: leverage, isolated margin (futures; spot: nothing).

        `leverage` is the settings' where it is None. Raises ConfigError where the account's mode is not the settings'
        (hedge mode, margin of another kind), and never changes anything while a position is open.
        """
        ...

    def rules(self, symbol: str) -> SymbolRules:
        """Gives a symbol's rules, asked for anew; raises VenueError where they cannot be had."""
        ...

    def place(self, order: VenueOrder, *, urgent: bool = False) -> Placed:
        """Places an order, once. NotSent and Rejected are definite; Doubtful means look it up, never send again."""
        ...

    def place_listed(self, limit: VenueOrder, stop: VenueOrder) -> list[Placed]:
        """Places a limit order and a stop of which one ends the other, at once; errors are those of `place`, for both.

        Only where resting orders lock what they would sell: elsewhere both rest side by side.
        """
        ...

    def cancel(self, symbol: str, client_id: str, *, conditional: bool = False) -> OrderNews | None:
        """Cancels an order, and with it the other one of its list; gives how it ended where the answer proves it.

        Neither None nor an error says what became of it: ask `order` afterwards.
        """
        ...

    def countdown(self, symbol: str, after_s: int) -> None:
        """Has the plain orders of a symbol cancelled after so many seconds, unless this is asked again (futures).

        0 calls it off. Conditional orders stay. Raises Bug where there is no such thing.
        """
        ...

    def order(
        self, symbol: str, client_id: str, *, conditional: bool = False, urgent: bool = False
    ) -> OrderNews | None:
        """Gives an order by its client id; None where the exchange says it knows none (yet)."""
        ...

    def open_orders(self, symbol: str | None = None, *, urgent: bool = False) -> list[OrderNews]:
        """Gives the open orders of a symbol, or of all, plain and conditional; strangers' orders too."""
        ...

    def trades_of(self, symbol: str, order_id: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        """Gives the executions of one order (by the exchange's number), oldest first; none is older than `since_ms`."""
        ...

    def trades(self, symbol: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        """Gives all executions of a symbol since then, oldest first, through as many windows and pages as it takes."""
        ...

    def holdings(self, *, urgent: bool = False) -> list[HeldNews]:
        """Gives what is held now: all of it, or an error. What is not in it is flat."""
        ...

    def income(self, since_ms: int) -> list[IncomeNews]:
        """Gives what positions brought and cost since then, oldest first; spot tells none."""
        ...

    def balances(self) -> list[BalanceNews]:
        """Gives the assets in the wallet."""
        ...

    def listen(self, on_news: Callable[[News], None]) -> None:
        """Starts to listen to the account's own stream on a thread of its own; each news goes to `on_news`.

        Repeats and news out of order are passed on as they come. `on_news` must neither block nor raise.
        """
        ...

    def skew_ms(self) -> int | None:
        """Gives how far this machine's clock was ahead of the exchange's when it was measured last.

        None before that, and of a rehearsal whose clock is its own.
        """
        ...

    def watch(self, on_breaker: Callable[[int], None]) -> None:
        """Has each level of REST's breaker told (`engine.world.binance.breaker`), the one that holds now at once."""
        ...

    def close(self) -> None:
        """Stops listening, and closes what is open."""
        ...
