"""When spot's stops go off."""

from engine.matching.units import PART
from engine.world.loopback.books.orders import Order


def is_through(order: Order, last: int) -> bool:
    """Says whether the last price (ticks) is at or through an order's stop."""
    if not order.stop:
        return False
    rises = order.type.startswith("STOP") == (order.side > 0)
    return last >= order.stop if rises else last <= order.stop


def is_touched(order: Order, last: int) -> bool:
    """Says whether the last price (ticks) sets an order off; a trailing one remembers the best price it saw."""
    if not order.trail_bips:
        return is_through(order, last)
    if not order.trail_best:
        if order.stop and not is_through(order, last):
            return False
        order.trail_best = last
    order.trail_best = min(order.trail_best, last) if order.side > 0 else max(order.trail_best, last)
    back = order.side * (last - order.trail_best)
    return back * PART >= order.trail_best * order.trail_bips * (PART // 10_000)
