"""One bar's step of the parts that indicators share: averages, windows and the true range.

Each step keeps its numbers in `state` from place `at` on, as many as its `..._SLOTS` say. A value that is no finite
number gives NaN and starts the step again, so that a state never holds anything but finite numbers.
"""

import math

from engine.kernels.kernel import NAN, Column, Line

AVERAGE_SLOTS = 2
RANGE_SLOTS = 2
#: Bars whose windows are looked at side by side.
STRETCH = 256


def window_slots(n: int) -> int:
    """How many numbers a window of `n` values keeps."""
    return 2 + 2 * n


def exponential(state: Line, at: int, x: float, n: int, warm: int) -> float:
    """The exponential average with weight 2/(n+1), seeded with the mean of the first `warm` values."""
    if not math.isfinite(x):
        state[at] = 0.0
        return NAN
    seen = state[at]
    if seen >= warm:
        state[at + 1] += 2.0 / (n + 1.0) * (x - state[at + 1])
        return state[at + 1]
    state[at] = seen + 1.0
    state[at + 1] = x if seen == 0.0 else state[at + 1] + x
    if seen + 1.0 < warm:
        return NAN
    state[at + 1] /= warm
    return state[at + 1]


def wilder(state: Line, at: int, x: float, n: int) -> float:
    """Wilder's average: the mean of the first `n` values, from then on (previous * (n - 1) + x) / n."""
    if not math.isfinite(x):
        state[at] = 0.0
        return NAN
    seen = state[at]
    if seen >= n:
        state[at + 1] = (state[at + 1] * (n - 1.0) + x) / n
        return state[at + 1]
    state[at] = seen + 1.0
    state[at + 1] = x if seen == 0.0 else state[at + 1] + x
    if seen + 1.0 < n:
        return NAN
    state[at + 1] /= n
    return state[at + 1]


def wilder_sum(state: Line, at: int, x: float, n: int, warm: int) -> float:
    """Wilder's running sum: the first `warm` values added, from then on previous - previous / n + x; NaN before `n`."""
    if not math.isfinite(x):
        state[at] = 0.0
        return NAN
    seen = state[at]
    total = 0.0 if seen == 0.0 else state[at + 1]
    state[at + 1] = total + x if seen < warm else total - total / n + x
    if seen < n:
        state[at] = seen + 1.0
    return state[at + 1] if seen + 1.0 >= n else NAN


def change(state: Line, at: int, x: float) -> float:
    """The change since the previous value; two slots."""
    if not math.isfinite(x):
        state[at] = 0.0
        return NAN
    moved = x - state[at + 1] if state[at] > 0.0 else NAN
    state[at] = 1.0
    state[at + 1] = x
    return moved


def reach(state: Line, at: int, high: float, low: float, close: float, first: int) -> float:
    """The true range; on a first bar, which has no previous close, high - low where `first` is set, else NaN."""
    if not (math.isfinite(high) and math.isfinite(low) and math.isfinite(close)):
        state[at] = 0.0
        return NAN
    known = state[at] > 0.0
    before = state[at + 1]
    state[at] = 1.0
    state[at + 1] = close
    if known:
        return max(high - low, max(abs(high - before), abs(low - before)))
    return high - low if first > 0 else NAN


def window(state: Line, at: int, x: float, n: int) -> int:
    """The place in `state` of the oldest of the last `n` values, the others following it; -1 while they are fewer.

    Every value is written twice, `n` places apart, so that the last `n` always lie side by side.
    """
    if not math.isfinite(x):
        state[at] = 0.0
        return -1
    seen = state[at]
    following = state[at + 1] + 1.0
    spot = at + 2 + int(state[at + 1])
    state[at + 1] = following if following < n else 0.0
    state[spot] = x
    state[spot + n] = x
    if seen >= n:
        return spot + 1
    state[at] = seen + 1.0
    return spot + 1 if seen + 1.0 >= n else -1


def mean(values: Column, start: int, n: int) -> float:
    """The mean of `n` values, each taken as its distance from the oldest: a flat window gives exactly its value.

    The window is added again at every bar, in order: nothing that has left it can leave a rounding behind.
    """
    oldest = values[start]
    total = 0.0
    for i in range(start + 1, start + n):
        total += values[i] - oldest
    return oldest + total / n


def means(x: Column, first: int, end: int, out: Line, n: int) -> None:
    """Writes what `mean` gives of the `n` values up to each bar from `first` to `end`: bars within, values without."""
    oldest = x[first - n + 1 : end - n + 1]
    line = out[first:end]
    for i in range(len(line)):
        line[i] = 0.0
    back = n - 2
    while back >= 3:
        # Four at a time, in the same order: a sum is read and written once for all of them.
        a, b = x[first - back : end - back], x[first - back + 1 : end - back + 1]
        c, d = x[first - back + 2 : end - back + 2], x[first - back + 3 : end - back + 3]
        for i in range(len(line)):
            base = oldest[i]
            line[i] = line[i] + (a[i] - base) + (b[i] - base) + (c[i] - base) + (d[i] - base)
        back -= 4
    while back >= 0:
        values = x[first - back : end - back]
        for i in range(len(line)):
            line[i] += values[i] - oldest[i]
        back -= 1
    for i in range(len(line)):
        line[i] = oldest[i] + line[i] / n
    for i in range(len(line)):
        out[first + i] = line[i]  # a slice of a list is another list


def slid(state: Line, at: int, x: Column, first: int, end: int, n: int) -> None:
    """Leaves a full window of `n` as `window` would after the finite bars from `first` to `end`."""
    kept = max(first, end - n)
    state[at + 1] = (state[at + 1] + (kept - first)) % n
    for i in range(kept, end):
        window(state, at, x[i], n)


def finite_until(x: Column, first: int, end: int) -> int:
    """The first bar from `first` on that is no finite number, or `end`."""
    for i in range(first, end):
        if not math.isfinite(x[i]):
            return i
    return end


def highest(values: Column, start: int, n: int) -> float:
    """The greatest of `n` values."""
    top = values[start]
    for i in range(start + 1, start + n):
        if values[i] > top:
            top = values[i]
    return top


def lowest(values: Column, start: int, n: int) -> float:
    """The least of `n` values."""
    bottom = values[start]
    for i in range(start + 1, start + n):
        if values[i] < bottom:
            bottom = values[i]
    return bottom
