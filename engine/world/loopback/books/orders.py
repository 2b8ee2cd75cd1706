"""The venue's own nouns: accounts with their balances, orders and lists of them, the fills they made, and fees."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.world.loopback.market.instruments import Instrument

Listener = Callable[[dict[str, Any]], None]
#: An account's orders and income beyond so many are forgotten, the oldest first.
KEPT_ORDERS = 200_000
OPEN = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW"})


@dataclass(frozen=True, slots=True)
class Fees:
    """Fee rates of a market, as fractions."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")


@dataclass(slots=True)
class Fill:
    """One execution: ticks, steps, money in 1e-8; `realized_e8` is the profit it closed (perpetuals)."""

    trade_id: int
    order_id: int
    ticks: int
    steps: int
    quote_e8: int
    fee_e8: int
    fee_asset: str
    maker: bool
    at: int
    realized_e8: int = 0


@dataclass(slots=True, eq=False)
class Order:
    """An order as the venue keeps it. `limit` and `stop` in ticks, 0 where it has none; times in ms of venue time."""

    order_id: int
    client_id: str
    account: "Account"
    coin: Instrument
    side: int
    type: str
    tif: str
    steps: int
    limit: int
    at: int
    stop: int = 0
    trail_bips: int = 0
    trail_best: int = 0
    quote_qty_e8: int = 0
    done: int = 0
    quote_e8: int = 0
    status: str = "NEW"
    updated_at: int = 0
    working_at: int = -1
    stp: str = "NONE"
    list_id: int = -1
    strategy: dict[str, int] = field(default_factory=dict)
    locked_e8: int = 0
    reason: str = ""
    cancel_id: str = ""
    hidden_until: int = 0
    fills: list[Fill] = field(default_factory=list)
    # Perpetuals only.
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    orig_type: str = ""
    good_till: int = 0
    algo_id: int = 0

    @property
    def left(self) -> int:
        """Steps that are not executed yet."""
        return self.steps - self.done

    @property
    def is_open(self) -> bool:
        """Whether it can still be executed or cancelled."""
        return self.status in OPEN

    @property
    def side_name(self) -> str:
        """BUY or SELL."""
        return "BUY" if self.side > 0 else "SELL"


@dataclass(slots=True, eq=False)
class Account:
    """Who trades: a key, its secret, and what it holds, in 1e-8 of each asset. `burns` pays spot fees in BNB."""

    key: str
    secret: str
    name: str
    free: dict[str, int] = field(default_factory=dict)
    locked: dict[str, int] = field(default_factory=dict)
    burns: bool = False
    rights: frozenset[str] = frozenset({"read", "trade"})
    updated_at: int = 0
    listeners: list[Listener] = field(default_factory=list)
    orders: dict[int, Order] = field(default_factory=dict)
    open: dict[int, Order] = field(default_factory=dict)
    by_client: dict[tuple[str, str], Order] = field(default_factory=dict)

    def emit(self, event: dict[str, Any]) -> None:
        """Tells an event to whoever listens to this account."""
        for listener in tuple(self.listeners):
            listener(event)

    def keep(self, order: Order) -> None:
        """Takes an order among its own; the newest of a client id is the one that is found by it."""
        self.orders[order.order_id] = order
        self.by_client[order.coin.symbol, order.client_id] = order
        if len(self.orders) > KEPT_ORDERS:
            oldest = next(iter(self.orders.values()))
            if not oldest.is_open:
                del self.orders[oldest.order_id]
                if self.by_client.get((oldest.coin.symbol, oldest.client_id)) is oldest:
                    del self.by_client[oldest.coin.symbol, oldest.client_id]

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> Order | None:
        """Gives an order by its number or else its client id, None where there is none of that symbol."""
        if order_id is not None:
            order = self.orders.get(order_id)
            return order if order is not None and order.coin.symbol == symbol else None
        return self.by_client.get((symbol, client_id)) if client_id else None

    def open_of(self, symbol: str | None) -> list[Order]:
        """Gives the open orders of a symbol, or of all of them, oldest first."""
        return [order for order in self.open.values() if symbol is None or order.coin.symbol == symbol]


@dataclass(slots=True)
class OrderList:
    """Two orders of which one cancels the other."""

    list_id: int
    client_id: str
    at: int
    orders: list[Order]
    status: str = "EXEC_STARTED"

    @property
    def is_open(self) -> bool:
        """Whether an order of it is."""
        return self.status == "EXEC_STARTED"


def order_record(order: Order) -> dict[str, Any]:
    """Gives an order with its fills as plain JSON values, for whoever checks the books."""
    coin = order.coin
    return {
        "market": coin.kind, "symbol": coin.symbol, "orderId": order.order_id, "clientOrderId": order.client_id,
        "account": order.account.name, "side": order.side_name, "type": order.type, "timeInForce": order.tif,
        "status": order.status, "reason": order.reason, "price": coin.price(order.limit),
        "stopPrice": coin.price(order.stop), "origQty": coin.qty(order.steps), "executedQty": coin.qty(order.done),
        "quoteQty": str(order.quote_e8), "positionSide": order.position_side, "reduceOnly": order.reduce_only,
        "orderListId": order.list_id, "algoId": order.algo_id, "time": order.at, "updateTime": order.updated_at,
        "fills": [fill_record(order, fill) for fill in order.fills],
    }  # fmt: skip


def fill_record(order: Order, fill: Fill) -> dict[str, Any]:
    """Gives a fill as plain JSON values; money in 1e-8 units of its asset."""
    coin = order.coin
    return {
        "tradeId": fill.trade_id, "price": coin.price(fill.ticks), "qty": coin.qty(fill.steps),
        "quote_e8": fill.quote_e8, "fee_e8": fill.fee_e8, "feeAsset": fill.fee_asset, "maker": fill.maker,
        "realized_e8": fill.realized_e8, "time": fill.at,
    }  # fmt: skip
