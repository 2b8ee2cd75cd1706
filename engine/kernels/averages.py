"""Moving averages of a price, and the trend read from them: SMA, EMA, its slope, MACD."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

from engine.kernels.kernel import NAN, Column, Kernel, Line, Some, at_least, only
from engine.kernels.steps import (
    AVERAGE_SLOTS,
    STRETCH,
    exponential,
    finite_until,
    mean,
    means,
    slid,
    window,
    window_slots,
)

Seed = Literal["sma", "first"]

_FAST, _SLOW, _SIGNAL = 0, AVERAGE_SLOTS, 2 * AVERAGE_SLOTS


def sma(state: Line, x: Column, out: Line, n: int) -> None:
    """Moves `Sma` over the bars of its columns."""
    i = 0
    while i < len(x):
        until = min(i + STRETCH, len(x))
        if i >= n and state[0] >= n and finite_until(x, i, until) == until:
            # All windows of a stretch lie in the column: they are added side by side, each in the same order.
            means(x, i, until, out, n)
            slid(state, 0, x, i, until, n)
            i = until
        else:
            start = window(state, 0, x[i], n)
            out[i] = mean(state, start, n) if start >= 0 else NAN
            i += 1


def sma_at(x: Column, bars: Sequence[int], out: Line, n: int) -> None:
    """Gives what `Sma` is at some bars, the windows of which lie in the column."""
    for k in range(len(bars)):
        first, end = bars[k] - n + 1, bars[k] + 1
        out[k] = mean(x, first, n) if finite_until(x, first, end) == end else NAN


class Sma(Kernel[list[float]]):
    """The simple average of the last `n` values, in the unit of the input; first at index n-1."""

    outputs: ClassVar[tuple[str, ...]] = ("sma",)

    def __init__(self, n: int = 20) -> None:
        at_least(1, n=n)
        super().__init__(sma, (n,), window_slots(n), only, some=Some(sma_at, n))


def ema(state: Line, x: Column, out: Line, n: int, warm: int) -> None:
    """Moves `Ema` over the bars of its columns."""
    i = 0
    while i < len(x):
        out[i] = exponential(state, 0, x[i], n, warm)
        i += 1
        if state[0] >= warm:
            # Warm: the average stays out of memory while nothing is in the way.
            average = state[1]
            while i < len(x) and math.isfinite(x[i]):
                average += 2.0 / (n + 1.0) * (x[i] - average)
                out[i] = average
                i += 1
            state[1] = average


def emas(
    state: Line, beside: Line, x: Column, out: Line, out_beside: Line, n: int, warm: int, n_beside: int,
    warm_beside: int,
) -> None:  # fmt: skip
    """Moves two `Ema` over the bars of the same column: while one waits for its sum, the other's is made."""
    i = 0
    while i < len(x):
        out[i] = exponential(state, 0, x[i], n, warm)
        out_beside[i] = exponential(beside, 0, x[i], n_beside, warm_beside)
        i += 1
        if state[0] >= warm and beside[0] >= warm_beside:
            average, other = state[1], beside[1]
            while i < len(x) and math.isfinite(x[i]):
                average += 2.0 / (n + 1.0) * (x[i] - average)
                other += 2.0 / (n_beside + 1.0) * (x[i] - other)
                out[i], out_beside[i] = average, other
                i += 1
            state[1], beside[1] = average, other


class Ema(Kernel[list[float]]):
    """The exponential average with weight 2/(n+1), in the unit of the input.

    Seeded with the mean of the first `n` values at index n-1 (`seed="sma"`, TA-Lib), or with the first value at
    index 0 (`seed="first"`, Achelis; pandas with adjust=False).
    """

    outputs: ClassVar[tuple[str, ...]] = ("ema",)

    def __init__(self, n: int = 20, seed: Seed = "sma") -> None:
        at_least(1, n=n)
        super().__init__(ema, (n, n if seed == "sma" else 1), AVERAGE_SLOTS, only, emas)


def ema_slope_pct(state: Line, x: Column, out: Line, n: int, k: int, warm: int) -> None:
    """Moves `EmaSlopePct` over the bars of its columns."""
    for i in range(len(x)):
        average = exponential(state, 0, x[i], n, warm)
        start = window(state, AVERAGE_SLOTS, average, k + 1)
        before = state[start] if start >= 0 else 0.0
        out[i] = 100.0 * (average / before - 1.0) / k if before != 0.0 else NAN


class EmaSlopePct(Kernel[list[float]]):
    """The slope of the EMA(n) over `k` bars, in percent a bar: 100 * (E[t] / E[t-k] - 1) / k.

    First at index n-1+k; NaN where the earlier average is zero. The definition is our own.
    """

    outputs: ClassVar[tuple[str, ...]] = ("slope_pct",)

    def __init__(self, n: int = 50, k: int = 5, seed: Seed = "sma") -> None:
        at_least(1, n=n, k=k)
        warm = n if seed == "sma" else 1
        super().__init__(ema_slope_pct, (n, k, warm), AVERAGE_SLOTS + window_slots(k + 1), only)


class MacdLines(NamedTuple):
    """The lines of a MACD, in the unit of the price."""

    macd: list[float]
    signal: list[float]
    hist: list[float]


def macd(state: Line, x: Column, line: Line, trigger: Line, hist: Line, fast: int, slow: int, signal: int) -> None:
    """Moves `Macd` over the bars of its columns."""
    for i in range(len(x)):
        quick = exponential(state, _FAST, x[i], fast, fast)
        calm = exponential(state, _SLOW, x[i], slow, slow)
        line[i] = quick - calm
        trigger[i] = exponential(state, _SIGNAL, line[i], signal, signal)
        hist[i] = line[i] - trigger[i]


class Macd(Kernel[MacdLines]):
    """EMA(fast) - EMA(slow), its EMA(signal), and their difference; each average seeded with its own mean.

    The MACD comes first at index slow-1, the other two at slow+signal-2. [Appel; as Stock Indicators for .NET]
    """

    outputs: ClassVar[tuple[str, ...]] = MacdLines._fields

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        _check_macd(fast, slow, signal)
        super().__init__(macd, (fast, slow, signal), 3 * AVERAGE_SLOTS, MacdLines)


def macd_talib(
    state: Line, x: Column, line: Line, trigger: Line, hist: Line, fast: int, slow: int, signal: int
) -> None:
    """Moves `MacdTalib` over the bars of its columns."""
    for i in range(len(x)):
        # The fast average begins so late that both are seeded on the same bar.
        late = x[i] if state[_SLOW] >= slow - fast else NAN
        quick = exponential(state, _FAST, late, fast, fast)
        calm = exponential(state, _SLOW, x[i], slow, slow)
        trigger[i] = exponential(state, _SIGNAL, quick - calm, signal, signal)
        hist[i] = quick - calm - trigger[i]
        line[i] = NAN if hist[i] != hist[i] else quick - calm


class MacdTalib(Kernel[MacdLines]):
    """The MACD as TA-Lib computes it: the fast average seeded on the last `fast` of the first `slow` bars.

    All three lines come first at index slow+signal-2; they converge to those of `Macd`.
    """

    outputs: ClassVar[tuple[str, ...]] = MacdLines._fields

    def __init__(self, fast: int = 12, slow: int = 26, signal: int = 9) -> None:
        _check_macd(fast, slow, signal)
        super().__init__(macd_talib, (fast, slow, signal), 3 * AVERAGE_SLOTS, MacdLines)


def _check_macd(fast: int, slow: int, signal: int) -> None:
    at_least(1, fast=fast, signal=signal)
    at_least(fast + 1, slow=slow)
