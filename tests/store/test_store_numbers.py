"""Decimal columns: every text comes back as it was, and every float is what its text says."""

import struct
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.world.store.numbers import Numbers, Unstorable

whole = st.integers(0, 10**9).map(str)
fraction = st.text("0123456789", min_size=0, max_size=9)
plain = st.tuples(whole, fraction).map(lambda parts: f"{parts[0]}.{parts[1]}" if parts[1] else parts[0])
signed = st.tuples(st.sampled_from(["", "-"]), plain).map("".join)
columns = st.lists(st.none() | signed, min_size=1, max_size=30)


@given(columns)
def test_texts_come_back_as_they_were_written(texts: list[str | None]) -> None:
    assert Numbers.of(texts).texts() == texts


@given(columns)
def test_mantissas_hold_the_exact_value(texts: list[str | None]) -> None:
    numbers = Numbers.of(texts)
    values = [Decimal(int(one)).scaleb(-numbers.digits) for one in numbers.mantissa]
    assert values == [Decimal(-1).scaleb(-numbers.digits) if text is None else Decimal(text) for text in texts]


@given(columns)
def test_floats_are_those_of_the_texts_bit_for_bit(texts: list[str | None]) -> None:
    wanted = [float("nan") if text is None else float(text) for text in texts]
    got = Numbers.of(texts).floats().tolist()
    assert [struct.pack("<d", one) for one in got if one == one] == [
        struct.pack("<d", one) for one in wanted if one == one
    ]
    assert [one != one for one in got] == [text is None for text in texts]


@pytest.mark.parametrize(
    "text",
    ["9007199254740993", "0.9007199254740993", "123456789.0123456789", "9223372036854775.807", "92233.72036854775807"],
)
def test_a_mantissa_beyond_2_53_still_gives_the_right_float(text: str) -> None:
    assert Numbers.of([text]).floats().tolist() == [float(text)]


@given(st.lists(st.integers(2**53, 2**63 - 1), min_size=1), st.integers(0, 18), st.booleans())
def test_floats_of_mantissas_beyond_2_53_are_those_of_the_texts(wholes: list[int], digits: int, below: bool) -> None:
    mantissa = np.array([-one if below else one for one in wholes], np.int64)
    numbers = Numbers(mantissa, np.full(len(wholes), digits, np.uint8), digits)
    assert numbers.floats().tolist() == [float(text or "nan") for text in numbers.texts()]


@given(st.integers(2**52, 2**53 - 1), st.integers(1, 12), st.integers(0, 40), st.integers(-1, 1))
def test_floats_round_right_beside_the_middle_of_two(significand: int, digits: int, shift: int, beside: int) -> None:
    middle = (2 * significand + 1) * 10**digits // 2**shift
    while middle + 1 >= 2**62:
        middle //= 2
    numbers = Numbers(np.array([middle + beside]), np.array([digits], np.uint8), digits)
    assert numbers.floats().tolist() == [float(text or "nan") for text in numbers.texts()]


@given(columns, st.integers(0, 3))
def test_a_finer_exponent_changes_no_value(texts: list[str | None], more: int) -> None:
    numbers = Numbers.of(texts)
    finer = numbers.at_digits(min(numbers.digits + more, 9))
    assert finer.texts() == texts
    assert np.array_equal(finer.floats(), numbers.floats(), equal_nan=True)


def test_zeros_at_the_end_cost_no_digits() -> None:
    numbers = Numbers.of(["139193694834.00000000", "7"])
    assert (numbers.digits, numbers.mantissa.tolist()) == (0, [139193694834, 7])
    assert numbers.texts() == ["139193694834.00000000", "7"]


@pytest.mark.parametrize("text", ["007.5", "1e5", "+1", " 1", "1_0", ".5", "5.", "", "١", "nan", "1" * 19])
def test_what_could_not_be_written_back_is_refused(text: str) -> None:
    with pytest.raises(Unstorable) as refused:
        Numbers.of(["1.5", text])
    assert refused.value.row == 1


@pytest.mark.parametrize("texts", [["1", "99999999999.123456789"], ["0.000000001", "99999999999"]])
def test_what_is_beyond_64_bits_is_refused_with_its_row(texts: list[str]) -> None:
    with pytest.raises(Unstorable, match="64 bits") as refused:
        Numbers.of(texts)
    assert refused.value.row == 1
