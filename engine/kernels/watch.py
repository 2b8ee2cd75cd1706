"""Watching what is held over columns: the cycles in which nothing happens are passed in one call.

A plain function that numba compiles. It decides nothing: it stops where an exit, a risk level or a jump might be, and
the stages look at that cycle themselves. Prices are whole mantissas as stored; ticks follow from them by a ratio.
"""

from typing import Any

from engine.kernels.figures import figure_of

Ints = Any
Floats = Any
#: Fields of a row of `held`; ENTERED and DEADLINE are times (ms), STOP, TIER, ARM, BEST ticks; 0 where there is none.
FIELDS = (
    "TICK_NUM", "TICK_DEN", "OPENED", "ENTERED", "DEADLINE", "STOP", "TIER", "ARM", "ARMED", "BEST", "CALLBACK", "LAST",
    "VALUE_NUM", "VALUE_DEN", "TOUCHED",
)  # fmt: skip
(
    TICK_NUM, TICK_DEN, OPENED, ENTERED, DEADLINE, STOP, TIER, ARM, ARMED, BEST, CALLBACK, LAST, VALUE_NUM, VALUE_DEN,
    TOUCHED,
) = range(15)  # fmt: skip
#: Fields of `money`: cash, peak and the day's first equity in 1e-8 quote, the risk level, when a cool-down ends (ms).
CASH, PEAK, DAY_BASE, LEVEL, BLOCKED_UNTIL = range(5)
#: A whole percentage in the millionths of a percent that plans are carried in.
PERCENT = 100_000_000
#: A change this close to a threshold is looked at by the stages, which round it.
HAIR_PCT = 1e-3


def watch(
    first: int, end: int, ticks: Ints, step_ms: int, wholes: Ints, closes: Floats, rows: Ints, count: int, held: Ints,
    swans: Floats, window: int, money: Ints, drawdowns: Floats, day_losses: Floats, equities: Ints,
) -> int:  # fmt: skip
    """Passes cycles from `first` on and gives the first in which something may happen, or `end`.

    `rows` are the symbols of the `count` held positions, `swans` their thresholds of a black swan in percent (0: none),
    `window` the candles in its change. Writes the equity of each passed cycle, moves `PEAK`, and follows the best
    price of armed positions; of the cycle it stops at, those that the stages must look at are marked `TOUCHED`, and
    only they are left as they stood before it.
    """
    for j in range(first, end):
        now = ticks[j]
        if now == 0:
            continue
        loud = False
        total = money[CASH]
        for k in range(count):
            s = rows[k]
            h = held[s]
            touched = swans[s] > 0.0 and _jumped(closes, s, j, window, swans[s])
            if wholes[3, s, j] > 0:
                h[LAST] = wholes[3, s, j]
                # Looked at last: a bar that touches nothing moves the best price.
                touched = touched or _touched(h, wholes[0, s, j], wholes[1, s, j], wholes[2, s, j], now - step_ms)
            if touched:
                h[TOUCHED] = 1
                loud = True
            total += h[LAST] * h[VALUE_NUM] // h[VALUE_DEN]
        peak = max(money[PEAK], total)
        level = max(_level(peak, total, drawdowns), _level(money[DAY_BASE], total, day_losses))
        if money[BLOCKED_UNTIL] > 0:
            loud = loud or now >= money[BLOCKED_UNTIL]
        elif level != money[LEVEL]:
            loud = True
        if loud:
            return j
        money[PEAK] = peak
        equities[j] = total
    return end


def _touched(h: Ints, opened: int, high: int, low: int, open_at: int) -> bool:
    num, den = h[TICK_NUM], h[TICK_DEN]
    top, bottom = high * num // den, low * num // den
    if open_at < h[OPENED] or open_at == h[ENTERED]:
        return True
    if h[DEADLINE] > 0 and open_at >= h[DEADLINE]:
        return True
    if h[STOP] > 0 and (bottom <= h[STOP] or opened * num // den <= h[STOP]):
        return True
    if h[TIER] > 0 and top >= h[TIER]:
        return True
    if h[ARMED] > 0:
        if bottom <= h[BEST] - h[BEST] * h[CALLBACK] // PERCENT:
            return True
        if top > h[BEST]:
            h[BEST] = top
    elif h[ARM] > 0 and top >= h[ARM]:
        return True
    return False


def _jumped(closes: Floats, s: int, j: int, window: int, limit: float) -> bool:
    last = j
    while last > 0 and closes[s, last] != closes[s, last]:
        last -= 1
    for i in range(j - window, max(j - 2 * window, 0) - 1, -1):
        if closes[s, i] == closes[s, i]:
            change = (closes[s, last] / closes[s, i] - 1.0) * 100.0
            return bool(abs(change) >= limit - HAIR_PCT)
    return False


def _level(base: int, now: int, limits: Floats) -> int:
    if base <= 0:
        return 0
    loss = figure_of((base - now) / base * 100.0)
    level = 0
    for i in range(len(limits)):
        if loss >= limits[i]:
            level = i + 1
    return level
