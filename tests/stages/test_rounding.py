"""Rounding: on the grid in exact arithmetic, never more than meant, on the careful side, in plain digits."""

import re
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from hypothesis import example, given
from hypothesis import strategies as st
from stage_builders import examples

from engine.matching.units import plain
from engine.stages.size import floor_to, round_price

PLAIN = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?", re.ASCII)
#: Grids as exchanges have them: powers of ten, and multiples of them.
grids = st.builds(
    lambda digits, times: Decimal(times).scaleb(-digits), st.integers(0, 8), st.sampled_from([1, 2, 5, 25])
)
amounts = st.builds(lambda units, digits: Decimal(units).scaleb(-digits), st.integers(1, 10**18), st.integers(0, 12))
ratios = st.builds(lambda money, price: money / price, amounts, amounts)


@examples(400)
@given(amounts | ratios, grids)
@example(Decimal("0.3"), Decimal("0.1"))
@example(Decimal("1E-7"), Decimal("0.00000001"))
@example(Decimal("2.999999999999999999999999999"), Decimal(1))
def test_a_quantity_is_the_largest_multiple_that_is_not_more(value: Decimal, step: Decimal) -> None:
    found, wanted = floor_to(value, step), floor(Fraction(value) / Fraction(step)) * Fraction(step)
    assert Fraction(found) == wanted


@examples(400)
@given(amounts | ratios, grids, st.sampled_from(["buy", "sell"]))
def test_a_limit_is_on_the_grid_and_on_the_careful_side(price: Decimal, tick: Decimal, side: str) -> None:
    ratio = Fraction(price) / Fraction(tick)
    wanted = (floor(ratio) if side == "buy" else ceil(ratio)) * Fraction(tick)
    assert Fraction(round_price(price, tick, side)) == wanted


@examples(400)
@given(amounts | ratios)
def test_digits_are_plain_and_mean_the_same(value: Decimal) -> None:
    assert PLAIN.fullmatch(plain(value))
    assert Decimal(plain(value)) == value
