"""Every kernel of the package is the same bar by bar as in one call, sees no future, and survives being saved."""

import importlib
import inspect
import json
import math
import pkgutil
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import engine.kernels
from engine.kernels.averages import Ema, EmaSlopePct, Macd, Sma
from engine.kernels.kernel import Kernel
from engine.kernels.oscillators import RollingPctRank, Rsi
from engine.kernels.volatility import Atr, AtrRatio, Bbands, Natr

Columns = list[list[float]]
NAN = math.nan


def kernels_of_the_package() -> list[type[Kernel[Any]]]:
    for module in pkgutil.iter_modules(engine.kernels.__path__):
        importlib.import_module(f"engine.kernels.{module.name}")
    return sorted(Kernel.__subclasses__(), key=lambda kernel: kernel.__name__)


def quick(kernel: Any) -> Kernel[Any]:
    """A kernel with a quarter of its usual periods, so that a short series warms it up."""
    defaults = {name: p.default for name, p in inspect.signature(kernel).parameters.items()}
    made: Kernel[Any] = kernel(
        **{name: max(1, value // 4) for name, value in defaults.items() if isinstance(value, int)}
    )
    return made


def bits(kernel: Kernel[Any], lines: Any) -> list[list[str]]:
    """The lines as exact hexadecimal floats; NaN equals NaN."""
    return [[value.hex() for value in line] for line in ([lines] if len(kernel.outputs) == 1 else lines)]


def joined(parts: list[list[list[str]]]) -> list[list[str]]:
    return [[value for part in parts for value in part[i]] for i in range(len(parts[0]))]


def blocks(columns: Columns, cuts: list[int]) -> Iterator[Columns]:
    ends = [0, *sorted(cuts), len(columns[0])]
    for start, end in pairwise(ends):
        yield [column[start:end] for column in columns]


tied = st.sampled_from([1.0, 1.1, 1.2, 1.3])
awkward = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.1, 1e-300, 5e-324, 1e-12, 1e12, 1e100, NAN, math.inf, -math.inf])
anything = st.floats(min_value=-1e100, max_value=1e100) | st.just(NAN)
price = st.floats(min_value=1e-8, max_value=1e6)


@st.composite
def markets(draw: st.DrawFn) -> Columns:
    """Three columns of up to 60 bars: flat, tied, wild or awkward, some with a hole at the start."""
    bars = draw(st.integers(0, 60))
    kind = draw(st.sampled_from([tied, awkward, anything, price]))
    hole = draw(st.integers(0, min(5, bars)))
    column = st.lists(kind, min_size=bars - hole, max_size=bars - hole)
    return [[NAN] * hole + draw(column) for _ in range(3)]


every_kernel = pytest.mark.parametrize("kind", kernels_of_the_package(), ids=lambda kind: kind.__name__)


def test_the_package_has_its_kernels() -> None:
    assert len(kernels_of_the_package()) >= 18


@every_kernel
@settings(max_examples=25, deadline=None)
@given(market=markets(), data=st.data())
def test_blocks_of_any_length_give_the_bits_of_one_call(kind: Any, market: Columns, data: st.DataObject) -> None:
    whole, piecewise = quick(kind), quick(kind)
    columns = market[: len(whole.inputs)]
    cuts = data.draw(st.lists(st.integers(0, len(columns[0])), max_size=8))
    parts = [bits(piecewise, piecewise.advance(*block)) for block in blocks(columns, cuts)]
    assert joined(parts) == bits(whole, whole.advance(*columns))
    assert piecewise.state == whole.state


@every_kernel
@settings(max_examples=25, deadline=None)
@given(market=markets())
def test_bar_by_bar_gives_the_bits_of_one_call(kind: Any, market: Columns) -> None:
    whole, live = quick(kind), quick(kind)
    columns = market[: len(whole.inputs)]
    cuts = list(range(1, len(columns[0])))
    parts = [bits(live, live.advance(*block)) for block in blocks(columns, cuts)]
    assert joined(parts) == bits(whole, whole.advance(*columns))
    assert live.state == whole.state


