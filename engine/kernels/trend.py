"""Which way and how firmly a price goes: directional movement with ADX, and the parabolic stop."""

import math
from typing import ClassVar, NamedTuple

from engine.kernels.kernel import NAN, Column, Kernel, Line, at_least, only
from engine.kernels.steps import AVERAGE_SLOTS, RANGE_SLOTS, reach, wilder, wilder_sum

# The last high and low stand behind the true range, then the three sums, then the average of DX.
_LAST_HIGH, _LAST_LOW = RANGE_SLOTS, RANGE_SLOTS + 1
_RANGE = RANGE_SLOTS + 2
_PLUS = _RANGE + AVERAGE_SLOTS
_MINUS = _PLUS + AVERAGE_SLOTS
_DX = _MINUS + AVERAGE_SLOTS
_ADX_SLOTS = _DX + AVERAGE_SLOTS

# Parabolic stop: bars seen, direction, stop, extreme, acceleration, last high, last low.
_SEEN, _WAY, _STOP, _EXTREME, _PACE, _HIGH, _LOW = range(7)
_PSAR_SLOTS = 7


class Directional(NamedTuple):
    """Directional movement, each line 0 to 100."""

    plus_di: list[float]
    minus_di: list[float]
    dx: list[float]
    adx: list[float]


def adx(
    state: Line,
    high: Column,
    low: Column,
    close: Column,
    plus_di: Line,
    minus_di: Line,
    dx: Line,
    average: Line,
    n: int,
    warm: int,
) -> None:
    """Moves `Adx` and `AdxTalib` over the bars of its columns."""
    for i in range(len(close)):
        up = high[i] - state[_LAST_HIGH]
        down = state[_LAST_LOW] - low[i]
        swing = reach(state, 0, high[i], low[i], close[i], 0)
        if state[0] > 0.0:
            state[_LAST_HIGH] = high[i]
            state[_LAST_LOW] = low[i]
        known = swing == swing
        plus = (up if up > down and up > 0.0 else 0.0) if known else NAN
        minus = (down if down > up and down > 0.0 else 0.0) if known else NAN
        total = wilder_sum(state, _RANGE, swing, n, warm)
        plus_di[i] = share_pct(wilder_sum(state, _PLUS, plus, n, warm), total)
        minus_di[i] = share_pct(wilder_sum(state, _MINUS, minus, n, warm), total)
        dx[i] = share_pct(abs(plus_di[i] - minus_di[i]), plus_di[i] + minus_di[i])
        average[i] = wilder(state, _DX, dx[i], n)


def share_pct(part: float, whole: float) -> float:
    """A part of the whole in percent; 0 where the whole is zero."""
    return 100.0 * part / whole if whole != 0.0 else 0.0


class Adx(Kernel[Directional]):
    """+DI, -DI and DX, first at index n, and their ADX, first at 2n-1; each 0 to 100. [Wilder 1978; StockCharts]

    Sums start with the movements of bars 1 to n. No range gives DI 0, no movement DX 0.
    """

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = Directional._fields

    def __init__(self, n: int = 14) -> None:
        at_least(1, n=n)
        super().__init__(adx, (n, n), _ADX_SLOTS, Directional)


class AdxTalib(Kernel[Directional]):
    """Directional movement as TA-Lib computes it: sums start with n-1 bars and are smoothed once before index n.

    Converges to `Adx`.
    """

    inputs: ClassVar[tuple[str, ...]] = ("high", "low", "close")
    outputs: ClassVar[tuple[str, ...]] = Directional._fields

    def __init__(self, n: int = 14) -> None:
        at_least(2, n=n)
        super().__init__(adx, (n, n - 1), _ADX_SLOTS, Directional)


def psar(state: Line, high: Column, low: Column, out: Line, step: float, step_max: float) -> None:
    """Moves `Psar` over the bars of its columns."""
    for i in range(len(high)):
        if not (math.isfinite(high[i]) and math.isfinite(low[i])):
            state[_SEEN] = 0.0
            out[i] = NAN
            continue
        if state[_SEEN] == 0.0:
            state[_SEEN] = 1.0
            out[i] = NAN
        else:
            if state[_SEEN] == 1.0:
                set_out(state, high[i], low[i], step)
            out[i] = follow(state, high[i], low[i], step, step_max)
        state[_HIGH] = high[i]
        state[_LOW] = low[i]


def set_out(state: Line, high: float, low: float, step: float) -> None:
    """Chooses the first direction as TA-Lib does: short when the second bar's move down is the greater one."""
    down = state[_LOW] - low
    short = down > 0.0 and down > high - state[_HIGH]
    state[_SEEN] = 2.0
    state[_WAY] = -1.0 if short else 1.0
    state[_STOP] = state[_HIGH] if short else state[_LOW]
    state[_EXTREME] = low if short else high
    state[_PACE] = step
    # TA-Lib takes the second bar for its own predecessor.
    state[_HIGH] = high
    state[_LOW] = low


def follow(state: Line, high: float, low: float, step: float, step_max: float) -> float:
    """The stop of this bar, the old extreme where the bar reverses; moves the state on to the next bar's stop."""
    way = state[_WAY]
    # Seen from a short position the market is mirrored: its best price is the low.
    best = high if way > 0.0 else -low
    worst = low if way > 0.0 else -high
    worst_before = state[_LOW] if way > 0.0 else -state[_HIGH]
    best_before = state[_HIGH] if way > 0.0 else -state[_LOW]
    stop = way * state[_STOP]
    extreme = way * state[_EXTREME]
    if worst <= stop:
        stop = max(extreme, max(best_before, best))
        state[_WAY] = -way
        state[_EXTREME] = way * worst
        state[_PACE] = step
        coming = max(stop + step * (worst - stop), max(best_before, best))
    else:
        if best > extreme:
            extreme = best
            state[_EXTREME] = way * best
            state[_PACE] = min(state[_PACE] + step, step_max)
        coming = min(stop + state[_PACE] * (extreme - stop), min(worst_before, worst))
    state[_STOP] = way * coming
    return way * stop


class Psar(Kernel[list[float]]):
    """The parabolic stop, in the unit of the price; first at index 1. [Wilder 1978; TA-Lib's start rule]

    The stop of a bar that reverses is known only after that bar.
    """

    inputs: ClassVar[tuple[str, ...]] = ("high", "low")
    outputs: ClassVar[tuple[str, ...]] = ("sar",)

    def __init__(self, step: float = 0.02, step_max: float = 0.2) -> None:
        if not 0.0 < step <= step_max:
            raise ValueError(f"step must be above 0 and not above step_max, not {step} with step_max {step_max}")
        super().__init__(psar, (float(step), float(step_max)), _PSAR_SLOTS, only)
