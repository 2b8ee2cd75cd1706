"""Walking back: when and at what price a holding was really opened, out of its own executions."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.world.account.account import TradeNews
from engine.world.account.fills import in_order, signed_qty

#: How far the price that was walked back to may lie from the exchange's own entry price.
NEAR = Decimal("0.05")


class Opening(NamedTuple):
    """When a holding was opened (epoch ms), its average price, and the executions since, the oldest first."""

    opened_at_ms: int
    entry_price: Decimal
    trades: Sequence[TradeNews]

    def is_near(self, price: Decimal) -> bool:
        """Says whether the price agrees with the exchange's; where it does not, executions are missing."""
        return abs(self.entry_price - price) <= NEAR * abs(price)


def walk_back(
    trades: Iterable[TradeNews], qty: Decimal, *, base: str = "", dust: Decimal = Decimal(0)
) -> Opening | None:
    """Gives the opening of a holding of `qty` (below zero: short); None where the executions do not reach back to it.

    A symbol's executions are walked back to where it was flat, or held the other way round.
    On spot, fees that are paid in the coin itself (`base`) never came in, and a remainder up to `dust` counts as flat.
    """
    if abs(qty) <= dust:
        return None
    fills, side, before = in_order(trades), 1 if qty > 0 else -1, qty
    for i in range(len(fills) - 1, -1, -1):
        before -= signed_qty(fills[i], base)
        if before * side <= dust:
            since = fills[i:]
            return Opening(fills[i].venue_at, _average(since, before, side, base), since)
    return None


def _average(fills: Sequence[TradeNews], before: Decimal, side: int, base: str) -> Decimal:
    """Gives the average price of what is held after these executions; selling a part leaves it as it is."""
    # What the first one closed of the other side was no entry, nor was dust that lay there before.
    held = signed_qty(fills[0], base) * side + min(before * side, Decimal(0))
    cost = held * fills[0].price
    for fill in fills[1:]:
        change = signed_qty(fill, base) * side
        cost += change * fill.price if change > 0 else cost * change / held
        held += change
    return cost / held
