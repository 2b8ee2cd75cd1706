"""Margin of isolated perpetuals: what keeps a position alive, and the prices at which it ends."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

HOUR_MS = 3_600_000


class Tier(NamedTuple):
    """A step of maintenance margin: notional above `floor` must keep `rate` of itself, less `cum`; money in quote."""

    floor: Decimal
    rate: Decimal
    cum: Decimal


def tiers_of(steps: Iterable[tuple[Decimal, Decimal]]) -> tuple[Tier, ...]:
    """Gives the tiers of (floor, rate), ascending; `cum` keeps the margin continuous at every floor.

    Source: Binance FAQ, leverage and margin of USDT-margined futures.
    """
    made: list[Tier] = []
    for floor, rate in steps:
        cum = floor * (rate - made[-1].rate) + made[-1].cum if made else Decimal(0)
        made.append(Tier(floor, rate, cum))
    return tuple(made)


def tier_of(notional: Decimal, tiers: Sequence[Tier]) -> Tier:
    """Gives the tier that a notional stands in: above its floor, up to the next one's."""
    found = tiers[0]
    for tier in tiers:
        if notional > tier.floor:
            found = tier
    return found


def maintenance(notional: Decimal, tiers: Sequence[Tier]) -> Decimal:
    """Gives the margin that a notional must keep."""
    tier = tier_of(notional, tiers)
    return notional * tier.rate - tier.cum


def liquidation_in(tier: Tier, side: int, qty: Decimal, cost: Decimal, wallet: Decimal) -> Decimal:
    """Gives the price at which a wallet is just the maintenance of one tier; `side` +1 long, -1 short.

    `cost` is entry price times quantity. For cross margin `wallet` is the balance less the maintenance of all other
    positions, with what those earn on paper. Source: Binance FAQ, liquidation price of USDT-margined futures.
    """
    return (wallet + tier.cum - side * cost) / (qty * (tier.rate - side))


def liquidation_price(side: int, qty: Decimal, cost: Decimal, wallet: Decimal, tiers: Sequence[Tier]) -> Decimal | None:
    """Gives the price that liquidates an isolated position, None where there is none.

    The tier must be that of the notional at this very price, so it is looked for until it stays the same.
    """
    tier = tier_of(cost, tiers)
    price = Decimal(0)
    for _ in tiers:
        price = liquidation_in(tier, side, qty, cost, wallet)
        found = tier_of(price * qty, tiers)
        if found is tier:
            break
        tier = found
    return price if price > 0 else None


def funding_amount(side: int, qty: Decimal, mark: Decimal, rate: Decimal) -> Decimal:
    """Gives what a holder is paid at a funding time (negative: pays), in quote: longs pay a rate above zero."""
    return -side * qty * mark * rate


def funding_times(opened_at: int, closed_at: int, every_ms: int = 8 * HOUR_MS) -> range:
    """Gives the funding times that a position was held through: after it was opened, up to and with its close (ms)."""
    return range((opened_at // every_ms + 1) * every_ms, closed_at + 1, every_ms)