@every_kernel
@settings(max_examples=25, deadline=None)
@given(market=markets(), other=markets(), data=st.data())
def test_no_value_depends_on_a_later_bar(kind: Any, market: Columns, other: Columns, data: st.DataObject) -> None:
    first, second = quick(kind), quick(kind)
    until = data.draw(st.integers(0, len(market[0])))
    columns = market[: len(first.inputs)]
    changed = [column[:until] + later for column, later in zip(columns, other, strict=False)]
    was = bits(first, first.advance(*columns))
    now = bits(second, second.advance(*changed))
    assert [line[:until] for line in was] == [line[:until] for line in now]


@every_kernel
@settings(max_examples=25, deadline=None)
@given(market=markets(), data=st.data())
def test_a_state_saved_as_json_goes_on_with_the_same_bits(kind: Any, market: Columns, data: st.DataObject) -> None:
    going_on = quick(kind)
    columns = market[: len(going_on.inputs)]
    until = data.draw(st.integers(0, len(columns[0])))
    before, after = blocks(columns, [until])
    going_on.advance(*before)
    resumed = quick(kind).resume(json.loads(json.dumps(going_on.state, allow_nan=False)))
    assert bits(resumed, resumed.advance(*after)) == bits(going_on, going_on.advance(*after))
    assert resumed.state == going_on.state


@every_kernel
@settings(max_examples=25, deadline=None)
@given(market=markets(), hole=st.sampled_from([NAN, math.inf, -math.inf]), data=st.data())
def test_a_hole_in_any_input_starts_the_warm_up_again(
    kind: Any, market: Columns, hole: float, data: st.DataObject
) -> None:
    broken, fresh = quick(kind), quick(kind)
    columns = market[: len(broken.inputs)]
    hit = data.draw(st.integers(0, len(columns) - 1))
    broken.advance(*columns)
    at_hole = broken.advance(*[[hole if i == hit else 1.0] for i in range(len(columns))])
    assert bits(broken, at_hole) == [["nan"]] * len(broken.outputs)
    assert bits(broken, broken.advance(*columns)) == bits(fresh, fresh.advance(*columns))


@every_kernel
def test_a_long_series_warms_every_line_up(kind: Any) -> None:
    kernel = kind()
    wave = [100.0 + math.sin(i / 7.0) + math.sin(i / 3.0) for i in range(400)]
    market = {"high": [x + 0.5 for x in wave], "low": [x - 0.5 for x in wave], "close": wave}
    lines = bits(kernel, kernel.advance(*[market[name] for name in kernel.inputs]))
    assert [line.count("nan") for line in lines] == [line.index(next(v for v in line if v != "nan")) for line in lines]
    assert "nan" not in [line[-1] for line in lines]


@every_kernel
def test_a_market_of_zeros_divides_by_nothing(kind: Any) -> None:
    kernel = quick(kind)
    lines = bits(kernel, kernel.advance(*[[0.0] * 60 for _ in kernel.inputs]))
    assert "inf" not in {value.lstrip("-") for line in lines for value in line}


def test_a_ratio_to_zero_is_undefined() -> None:
    assert math.isnan(Bbands(2).advance([0.0, 0.0]).bandwidth[-1])
    assert math.isnan(Natr(1).advance([0.0, 1.0], [0.0, 0.0], [0.0, 0.0])[-1])
    assert math.isnan(AtrRatio(1, 1).advance([1.0, 1.0], [1.0, 1.0], [1.0, 1.0])[-1])
    assert math.isnan(EmaSlopePct(1, 1).advance([0.0, 1.0])[-1])


@every_kernel
def test_a_column_too_many_or_too_few_is_refused(kind: Any) -> None:
    columns = [[1.0, 2.0]] * len(kind.inputs)
    with pytest.raises(ValueError, match="equally long columns"):
        kind().advance(*columns, [1.0, 2.0])
    with pytest.raises(ValueError, match="equally long columns"):
        kind().advance(*columns[1:])


