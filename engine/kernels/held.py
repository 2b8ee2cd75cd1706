"""What is held, over columns: the cycles up to the next entry are played in one call, bar by bar.

Plain functions that numba compiles. A cycle in which something happens that they cannot play is left whole to the
stages, and so is every tick that may change the risk level. Prices are whole mantissas as stored; ticks follow from
them by a ratio.
"""

from typing import Any

from engine.kernels.entries import ASKED, CYCLE, UNSURE, answered
from engine.kernels.figures import figure_of
from engine.kernels.legs import (
    ARM,
    ARMED,
    ASK,
    BEST,
    BLOCKED_UNTIL,
    CALLBACK,
    CASH,
    COUNT,
    DAY,
    DAY_BASE,
    DEADLINE,
    DONE,
    ENTERED,
    ENTRIES,
    EQUITY,
    LAST,
    LEVEL,
    LEVEL_NOW,
    LIGHT,
    LOGGED,
    NOTHING,
    OPENED,
    PEAK,
    PERCENT,
    PLAYED,
    READ,
    SHUT,
    STOP,
    STOPPED,
    TICK_DEN,
    TICK_NUM,
    TIERS,
    TOUCHED,
    TRAIL_LEFT,
    VALUE_DEN,
    VALUE_NUM,
    WAITING,
    bar_played,
    tell,
    write,
)

Ints = Any
Floats = Any
#: Where one stopped in a cycle: before anything of it, before its tick, after it, before it for want of room to log, at
#: its tick for a verdict of the strategy, or before it for want of prices.
BARS, TICK, AFTER, FULL, VERDICT, UNREAD = range(6)
#: Rows of the log that a cycle of so many positions never needs: an entry, and each exit of a plan.
ROWS_A_POSITION = 16
#: A change this close to a threshold is looked at by the stages, which round it.
HAIR_PCT = 1e-3
DAY_MS = 86_400_000


def play(
    first: int, until: int, bars: bool, ticks: Ints, step_ms: int, wholes: Ints, closes: Floats, rows: Ints,
    held: Ints, tiers: Ints, kept: Ints, swans: Floats, window: int, paper: Ints, money: Ints, drawdowns: Floats,
    day_losses: Floats, asks: Ints, prices: Floats, limits: Floats, sizing: Floats, grounds: Ints, ground_tiers: Ints,
    swan: float, log: Ints, equities: Ints, cashes: Ints, positions: Ints,
) -> int:  # fmt: skip
    """Plays cycles from `first` up to `until`, with `bars` also the bars of that one; gives where it stopped.

    `rows` are the symbols of the held or awaited positions, sorted, `kept` is room for as many rows of `held`, `swans`
    are their thresholds of a black swan in percent (0: none), `window` the candles in its change. `asks` and what
    follows them are those of `engine.kernels.entries`, `swan` the threshold of what is entered. Writes what happened
    into `log`, and the account after each cycle. It stops at ticks where it cannot be sure of an entry, and after what
    may open a desk that is shut. In the cycle it stops at before its bars, those positions that the stages must look at
    are marked `TOUCHED`, and only they are left as they stood before it.
    """
    ask = money[ASK]
    for j in range(first, until + 1 if bars else until):
        now = ticks[j]
        if now == 0:
            continue
        while ask < len(asks) and asks[ask, CYCLE] < j:
            ask += 1
        count = money[COUNT]
        if money[LOGGED] + ROWS_A_POSITION * (count + 1) + len(held) > len(log):
            money[STOPPED] = FULL
            return j
        touched = False
        if not is_read(j, rows, count, held):
            money[STOPPED] = UNREAD
            return j
        if count > 0 and money[PLAYED] == 0:
            touched, loud = marked(j, now - step_ms, wholes, closes, rows, count, held, tiers, swans, window)
            if loud or (
                touched and not _played(j, now - step_ms, wholes, rows, count, held, tiers, kept, paper, money, log)
            ):
                money[STOPPED] = BARS
                return j
        money[PLAYED] = 0
        total, there = money[CASH], 0
        for k in range(count):
            s = rows[k]
            if held[s, VALUE_NUM] > 0:
                total += scaled(held[s, LAST], held[s, VALUE_NUM], held[s, VALUE_DEN])
                there += 1
        peak, begins = max(money[PEAK], total), now // DAY_MS != money[DAY]
        base = money[DAY_BASE]
        if begins:
            base = money[EQUITY] if money[DAY] >= 0 else total
        # A new day may open a desk that is shut.
        loud = j == until or (begins and money[SHUT] > 0)
        loud = loud or _changes_level(now, peak, base, total, money, drawdowns, day_losses)
        if begins and not loud:
            money[DAY], money[DAY_BASE], money[ENTRIES] = now // DAY_MS, base, 0
        if ask < len(asks) and asks[ask, CYCLE] == j and not loud:
            money[ASK] = ask
            how = answered(
                j, ask, asks, prices, limits, sizing, grounds, ground_tiers, swan, total, rows, held, tiers,
                swans, paper, money, log,
            )  # fmt: skip
            if how == ASKED:
                money[STOPPED], money[PLAYED] = VERDICT, 1
                return j
            loud = how == UNSURE
        if loud:
            money[STOPPED] = TICK
            return j
        money[PEAK], money[EQUITY] = peak, total
        equities[j], cashes[j], positions[j] = total, money[CASH], there
        if touched and money[SHUT] > 0:
            money[STOPPED] = AFTER
            return j
    money[STOPPED] = BARS
    return until


