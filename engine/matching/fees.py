"""What a fill costs, in the quote asset, in what was received, or in a third asset."""

from decimal import ROUND_CEILING, Decimal
from typing import Literal, NamedTuple

from engine.matching.units import E8, PART, Scale, ceil_div

_E8TH = Decimal("0.00000001")
FeeIn = Literal["quote", "received"] | str


class Fee(NamedTuple):
    """A fee: the amount in its own asset, and what that is worth in 1e-8 quote. `of_base` is the part taken from the
    quantity (base asset), in base units."""

    amount: Decimal
    asset: str
    quote_e8: int
    of_base: Decimal


def fee_of(
    scale: Scale, side: int, ticks: int, steps: int, rate_parts: int, *, fee_in: FeeIn, base: str, quote: str,
    asset_price: Decimal | None = None,
) -> Fee:  # fmt: skip
    """Gives the fee of a fill, rounded up to 1e-8 of its asset: a fee is never less than the venue would take.

    `fee_in`: `quote`, `received` (what the fill brings in: base when buying, quote when selling, as spot exchanges
    do), or another asset's name, paid at `asset_price` (quote per unit; without one the fee falls back to quote).
    An asset that is the one being traded is taken like `received`.
    """
    notional = scale.money(ticks, steps, up=True)
    quote_e8 = ceil_div(notional * rate_parts, PART)
    if fee_in in ("received", base) and side > 0:
        amount = _up8(scale.qty(steps) * Decimal(rate_parts) / PART)
        return Fee(amount, base, quote_e8, amount)
    if fee_in not in ("quote", "received", base, quote) and asset_price:
        return Fee(_up8(Decimal(quote_e8) / E8 / asset_price), fee_in, quote_e8, Decimal(0))
    return Fee(Decimal(quote_e8) / E8, quote, quote_e8, Decimal(0))


def _up8(amount: Decimal) -> Decimal:
    return amount.quantize(_E8TH, ROUND_CEILING)
