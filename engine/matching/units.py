"""Scaled integers: price in ticks, quantity in steps, money in 1e-8 of the quote asset."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

E8 = 100_000_000
_E8 = Decimal(E8)
#: Fractions (slippage, fees, participation) are whole numbers of this part.
PART = 1_000_000_000
#: Ticks, steps and money stop here, so that no absurd fact makes a state that cannot be saved (signed 64 bits).
MOST = 2**62


def part(fraction: Decimal | float | int) -> int:
    """Gives a fraction as whole parts of 1e-9, the nearest."""
    return round(Decimal(str(fraction)) * PART)


def ceil_div(a: int, b: int) -> int:
    """Divides rounding up."""
    return -(-a // b)


def div(a: int, b: int, up: bool) -> int:
    """Divides rounding up or down."""
    return ceil_div(a, b) if up else a // b


def e8(amount: Decimal, up: bool = False) -> int:
    """Gives money as whole 1e-8 units, rounded down unless `up`."""
    return _bounded(int((amount * _E8).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)))


def _bounded(units: int) -> int:
    return units if -MOST <= units <= MOST else MOST if units > 0 else -MOST


def from_e8(units: int) -> Decimal:
    """Gives whole 1e-8 units as money."""
    return Decimal(units).scaleb(-8)


def plain(value: Decimal) -> str:
    """Writes a decimal in plain digits, without exponent or trailing zeros, as venues want it."""
    if not value:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def on_grid(value: Decimal, step: Decimal) -> bool:
    """Says whether a value is a multiple of a step; unlike `%` also where the quotient has very many digits."""
    ratio = value / step
    return ratio == ratio.to_integral_value()


@dataclass(frozen=True, slots=True)
class Scale:
    """One symbol's grid: its tick and step, and what a tick times a step is worth in 1e-8 quote (a ratio)."""

    tick: Decimal
    step: Decimal
    worth_num: int
    worth_den: int

    @classmethod
    def of(cls, tick: str | Decimal, step: str | Decimal) -> "Scale":
        """Makes the grid of a tick size and a step size; raises ValueError where one is not above zero."""
        t, s = Decimal(tick), Decimal(step)
        if t <= 0 or s <= 0:
            raise ValueError(f"tick {tick} and step {step} must be above zero")
        num, den = (t * s * _E8).as_integer_ratio()
        return cls(t.normalize(), s.normalize(), num, den)

    def ticks(self, price: str | Decimal, up: bool) -> int:
        """Gives a price in ticks; what is off the grid goes up or down."""
        ratio = Decimal(price) / self.tick
        return _bounded(int(ratio.to_integral_value(ROUND_CEILING if up else ROUND_FLOOR)))

    def steps(self, qty: str | Decimal) -> int:
        """Gives a quantity in steps, rounded down: never more than there is."""
        return _bounded(int((Decimal(qty) / self.step).to_integral_value(ROUND_FLOOR)))

    def price(self, ticks: int) -> Decimal:
        """Gives ticks as a price."""
        return ticks * self.tick

    def qty(self, steps: int) -> Decimal:
        """Gives steps as a quantity."""
        return steps * self.step

    def money(self, ticks: int, steps: int, up: bool) -> int:
        """Gives price times quantity in 1e-8 quote: up for what is paid, down for what is received."""
        worth = ticks * steps * self.worth_num
        money = -(-worth // self.worth_den) if up else worth // self.worth_den
        return money if -MOST <= money <= MOST else _bounded(money)

    def least_price(self, money: int, steps: int) -> int:
        """Gives the lowest price in ticks at which so many steps bring so much money (1e-8 quote)."""
        return _bounded(ceil_div(money * self.worth_den, steps * self.worth_num))
