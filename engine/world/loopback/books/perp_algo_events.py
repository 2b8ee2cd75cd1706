"""What the algo service says about conditional orders, in answers and user events."""

from typing import Any

from engine.matching.units import E8, PART
from engine.world.loopback.books.algo_order import AlgoOrder
from engine.world.loopback.market.instruments import short8


def algo_view(algo: AlgoOrder, query: bool) -> dict[str, Any]:
    """Gives a conditional order; a query also tells the order that it became."""
    coin = algo.coin
    told: dict[str, Any] = {
        "algoId": algo.algo_id, "clientAlgoId": algo.client_id, "algoType": "CONDITIONAL", "orderType": algo.type,
        "symbol": coin.symbol, "side": _side(algo), "positionSide": algo.position_side, "timeInForce": algo.tif,
        "quantity": coin.qty(algo.steps), "algoStatus": algo.status, "triggerPrice": coin.price(algo.trigger),
        "price": coin.price(algo.limit), "icebergQuantity": None, "selfTradePreventionMode": "NONE",
        "workingType": _working(algo), "priceMatch": "NONE", "closePosition": algo.close_position,
        "priceProtect": algo.protect, "reduceOnly": algo.reduce_only, "activatePrice": coin.price(algo.activate),
        "callbackRate": _rate(algo), "createTime": algo.at, "updateTime": algo.updated_at,
        "triggerTime": algo.triggered_at, "goodTillDate": 0,
    }  # fmt: skip
    if query:
        order = algo.order
        told |= {
            "actualOrderId": str(order.order_id) if order else "", "tpTriggerPrice": "0", "tpPrice": "0",
            "actualPrice": short8(coin.average(order.quote_e8, order.done)) if order else "0",
            "actualQty": coin.qty(order.done) if order else "0", "actualType": order.type if order else "",
        }  # fmt: skip
    return told


def algo_update(algo: AlgoOrder, at: int) -> dict[str, Any]:
    """Gives the user event of a conditional order."""
    coin, order = algo.coin, algo.order
    told: dict[str, Any] = {
        "caid": algo.client_id, "aid": algo.algo_id, "at": "CONDITIONAL", "o": algo.type, "s": coin.symbol,
        "S": _side(algo), "ps": algo.position_side, "f": algo.tif, "q": coin.qty(algo.steps), "X": algo.status,
        "ai": str(order.order_id) if order else "",
        "ap": short8(coin.average(order.quote_e8, order.done)) if order else "0",
        "aq": coin.qty(order.done) if order else "0", "act": order.type if order else "",
        "tp": coin.price(algo.trigger), "p": coin.price(algo.limit), "V": "NONE", "wt": _working(algo), "pm": "NONE",
        "cp": algo.close_position, "pP": algo.protect, "R": algo.reduce_only, "tt": algo.triggered_at, "gtd": 0,
        "rm": algo.refused,
    }  # fmt: skip
    return {"e": "ALGO_UPDATE", "T": algo.updated_at, "E": at, "o": told}


def _side(algo: AlgoOrder) -> str:
    return "BUY" if algo.side > 0 else "SELL"


def _working(algo: AlgoOrder) -> str:
    return "MARK_PRICE" if algo.by_mark else "CONTRACT_PRICE"


def _rate(algo: AlgoOrder) -> str | None:
    return short8(algo.callback * 100 * E8 // PART) if algo.callback else None
