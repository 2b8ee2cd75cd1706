"""Decimals that the kernels of tickers read are the very floats that Python makes of them."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.kernels import tickers
from engine.kernels.compiled import compiled
from engine.records.glance import are_amounts

DIGITS = "0123456789"


def read(text: str, decimal: Callable[..., float] = tickers.decimal) -> float:
    frame = b"[" + text.encode() + b"]"
    return decimal(frame, 1, len(frame) - 1)


plain = st.builds(
    lambda whole, part: f"{whole}.{part}" if part else whole,
    st.text(DIGITS, min_size=1, max_size=15),
    st.text(DIGITS, max_size=18),
)


@given(plain)
@example("9007199254740993.5")
@example("4503599627370497.5")
@example("90071992.54740993")
@example("0.000000000000000001")
@example("123456789.12345678")
@example("999999999999999.99999999")
@example("67108864.999999999")
@settings(max_examples=2_000, deadline=None)
def test_a_decimal_is_the_float_of_python_or_left_to_it(text: str) -> None:
    assert read(text) in (float(text), -1.0)


def test_what_exchanges_write_is_not_left_to_python() -> None:
    chance = random.Random(3)
    for _ in range(20_000):
        text = f"{chance.randrange(10 ** chance.randint(1, 15))}.{chance.randrange(10**8):08d}"
        assert read(text) == float(text)


def test_halfway_between_two_floats_goes_to_the_even_one() -> None:
    chance = random.Random(4)
    for _ in range(2_000):
        # 2^47 and more: a float's step is 2^-5, so that a 64th lies between two.
        text = f"{chance.randrange(2**47, 10**15 // 4)}.{chance.choice(['015625', '046875', '078125', '984375'])}"
        for near in (text, f"{text}00000001", f"{text[:-1]}{int(text[-1]) - 1}99999999"):
            assert read(near) == float(near), near


@given(st.text("0123456789.-+eE ,", max_size=24))
@settings(max_examples=2_000, deadline=None)
def test_what_is_no_plain_decimal_is_none(text: str) -> None:
    believed = read(text) >= 0.0
    assert not believed or (are_amounts([text]) and read(text) == float(text))


def test_compiled_they_give_the_same() -> None:
    pytest.importorskip("numba")
    import numpy as np

    decimal: Any = compiled(tickers.decimal)
    chance = random.Random(5)
    for _ in range(20_000):
        whole, part = chance.randrange(10 ** chance.randint(1, 16)), chance.randrange(10 ** chance.randint(1, 19))
        text = f"{whole}.{part:0{chance.randint(0, 18)}d}"
        made = decimal(np.frombuffer(b"[" + text.encode() + b"]", np.uint8), 1, len(text) + 1)
        assert made == read(text), text
