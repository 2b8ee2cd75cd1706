"""Where a value stands against its own past: RSI and the percentile rank in a window."""

from typing import ClassVar

from engine.kernels.kernel import NAN, Column, Kernel, Line, at_least, only
from engine.kernels.steps import AVERAGE_SLOTS, change, wilder, window, window_slots

_GAIN, _LOSS = 2, 2 + AVERAGE_SLOTS


def rsi(state: Line, close: Column, out: Line, n: int) -> None:
    """Moves `Rsi` over the bars of its columns."""
    for i in range(len(close)):
        moved = change(state, 0, close[i])
        gain = wilder(state, _GAIN, 0.0 if moved < 0.0 else moved, n)
        loss = wilder(state, _LOSS, 0.0 if moved > 0.0 else -moved, n)
        out[i] = strength(gain, loss)


def strength(gain: float, loss: float) -> float:
    """The relative strength index of an average gain and an average loss, 0 to 100; 50 where both are zero."""
    if loss != 0.0:
        return 100.0 - 100.0 / (1.0 + gain / loss)
    return 100.0 if gain > 0.0 else 50.0


class Rsi(Kernel[list[float]]):
    """The relative strength index with Wilder's smoothing, 0 to 100; first at index n. [Wilder 1978]

    100 where there was no loss; 50 where there was neither gain nor loss, which is our own choice.
    """

    outputs: ClassVar[tuple[str, ...]] = ("rsi",)

    def __init__(self, n: int = 14) -> None:
        at_least(1, n=n)
        super().__init__(rsi, (n,), 2 + 2 * AVERAGE_SLOTS, only)


def rolling_pct_rank(state: Line, x: Column, out: Line, n: int) -> None:
    """Moves `RollingPctRank` over the bars of its columns."""
    for i in range(len(x)):
        start = window(state, 0, x[i], n)
        if start < 0:
            out[i] = NAN
            continue
        below, ties = 0.0, 0.0
        for j in range(start, start + n):
            if state[j] < x[i]:
                below += 1.0
            elif state[j] == x[i]:
                ties += 1.0
        out[i] = 100.0 * (below + 0.5 * ties) / n


class RollingPctRank(Kernel[list[float]]):
    """The percentile rank of a value among the last `n`, itself included, 0 to 100; a tie counts half.

    First at index n-1, and NaN while the window holds a NaN. Our own definition, equal to scipy's
    percentileofscore of kind "mean".
    """

    outputs: ClassVar[tuple[str, ...]] = ("pct",)

    def __init__(self, n: int = 100) -> None:
        at_least(1, n=n)
        super().__init__(rolling_pct_rank, (n,), window_slots(n), only)
