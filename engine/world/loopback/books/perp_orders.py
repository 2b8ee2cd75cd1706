"""An order for a perpetual as a request describes it, held against the filters of its symbol."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from engine.matching.units import E8, PART, part
from engine.world.loopback.books.orders import KEPT_ORDERS, Account, Order
from engine.world.loopback.books.perp_margin import Position
from engine.world.loopback.books.refusals import Refusal, missing, unneeded
from engine.world.loopback.books.wanted import Wanted, on_steps, on_ticks
from engine.world.loopback.market.instruments import ALGO_TYPES, STP_MODES, Instrument, short8
from engine.world.loopback.market.tape import Tape

TIMES = ("GTC", "IOC", "FOK", "GTX", "GTD")
SIDES = ("BOTH", "LONG", "SHORT")
_PRECISION = "Precision is over the maximum defined for this asset."
MARKET_BOUND = part(Decimal("0.05"))


@dataclass(slots=True, eq=False)
class Trader(Account):
    """An account of perpetuals: its wallet in 1e-8 USDT, positions by symbol and side, and its modes."""

    wallet_e8: int = 0
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)
    leverages: dict[str, int] = field(default_factory=dict)
    isolated: set[str] = field(default_factory=set)
    dual: bool = False
    income: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_ORDERS))
    countdowns: dict[str, int] = field(default_factory=dict)

    def leverage(self, symbol: str) -> int:
        """Gives the leverage of a symbol; the exchange begins with 20."""
        return self.leverages.get(symbol, 20)

    def position(self, coin: Instrument, side_name: str) -> Position:
        """Gives a position, a flat one where there is none."""
        key = coin.symbol, side_name
        if key not in self.positions:
            self.positions[key] = Position(coin, side_name)
        return self.positions[key]

    def held(self) -> list[Position]:
        """Gives the positions that are not flat."""
        return [position for position in self.positions.values() if position.steps]


def compose(wanted: Wanted, coin: Instrument, trader: Trader, at: int, new_id: Callable[[], int]) -> Order:
    """Gives the order that a request asks for, on its symbol's grid; raises Refusal."""
    kind = wanted.must("type")
    if kind in ALGO_TYPES:
        raise Refusal(
            -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        )
    if kind not in ("LIMIT", "MARKET"):
        raise Refusal(-1116, "Invalid orderType.")
    side = side_of(wanted)
    order_id = new_id()
    order = Order(
        order_id=order_id, client_id=wanted.client_id("newClientOrderId", "usdm") or f"hot{order_id:019d}",
        account=trader, coin=coin, side=side, type=kind, tif="GTC", steps=0, limit=0, at=at, updated_at=at,
        orig_type=kind, position_side=position_side(wanted, trader),
        reduce_only=wanted.flag("reduceOnly"),
    )  # fmt: skip
    if trader.dual and order.reduce_only:
        raise unneeded("reduceOnly")
    if wanted.flag("closePosition"):
        raise Refusal(-4136, f"Target strategy invalid for orderType {kind},closePosition true")
    if wanted.text("quantity") is None:
        raise missing("quantity")
    order.steps = qty_of(coin, wanted, kind == "MARKET")
    if kind == "LIMIT":
        order.tif = wanted.one_of("timeInForce", TIMES, -1115, "Invalid timeInForce.")
        wanted.must("price")
        order.limit = price_of(coin, wanted, "price")
        if order.tif == "GTD":
            order.good_till = wanted.whole("goodTillDate") or 0
            if order.good_till <= at + 600_000:
                raise Refusal(
                    -5040, "The goodTillDate timestamp must be greater than the current time plus 600 seconds."
                )
    elif wanted.text("price") or wanted.text("timeInForce"):
        raise unneeded("price" if wanted.text("price") else "timeinforce")
    order.stp = wanted.one_of("selfTradePreventionMode", STP_MODES, -1130, "Invalid mode.", "EXPIRE_MAKER")
    return order


def side_of(wanted: Wanted) -> int:
    """Gives +1 for BUY, -1 for SELL."""
    return 1 if wanted.one_of("side", ("BUY", "SELL"), -1117, "Invalid side.") == "BUY" else -1


def position_side(wanted: Wanted, trader: Trader) -> str:
    """Gives the position side, which has to fit the account's mode."""
    side = wanted.one_of("positionSide", SIDES, -4060, "Invalid position side.", "BOTH")
    if (side == "BOTH") == trader.dual:
        raise Refusal(-4061, "Order's position side does not match user's setting.")
    return side


def price_of(coin: Instrument, wanted: Wanted, name: str) -> int:
    """Gives a price in ticks, 0 where it was not sent."""
    price = wanted.number(name)
    if price is None:
        return 0
    ticks = on_ticks(coin, price)
    if ticks is None:
        finer = _digits(price) > _digits(coin.scale.tick)
        raise Refusal(-1111, _PRECISION) if finer else Refusal(-4014, "Price not increased by tick size.")
    low, high = coin.filters.min_price, coin.filters.max_price
    if price < low or not ticks:
        raise Refusal(-4013, f"Price less than min price {low}.")
    if high and price > high:
        raise Refusal(-4002, "Price greater than max price.")
    return ticks


def qty_of(coin: Instrument, wanted: Wanted, market: bool) -> int:
    """Gives the quantity in steps."""
    qty = wanted.number("quantity") or Decimal(0)
    if not qty:
        raise Refusal(-4003, "Quantity less than or equal to zero.")
    steps, rules = on_steps(coin, qty), coin.rules
    if steps is None:
        raise Refusal(-1111, _PRECISION)
    most = Decimal(rules.market_max_qty if market else rules.max_qty)
    if qty < Decimal(rules.min_qty):
        raise Refusal(-4004, "Quantity less than min quantity.")
    if most and qty > most:
        raise Refusal(-4005, "Quantity greater than max quantity.")
    return steps


def check_filters(order: Order, tape: Tape) -> None:
    """Refuses an order whose price or notional breaks a filter; orders that only reduce have no least notional."""
    coin, rules = order.coin, order.coin.rules
    if order.limit:
        low, _ = coin.bounds(tape.mark, -1)
        _, high = coin.bounds(tape.mark, 1)
        if order.side > 0 and high and order.limit > high:
            raise Refusal(-4016, f"Limit price can't be higher than {coin.price(high)}.")
        if order.side < 0 and order.limit < low:
            raise Refusal(-4024, f"Limit price can't be lower than {coin.price(low)}.")
    least = int(Decimal(rules.min_notional) * E8)
    if not order.reduce_only and not order.close_position:
        notional = coin.money(order.limit or tape.mark, order.steps)
        if notional < least:
            text = f"Order's notional must be no smaller than {short8(least)} (unless you choose reduce only)."
            raise Refusal(-4164, text)
    if rules.max_orders:
        count = sum(one.coin is coin for one in order.account.open.values())
        if count >= rules.max_orders:
            raise Refusal(-2025, "Reach max open order limit.")


def market_limit(order: Order, tape: Tape) -> int:
    """Gives the worst price in ticks that a market order may take (marketTakeBound)."""
    return tape.mark * (PART + order.side * MARKET_BOUND) // PART


def _digits(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
