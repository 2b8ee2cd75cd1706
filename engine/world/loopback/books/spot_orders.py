"""A spot order as a request describes it: which parameters its type needs, and which it may not have."""

from collections.abc import Callable, Mapping

from engine.matching.units import e8
from engine.world.loopback.books.orders import Account, Order
from engine.world.loopback.books.refusals import Refusal, missing, rejected, unneeded
from engine.world.loopback.books.spot_filters import price_of, qty_of
from engine.world.loopback.books.wanted import Wanted, check_digits
from engine.world.loopback.market.instruments import STP_MODES, Instrument

TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
LIMITS = ("LIMIT", "LIMIT_MAKER", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
LEAST_STRATEGY = 1_000_000
TIMES = ("GTC", "IOC", "FOK")


def _names(leg: str) -> dict[str, str]:
    own = ("type", "timeInForce", "price", "stopPrice", "trailingDelta")
    names = {name: leg + name[0].upper() + name[1:] if leg else name for name in own}
    return names | {"newClientOrderId": f"{leg}ClientOrderId" if leg else "newClientOrderId"}


#: What the parameters of an order are called when it stands alone, and as a leg of a list.
NAMES = {leg: _names(leg) for leg in ("", "above", "below")}


def compose(
    wanted: Wanted, coin: Instrument, account: Account, at: int, new_id: Callable[[], int], prefix: str = ""
) -> Order:
    """Gives the order that a request asks for, on its symbol's grid; raises Refusal.

    `prefix` is above or below for the legs of a list, whose parameters carry that word before their names.
    """
    names = NAMES[prefix]
    kind = wanted.one_of(names["type"], TYPES, -1116, "Invalid orderType.")
    side = 1 if wanted.one_of("side", ("BUY", "SELL"), -1117, "Invalid side.") == "BUY" else -1
    client_id = wanted.client_id(names["newClientOrderId"], "spot")
    order_id = new_id()
    order = Order(
        order_id=order_id, client_id=client_id or f"hot{order_id:033x}"[:36], account=account, coin=coin, side=side,
        type=kind, tif=_time_in_force(wanted, names, kind), steps=0, limit=_limit(wanted, names, coin, kind), at=at,
        updated_at=at,
    )  # fmt: skip
    _trigger(order, wanted, names)
    _amount(order, wanted)
    order.stp = wanted.one_of(
        "selfTradePreventionMode", STP_MODES, -1013, "This symbol does not allow the specified self-trade "
        "prevention mode.", "EXPIRE_MAKER",
    )  # fmt: skip
    if wanted.text("icebergQty"):
        raise rejected("Iceberg orders are not supported for this symbol.")
    for one in ("strategyId", "strategyType"):
        value = wanted.whole(one)
        if value is not None:
            order.strategy[one] = value
    if order.strategy.get("strategyType", LEAST_STRATEGY) < LEAST_STRATEGY:
        raise Refusal(-1134, "strategyType was less than 1000000.")
    return order


def _time_in_force(wanted: Wanted, names: Mapping[str, str], kind: str) -> str:
    if kind in ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"):
        return wanted.one_of(names["timeInForce"], TIMES, -1115, "Invalid timeInForce.")
    if wanted.text(names["timeInForce"]) and kind != "LIMIT_MAKER":
        raise unneeded("timeInForce")
    return "GTC"


def _limit(wanted: Wanted, names: Mapping[str, str], coin: Instrument, kind: str) -> int:
    if kind in LIMITS:
        wanted.must(names["price"])
        return price_of(coin, wanted, names["price"])
    if wanted.text(names["price"]):
        raise unneeded("price")
    return 0


def _trigger(order: Order, wanted: Wanted, names: Mapping[str, str]) -> None:
    stop, trail = wanted.text(names["stopPrice"]), wanted.whole(names["trailingDelta"])
    if order.type not in STOPS:
        if stop:
            raise unneeded("stopPrice")
        return
    if stop is None and trail is None:
        raise missing(names["stopPrice"])
    order.stop = price_of(order.coin, wanted, names["stopPrice"])
    if trail is not None:
        if not 10 <= trail <= 2000:
            raise Refusal(-1013, "Filter failure: TRAILING_DELTA")
        order.trail_bips = trail


def _amount(order: Order, wanted: Wanted) -> None:
    qty, spend = wanted.number("quantity"), wanted.number("quoteOrderQty")
    if spend is not None:
        if order.type != "MARKET":
            raise unneeded("quoteOrderQty")
        if qty is not None:
            raise Refusal(-1128, "Combination of optional parameters invalid.")
        check_digits(spend)
        order.quote_qty_e8 = e8(spend)
    elif qty is None:
        raise missing("quantity")
    else:
        order.steps = qty_of(order.coin, qty, order.type in ("MARKET", "STOP_LOSS", "TAKE_PROFIT"))
