"""The whole numbers and the texts of the block path's desk are those of the stages."""

import base64
import math
from decimal import Decimal
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from engine.kernels.figures import figure_of
from engine.kernels.legs import divided, level
from engine.kernels.reading import POWER, WIDEST, quotient, widest
from engine.matching.units import E8, plain
from engine.records.base import figure
from engine.records.ids import client_id

pytest.importorskip("numba")

from engine.runs.backtest.blocks.texts import Texts


@given(some.integers(0, 2**60), some.integers(0, 2**60 - 1), some.integers(1, 2**42 - 1))
def test_long_products_are_divided_exactly(a, b, c):
    assert divided(a, b, c, False) == a * b // c
    assert divided(a, b, c, True) == -(-a * b // c)


@given(some.integers(1, 10**10), some.integers(-99 * 10**6, 10**9))
def test_levels_are_rounded_up(entry, pct):
    assert level(entry, pct) == -(-entry * (10**8 + pct) // 10**8)


@given(some.integers(-(2**62), 2**62), some.sampled_from(["0.00000001", "0.05", "1", "25", "0.001", "1E+2", "0.125"]))
def test_multiples_are_written_in_plain_digits(count, unit):
    assert Texts(Decimal(unit)).of(count) == plain(count * Decimal(unit))


@given(
    some.integers(0, 2**53), some.integers(1, 2**53), some.sampled_from(["0.00000001", "0.05", "1", "25", "0.125"])
)  # fmt: skip
@example(5, 2 * 10**6, "1")  # a tie
@example(2**53, 1, "0.00000001")
def test_an_average_price_is_written_as_the_desk_writes_it(cost_e8, count, unit):
    price = round(Decimal(cost_e8) / E8 / (count * Decimal(unit)), 12)
    assert Texts(Decimal(unit)).price(cost_e8, count) == plain(price)


@given(some.text("0123456789abcdef", max_size=64), some.integers(1, 9))
def test_a_client_id_is_base32(key, attempt):
    digest = sha256(f"{key}\x1f{attempt}".encode()).digest()
    assert client_id(key, attempt) == "h" + base64.b32encode(digest).decode().lower()[:27]


@given(some.integers(0, WIDEST), some.integers(0, 12))
@example(2**53 + 1, 10)
@example(2**61 + 2**8, 0)  # a tie
def test_a_wide_number_is_divided_as_its_text_is_read(whole, digits):
    assert whole <= widest(10.0**digits)
    assert quotient(whole, 10.0**digits) == float(f"{whole}e-{digits}")


def test_a_number_of_too_many_decimals_may_only_be_what_float64_holds():
    assert widest(POWER * 10) == 2**53


#: Numbers that lie as near to the middle of two figures as float64 can say, and others.
MIDDLES = some.builds(
    lambda whole, scale, side: math.nextafter((whole + 0.5) / scale, side),
    some.integers(0, 2**52), some.sampled_from([1e4, 1e6]), some.sampled_from([0.0, math.inf]),
)  # fmt: skip


@given(some.floats(allow_nan=True) | some.floats(-1e9, 1e9) | MIDDLES | MIDDLES.map(lambda x: -x))
@example(0.5e-6)
@example(2.5e-4)
def test_figures_of_columns_are_those_of_records(x):
    expected = figure(x)
    assert figure_of(x) == expected if expected is not None else math.isnan(figure_of(x))