def _changes_level(
    now: int, peak: int, base: int, total: int, money: Ints, drawdowns: Floats, day_losses: Floats
) -> bool:
    """Says whether the risk level may be another one at a tick."""
    if money[BLOCKED_UNTIL] > 0:
        return bool(now >= money[BLOCKED_UNTIL])
    if money[LEVEL_NOW] > 0 or not (_is_calm(peak, total, drawdowns) and _is_calm(base, total, day_losses)):
        level = max(_level(peak, total, drawdowns), _level(base, total, day_losses))
        return bool(level != money[LEVEL_NOW])
    return False


def is_read(j: int, rows: Ints, count: int, held: Ints) -> bool:
    """Says whether the prices of a cycle are there for all that is held and awaited."""
    for k in range(count):
        if held[rows[k], READ] <= j and (held[rows[k], VALUE_NUM] > 0 or held[rows[k], WAITING] > 0):
            return False
    return True


def marked(
    j: int, open_at: int, wholes: Ints, closes: Floats, rows: Ints, count: int, held: Ints, tiers: Ints, swans: Floats,
    window: int,
) -> tuple[bool, bool]:  # fmt: skip
    """Marks what a cycle may do something to; says whether there is any, and whether the stages must look at it."""
    touched, loud = False, False
    for k in range(count):
        s = rows[k]
        held[s, TOUCHED] = 0
        if held[s, VALUE_NUM] == 0 and held[s, WAITING] == 0:
            continue
        there = wholes[3, s, j] > 0
        if swans[s] > 0.0 and (held[s, VALUE_NUM] > 0 or there) and _jumped(closes, s, j, window, swans[s]):
            held[s, TOUCHED], loud = 1, True
        if there:
            held[s, LAST] = wholes[3, s, j]
            # Looked at last: a bar that touches nothing moves the best price.
            if held[s, TOUCHED] > 0 or _touched(
                s, held, tiers, wholes[0, s, j], wholes[1, s, j], wholes[2, s, j], open_at
            ):
                held[s, TOUCHED], touched, loud = 1, True, loud or held[s, LIGHT] == 0
    return touched, loud


def _played(
    j: int, open_at: int, wholes: Ints, rows: Ints, count: int, held: Ints, tiers: Ints, kept: Ints, paper: Ints,
    money: Ints, log: Ints,
) -> bool:  # fmt: skip
    """Plays the bars of a cycle that touch something; where one cannot be played, all is as it was before."""
    cash, logged = money[CASH], money[LOGGED]
    for k in range(count):
        write(kept[k], held[rows[k]])
    for k in range(count):
        s = rows[k]
        if held[s, TOUCHED] == 0:
            continue
        done = bar_played(
            j, s, held[s], tiers[s], wholes[0, s, j], wholes[1, s, j], wholes[2, s, j], wholes[4, s, j], open_at,
            paper, money, log,
        )  # fmt: skip
        if not done:
            for back in range(count):
                write(held[rows[back]], kept[back])
            money[CASH], money[LOGGED] = cash, logged
            return False
    if money[LOGGED] == logged:
        tell(j, rows[0], held[rows[0]], NOTHING, 0, 0, 0, 0, 0, False, money, log)
    return True


def _touched(s: int, held: Ints, tiers: Ints, opened: int, high: int, low: int, open_at: int) -> bool:
    if held[s, WAITING] > 0 or open_at < held[s, OPENED] or open_at == held[s, ENTERED]:
        return True
    if 0 < held[s, DEADLINE] <= open_at:
        return True
    num, den = held[s, TICK_NUM], held[s, TICK_DEN]
    top, bottom, stop = scaled(high, num, den), scaled(low, num, den), held[s, STOP]
    if stop > 0 and (bottom <= stop or scaled(opened, num, den) <= stop):
        return True
    done = held[s, DONE]
    if done < held[s, TIERS] and top >= tiers[s, LEVEL, done]:
        return True
    if held[s, ARMED] > 0 and held[s, TRAIL_LEFT] > 0:
        best = held[s, BEST]
        if bottom <= best - best * held[s, CALLBACK] // PERCENT:
            return True
        if top > best:
            held[s, BEST] = top
    elif 0 < held[s, ARM] <= top:
        return True
    return False


def scaled(whole: int, num: int, den: int) -> int:
    """Gives a whole number times a ratio, rounded down; most ratios are whole, and a division is slow."""
    return whole * num if den == 1 else whole * num // den


def _jumped(closes: Floats, s: int, j: int, window: int, limit: float) -> bool:
    last = j
    while last > 0 and closes[s, last] != closes[s, last]:
        last -= 1
    for i in range(j - window, max(j - 2 * window, 0) - 1, -1):
        if closes[s, i] == closes[s, i]:
            change = (closes[s, last] / closes[s, i] - 1.0) * 100.0
            return bool(abs(change) >= limit - HAIR_PCT)
    return False


def _is_calm(base: int, now: int, limits: Floats) -> bool:
    """Says that a loss is below the first level for sure: without a division, which most cycles can do without."""
    return bool(now >= base * (1.0 - (limits[0] - HAIR_PCT) / 100.0))


def _level(base: int, now: int, limits: Floats) -> int:
    if base <= 0:
        return 0
    loss = figure_of((base - now) / base * 100.0)
    level = 0
    for i in range(len(limits)):
        if loss >= limits[i]:
            level = i + 1
    return level
