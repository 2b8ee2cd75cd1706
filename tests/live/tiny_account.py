"""A tiny exchange in memory, as an account: fills at one price, and fails as it is told to."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from engine.matching.events import STOPS, VenueOrder
from engine.records.market import SymbolRules
from engine.world.account.account import (
    BalanceNews,
    HeldNews,
    News,
    OrderNews,
    Placed,
    StreamNews,
    TradeNews,
)
from engine.world.binance.trouble import Doubtful, Lost, Rejected, Sort

FEE = Decimal("0.001")
#: What purchases cost where fees are taken in coins: it leaves less than a step.
COIN_FEE = Decimal("0.00077")


@dataclass
class Standing:
    """One order at the tiny exchange."""

    order: VenueOrder
    number: str
    status: str = "working"
    filled: Decimal = Decimal(0)
    list_id: str | None = None


@dataclass
class TinyAccount:
    """Market orders fill at `price` at once, stops and limits rest. `mishap` is asked before each request by name.

    `fee_in_coin` takes the fees of purchases in the coin. A mishap is None, or "lost" (done, the answer never comes),
    "nothing" (not done, no answer), or an error to raise.
    """

    venue: str = "binance-usdm"
    price: Decimal = Decimal(100)
    mishap: Callable[[str, str], object] = lambda what, client_id: None
    streams: bool = True
    skew: int | None = None
    step: str = "0.001"
    min_notional: str = "5"
    fee_in_coin: bool = False
    now: int = 0
    orders: dict[str, Standing] = field(default_factory=dict)
    executed: list[TradeNews] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    on_news: Callable[[News], None] | None = None
    on_breaker: Callable[[int], None] = lambda level: None
    lock: threading.RLock = field(default_factory=threading.RLock)

    def prepare(self, symbol: str) -> None:
        self.requests.append(("prepare", symbol))

    def rules(self, symbol: str) -> SymbolRules:
        self._ask("rules")
        return SymbolRules(
            at=0, venue=self.venue, symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT", tick="0.01",
            step=self.step, min_notional=self.min_notional,
        )  # fmt: skip

    def place(self, order: VenueOrder, *, urgent: bool = False) -> Placed:
        with self.lock:
            self.requests.append(("place", order.client_id))
            told = self.mishap("place", order.client_id)
            if isinstance(told, Exception):
                raise told
            if told == "nothing":
                raise Doubtful("no answer", order.client_id)
            assert order.client_id not in self.orders, "the same client id twice"
            if order.side == "sell" and self.venue.endswith("spot"):
                self.check_free(order)
            standing = Standing(order, str(len(self.orders) + 1))
            self.orders[order.client_id] = standing
            trades = self.fill(order.client_id) if order.order_type == "market" else []
            if told == "lost":
                raise Doubtful("no answer", order.client_id)
            return Placed(order=self.news(standing), trades=[] if told == "no trades" else trades)

    def check_free(self, order: VenueOrder) -> None:
        """Raises Rejected where fewer coins are free than an order would sell; what rests may have none to sell."""
        free = {one.symbol: one.free for one in self.holdings()}
        if order.symbol not in free and order.order_type != "market":
            return
        if order.qty > free.get(order.symbol, 0):
            raise Rejected("insufficient", sort=Sort.STATE, status=400, venue_code=-2010, said="insufficient")

    def rest_by_hand(self, symbol: str, qty: str, client_id: str = "web_77") -> None:
        """Somebody has coins sold at a price that is far away."""
        with self.lock:
            order = VenueOrder(
                client_id=client_id, symbol=symbol, side="sell", order_type="limit", qty=Decimal(qty), sent_at=0,
                limit_price=Decimal(1000), resting=True,
            )  # fmt: skip
            self.check_free(order)
            standing = self.orders[client_id] = Standing(order, str(len(self.orders) + 1))
            if self.streams:
                self.tell(self.news(standing))

    def place_listed(self, limit: VenueOrder, stop: VenueOrder) -> list[Placed]:
        with self.lock:
            self.requests.append(("list", f"{limit.client_id} {stop.client_id}"))
            told = self.mishap("list", limit.client_id)
            if isinstance(told, Exception):
                raise told
            if told == "nothing":
                raise Doubtful("no answer", limit.client_id)
            assert (limit.listed_with, stop.listed_with) == (stop.client_id, limit.client_id)
            for order in (limit, stop):
                assert order.client_id not in self.orders, "the same client id twice"
                self.requests.append(("place", order.client_id))
                self.orders[order.client_id] = Standing(order, str(len(self.orders) + 1))
            if told == "lost":
                raise Doubtful("no answer", limit.client_id)
            return [Placed(order=self.news(self.orders[one.client_id])) for one in (limit, stop)]

    def working(self, order_type: str) -> list[Standing]:
        """What rests of a type, oldest first."""
        return [one for one in self.orders.values() if one.status == "working" and one.order.order_type == order_type]

    def end_other(self, client_id: str, status: str) -> None:
        """Ends the other order of a list."""
        other = self.orders.get(self.orders[client_id].order.listed_with or "")
        if other is not None and other.status == "working":
            other.status = status
            if self.streams:
                self.tell(self.news(other))

    def fill(self, client_id: str, qty: Decimal | None = None) -> list[TradeNews]:
        with self.lock:
            standing = self.orders[client_id]
            done = qty if qty is not None else standing.order.qty - standing.filled
            standing.filled += done
            standing.status = "filled" if standing.filled == standing.order.qty else "working"
            self.end_other(client_id, "expired")
            trade = self.trade(standing.order.symbol, standing.order.side, done, standing.number, client_id)
            if self.streams:
                self.tell(trade, self.news(standing))
            return [trade]

    def trade(self, symbol: str, side: str, qty: Decimal, number: str, client_id: str | None) -> TradeNews:
        base = symbol.removesuffix("USDT")
        in_coin = self.fee_in_coin and side == "buy"
        fee, fee_asset = (qty * COIN_FEE, base) if in_coin else (qty * self.price * FEE, "USDT")
        trade = TradeNews(
            symbol=symbol, client_id=client_id, order_id=number, trade_id=str(len(self.executed) + 1),
            side=side, qty=qty, price=self.price, notional=qty * self.price,  # type: ignore[arg-type]
            fee=fee, fee_asset=fee_asset, liquidity="taker", venue_at=self.now,
        )  # fmt: skip
        self.executed.append(trade)
        return trade

    def stranger(self, symbol: str, side: str, qty: str) -> None:
        """Somebody trades by hand."""
        with self.lock:
            trade = self.trade(symbol, side, Decimal(qty), "9000", "web_123")
            if self.streams:
                self.tell(trade)

    def tell(self, *news: News) -> None:
        if self.on_news is not None:
            for one in news:
                self.on_news(one)

    def news(self, standing: Standing) -> OrderNews:
        order = standing.order
        return OrderNews(
            symbol=order.symbol, client_id=order.client_id, order_id=standing.number,
            status=standing.status, filled_qty=standing.filled, venue_at=1,  # type: ignore[arg-type]
            side=order.side, conditional=order.order_type in STOPS,
        )  # fmt: skip

    def countdown(self, symbol: str, after_s: int) -> None:
        self.requests.append((f"countdown {after_s}", symbol))
        told = self.mishap("countdown", symbol)
        if isinstance(told, Exception):
            raise told

    def cancel(self, symbol: str, client_id: str, *, conditional: bool = False) -> OrderNews | None:
        with self.lock:
            self.requests.append(("cancel", client_id))
            told = self.mishap("cancel", client_id)
            if isinstance(told, Exception):
                raise told
            standing = self.orders.get(client_id)
            if standing is None or standing.status != "working":
                raise Rejected("unknown order", sort=Sort.ABSENT, status=400, venue_code=-2011, said="Unknown order.")
            standing.status = "cancelled"
            self.end_other(client_id, "cancelled")
            # The service of conditional orders does not say how an order ended.
            return None if conditional or told == "no end" else self.news(standing)

    def order(
        self, symbol: str, client_id: str, *, conditional: bool = False, urgent: bool = False
    ) -> OrderNews | None:
        with self.lock:
            self.requests.append(("order", client_id))
            told = self.mishap("order", client_id)
            if isinstance(told, Exception):
                raise told
            standing = self.orders.get(client_id)
            return self.news(standing) if standing is not None and told != "hidden" else None

    def open_orders(self, symbol: str | None = None, *, urgent: bool = False) -> list[OrderNews]:
        with self.lock:
            self._ask("open_orders")
            found = [one for one in self.orders.values() if one.status == "working"]
            return [self.open_news(one) for one in found if symbol in (None, one.order.symbol)]

    def open_news(self, standing: Standing) -> OrderNews:
        """How the list of open orders tells of one."""
        left = standing.order.qty - standing.filled
        return msgspec.structs.replace(self.news(standing), left=left, list_id=standing.list_id)

    def trades_of(self, symbol: str, order_id: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        self._ask("trades_of")
        return [bare(one) for one in self.executed if one.symbol == symbol and one.order_id == order_id]

    def trades(self, symbol: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        self._ask("trades")
        return [bare(one) for one in self.executed if one.symbol == symbol]

    def holdings(self, *, urgent: bool = False) -> list[HeldNews]:
        with self.lock:
            self._ask("holdings in a hurry" if urgent else "holdings")
            sums: dict[str, Decimal] = {}
            for one in self.executed:
                net = one.qty if one.side == "buy" else -one.qty
                net -= one.fee if one.symbol.startswith(one.fee_asset) else 0
                sums[one.symbol] = sums.get(one.symbol, Decimal(0)) + net
            return [
                HeldNews(symbol=symbol, qty=qty, free=qty - self.locked(symbol), entry_price=self.price)
                for symbol, qty in sums.items()
                if qty
            ]

    def locked(self, symbol: str) -> Decimal:
        """What orders that rest have of a symbol's coins; those of a list have the same."""
        if self.venue.endswith("usdm"):
            return Decimal(0)
        rest = {one.order.client_id: one for one in self.orders.values() if one.status == "working"}
        sales = [one for one in rest.values() if (one.order.symbol, one.order.side) == (symbol, "sell")]
        own = [one for one in sales if one.order.order_type == "stop" or one.order.listed_with not in rest]
        return sum((one.order.qty - one.filled for one in own), Decimal(0))

    def balances(self) -> list[BalanceNews]:
        self._ask("balances")
        return [BalanceNews(asset="USDT", free=Decimal(100_000), locked=Decimal(0))]

    def listen(self, on_news: Callable[[News], None]) -> None:
        self.on_news = on_news
        if self.streams:
            on_news(StreamNews(up=True))

    def skew_ms(self) -> int | None:
        return self.skew

    def watch(self, on_breaker: Callable[[int], None]) -> None:
        self.on_breaker = on_breaker

    def close(self) -> None:
        self.on_news = None

    def _ask(self, what: str) -> None:
        self.requests.append((what, ""))
        told = self.mishap(what, "")
        if isinstance(told, Exception):
            raise told


def bare(trade: TradeNews) -> TradeNews:
    """An execution as lists tell it: without the client's id."""
    return TradeNews(**{name: getattr(trade, name) for name in trade.__struct_fields__} | {"client_id": None})


def unreachable() -> Lost:
    """The error of a venue that does not answer a question."""
    return Lost("no answer", "answer")