@pytest.mark.parametrize("close", [[1.0], [1.0, 2.0, 3.0]])
def test_columns_of_unequal_length_are_refused(close: list[float]) -> None:
    with pytest.raises(ValueError, match="equally long columns of high, low, close"):
        Atr(14).advance([1.0, 2.0], [1.0, 2.0], close)


@every_kernel
def test_a_state_of_another_kernel_is_refused(kind: Any) -> None:
    with pytest.raises(ValueError, match="numbers, the saved state has"):
        kind().resume([0.0] * 1000)


@pytest.mark.parametrize("n", [0, -1])
def test_a_period_below_one_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match=f"n must be at least 1, not {n}"):
        Ema(n)


def test_a_macd_whose_slow_period_is_not_slower_is_refused() -> None:
    with pytest.raises(ValueError, match="slow must be at least 13"):
        Macd(12, 12, 9)


def test_a_spike_that_has_left_the_window_leaves_nothing_behind() -> None:
    spiked = [1e15, -1e15, 3e14] + [0.1, 0.2, 0.3, 0.4] * 50
    assert Sma(4).advance(spiked)[-1] == Sma(4).advance([0.1, 0.2, 0.3, 0.4])[-1]
    assert Bbands(4, 2.0).advance(spiked).upper[-1] == Bbands(4, 2.0).advance([0.1, 0.2, 0.3, 0.4]).upper[-1]


def test_a_mean_keeps_its_accuracy_over_a_long_fall() -> None:
    fall = [1e9 * math.exp(-i / 100.0) for i in range(6000)]
    expected = math.fsum(fall[-20:]) / 20.0
    assert math.isclose(Sma(20).advance(fall)[-1], expected, rel_tol=1e-14)


@pytest.mark.parametrize("x", [0.1, 97234.1, 1e-8, 123456789.123])
def test_a_flat_window_has_exactly_its_value_as_mean_and_no_width(x: float) -> None:
    bands = Bbands(20, 2.0).advance([x] * 25)
    assert bands.middle[-1] == bands.upper[-1] == bands.lower[-1] == x
    assert bands.bandwidth[-1] == 0.0
    assert math.isnan(bands.percent_b[-1])


def test_a_width_that_is_only_rounding_is_no_width() -> None:
    bands = Bbands(4, 2.0).advance([1.0, 1.0 + 2.0**-52, 1.0, 1.0])
    assert bands.bandwidth[-1] == 0.0
    assert math.isnan(bands.percent_b[-1])


def test_leading_holes_shift_the_start_of_an_average() -> None:
    assert bits(Ema(3), Ema(3).advance([NAN, NAN, 1.0, 2.0, 3.0]))[0] == ["nan"] * 4 + [(2.0).hex()]


def test_a_rank_counts_ties_half() -> None:
    assert RollingPctRank(4).advance([1.0, 2.0, 2.0, 2.0])[-1] == 62.5


def test_a_hole_leaves_the_rank_undefined_while_the_window_holds_it() -> None:
    ranks = RollingPctRank(3).advance([1.0, 2.0, NAN, 3.0, 4.0, 5.0])
    assert [math.isnan(rank) for rank in ranks] == [True, True, True, True, True, False]


def test_an_rsi_of_falls_alone_is_zero_and_of_rises_alone_a_hundred() -> None:
    assert Rsi(2).advance([3.0, 2.0, 1.0])[-1] == 0.0
    assert Rsi(2).advance([1.0, 2.0, 3.0])[-1] == 100.0


def test_bars_fed_one_by_one_need_no_future() -> None:
    kernel = Atr(2)
    given_out = [kernel.advance([h], [h - 1.0], [h - 0.5])[0] for h in (10.0, 11.0, 12.0)]
    assert given_out[2] == 1.5
