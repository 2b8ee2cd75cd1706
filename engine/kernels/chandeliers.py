"""Stops that hang from the extreme of the last bars, a few average ranges away."""

from typing import ClassVar, NamedTuple

from engine.kernels.kernel import NAN, Column, Kernel, Line, at_least
from engine.kernels.steps import AVERAGE_SLOTS, RANGE_SLOTS, highest, lowest, reach, wilder, window, window_slots

# The ratchet's own memory stands first: whether it holds, its two stops, the last close.
_HELD, _LONG, _SHORT, _CLOSE, _HOOK = range(5)


class Stops(NamedTuple):
    """The stop of a long and of a short position, in the unit of the price."""

    long: list[float]
    short: list[float]


def chandelier(
    state: Line, high: Column, low: Column, close: Column, long: Line, short: Line, n: int, k: float
) -> None:
    """Moves `Chandelier` over the bars of its columns."""
    for i in range(len(close)):
        long[i], short[i] = hang(state, 0, high[i], low[i], close[i], n, k)


def hang(state: Line, at: int, high: float, low: float, close: float, n: int, k: float) -> tuple[float, float]:
    """The long and the short stop of one bar; as many slots as `hang_slots` says."""
    atr = at + RANGE_SLOTS
    highs = atr + AVERAGE_SLOTS
    lows = highs + window_slots(n)
    away = k * wilder(state, atr, reach(state, at, high, low, close, 0), n)
    # The average range starts a bar later than the windows, so that after a hole it is the last to be defined.
    tops = window(state, highs, high, n)
    bottoms = window(state, lows, low, n)
    if tops < 0 or bottoms < 0:
        return NAN, NAN
    return highest(state, tops, n) - away, lowest(state, bottoms, n) + away


def hang_slots(n: int) -> int:
    """How many numbers `hang` keeps."""
    return RANGE_SLOTS + AVERAGE_SLOTS + 2 * window_slots(n)


class Chandelier(Kernel[Stops]):
    """Long: the highest high of the last `n` bars, this one included, - k * ATR(n); short: the lowest low + k * ATR(n).

    First at index n. [StockCharts; Stock Indicators for .NET]
    """

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = Stops._fields

    def __init__(self, n: int = 22, k: float = 3.0) -> None:
        at_least(1, n=n)
        super().__init__(chandelier, (n, float(k)), hang_slots(n), Stops)


def chandelier_ratchet(
    state: Line, high: Column, low: Column, close: Column, long: Line, short: Line, n: int, k: float
) -> None:
    """Moves `ChandelierRatchet` over the bars of its columns."""
    for i in range(len(close)):
        under, over = hang(state, _HOOK, high[i], low[i], close[i], n, k)
        if state[_HELD] > 0.0 and state[_CLOSE] > state[_LONG]:
            under = state[_LONG] if state[_LONG] > under else under
        if state[_HELD] > 0.0 and state[_CLOSE] < state[_SHORT]:
            over = state[_SHORT] if state[_SHORT] < over else over
        long[i], short[i] = under, over
        state[_HELD] = 1.0 if under == under else 0.0
        if state[_HELD] > 0.0:
            state[_LONG] = under
            state[_SHORT] = over
            state[_CLOSE] = close[i]


class ChandelierRatchet(Kernel[Stops]):
    """The chandelier stops that never loosen while the previous close stays on their right side; first at index n.

    A stop that the previous close has crossed starts afresh from `Chandelier`. The common form, fixed by us.
    """

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = Stops._fields

    def __init__(self, n: int = 22, k: float = 3.0) -> None:
        at_least(1, n=n)
        super().__init__(chandelier_ratchet, (n, float(k)), _HOOK + hang_slots(n), Stops)
