"""How far prices swing: true range and its averages, Bollinger bands."""

import math
from typing import ClassVar, NamedTuple

from engine.kernels.kernel import NAN, Column, Kernel, Line, at_least, only
from engine.kernels.steps import AVERAGE_SLOTS, RANGE_SLOTS, mean, reach, wilder, window, window_slots

_ATR = RANGE_SLOTS
_RATIO = RANGE_SLOTS + AVERAGE_SLOTS


def true_range(state: Line, high: Column, low: Column, close: Column, out: Line) -> None:
    """Moves `TrueRange` over the bars of its columns."""
    for i in range(len(close)):
        out[i] = reach(state, 0, high[i], low[i], close[i], 0)


class TrueRange(Kernel[list[float]]):
    """max(H-L, |H-C'|, |L-C'|) with C' the previous close, in the unit of the price; first at index 1. [Wilder 1978]"""

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = ("tr",)

    def __init__(self) -> None:
        super().__init__(true_range, (), RANGE_SLOTS, only)


def atr(state: Line, high: Column, low: Column, close: Column, out: Line, n: int, first: int) -> None:
    """Moves `Atr` and `AtrTr0` over the bars of its columns."""
    for i in range(len(close)):
        out[i] = wilder(state, _ATR, reach(state, 0, high[i], low[i], close[i], first), n)


class Atr(Kernel[list[float]]):
    """The average true range with Wilder's smoothing, in the unit of the price; first at index n. [TA-Lib]"""

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = ("atr",)

    def __init__(self, n: int = 14) -> None:
        at_least(1, n=n)
        super().__init__(atr, (n, 0), RANGE_SLOTS + AVERAGE_SLOTS, only)


class AtrTr0(Kernel[list[float]]):
    """The average true range that counts H-L of the first bar as its true range; first at index n-1.

    The way of StockCharts and Achelis; converges to `Atr`.
    """

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = ("atr",)

    def __init__(self, n: int = 14) -> None:
        at_least(1, n=n)
        super().__init__(atr, (n, 1), RANGE_SLOTS + AVERAGE_SLOTS, only)


def natr(state: Line, high: Column, low: Column, close: Column, out: Line, n: int) -> None:
    """Moves `Natr` over the bars of its columns."""
    for i in range(len(close)):
        average = wilder(state, _ATR, reach(state, 0, high[i], low[i], close[i], 0), n)
        out[i] = 100.0 * average / close[i] if close[i] != 0.0 else NAN


class Natr(Kernel[list[float]]):
    """The average true range in percent of the close; first at index n, NaN where the close is zero. [TA-Lib]"""

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = ("natr",)

    def __init__(self, n: int = 14) -> None:
        at_least(1, n=n)
        super().__init__(natr, (n,), RANGE_SLOTS + AVERAGE_SLOTS, only)


def atr_ratio(state: Line, high: Column, low: Column, close: Column, out: Line, n: int, mean_n: int) -> None:
    """Moves `AtrRatio` over the bars of its columns."""
    for i in range(len(close)):
        average = wilder(state, _ATR, reach(state, 0, high[i], low[i], close[i], 0), n)
        start = window(state, _RATIO, average, mean_n)
        usual = mean(state, start, mean_n) if start >= 0 else 0.0
        out[i] = average / usual if usual != 0.0 else NAN


class AtrRatio(Kernel[list[float]]):
    """ATR(n) over the mean of its last `mean_n` values, this one included; first at index n+mean_n-1. Our own."""

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = ("ratio",)

    def __init__(self, n: int = 14, mean_n: int = 50) -> None:
        at_least(1, n=n, mean_n=mean_n)
        super().__init__(atr_ratio, (n, mean_n), RANGE_SLOTS + AVERAGE_SLOTS + window_slots(mean_n), only)


class Bands(NamedTuple):
    """Bollinger bands in the unit of the price; `bandwidth` and `percent_b` are fractions."""

    upper: list[float]
    middle: list[float]
    lower: list[float]
    bandwidth: list[float]
    percent_b: list[float]


def bbands(
    state: Line,
    x: Column,
    upper: Line,
    middle: Line,
    lower: Line,
    bandwidth: Line,
    percent_b: Line,
    n: int,
    k: float,
) -> None:
    """Moves `Bbands` over the bars of its columns."""
    for i in range(len(x)):
        start = window(state, 0, x[i], n)
        centre = mean(state, start, n) if start >= 0 else NAN
        reach_out = k * deviation(state, start, n, centre) if start >= 0 else NAN
        middle[i] = centre
        upper[i] = centre + reach_out
        lower[i] = centre - reach_out
        width = upper[i] - lower[i]
        bandwidth[i] = width / centre if centre != 0.0 else NAN
        percent_b[i] = (x[i] - lower[i]) / width if width != 0.0 else NAN


def deviation(values: Column, start: int, n: int, centre: float) -> float:
    """The population standard deviation of `n` values around their mean; 0 where rounding is all there is."""
    total = 0.0
    for i in range(start, start + n):
        apart = values[i] - centre
        total += apart * apart
    spread = math.sqrt(total / n)
    return spread if spread >= 1e-15 * max(1.0, abs(centre)) else 0.0


class Bbands(Kernel[Bands]):
    """The SMA(n) with bands `k` population deviations away; first at index n-1. [Bollinger; StockCharts]

    `bandwidth` = (U-L)/M, NaN at a zero mean; `percent_b` = (x-L)/(U-L), NaN at zero width.
    """

    outputs: ClassVar[tuple[str, ...]] = Bands._fields

    def __init__(self, n: int = 20, k: float = 2.0) -> None:
        at_least(1, n=n)
        super().__init__(bbands, (n, float(k)), window_slots(n), Bands)
