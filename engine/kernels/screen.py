"""The scan and the ranking over columns: a block of cycles of one symbol, then of all symbols, in one call each.

The figures are those of `engine.kernels.window.Window`, found from running sums instead of rings, and the steps are the
very ones that the scan takes with one record (`kernels.pool`, `kernels.heat`). Plain functions that numba compiles.
"""

from typing import Any

from engine.kernels.figures import NAN, figure_of
from engine.kernels.heat import liquidity_points, momentum_points, safety_points
from engine.kernels.pool import DROPPED, NEW, NONE, WATCHING, moved

DAY_MS = 86_400_000.0
MICRO = 1_000_000
#: A figure this close to a level is looked at closer.
HAIR = 1e-3
#: A symbol that has not been heard for more than so many of its candles is silent.
SILENT_STEPS = 2
#: Cycles that are looked at side by side.
STRETCH = 256
Ints = Any
Floats = Any


def screen(
    first: int, ticks: Ints, closes: Floats, sums: Ints, last: Ints, run: Ints, state: Ints, heats: Floats,
    statuses: Ints, short: int, long: int, base: int, day: int, all_fit: bool, enough: int, enough_new: int,
    new_days: float, born_at: int, spread_bps: float, funding_pct: float, change_level: float, surge_level: float,
    hot_heat: float, cool_heat: float, drop_ms: int, momentum: float, liquidity: float, safety: float, two_sided: bool,
) -> None:  # fmt: skip
    """Moves one symbol through the cycles from index `first` on; `ticks` are their times, 0 where no tick passes.

    `sums` is the running sum of quote volume in micro units. `state` is the symbol's place in the pool: status, since,
    status since. `enough` is the quote volume of 24 hours in micro units that a candidate needs, `enough_new` that of a
    new one; `born_at` is when it was listed, or -1. Gives heat (NaN: no candidate) and status of each cycle. With
    `all_fit` every fit symbol is a candidate, watched, without a life cycle.
    """
    status, since, status_since = state[0], state[1], state[2]
    windows = base // short
    # The age up to which a symbol may be new, in ms; one that was never listed is none of any age.
    youth = (new_days + 1.0) * DAY_MS if born_at >= 0 else -1.0
    for j in range(first, len(closes)):
        heats[j] = NAN
        statuses[j] = NONE
        now = ticks[j]
        if now == 0:
            continue
        i = last[j]
        if i < 0 or j - i > SILENT_STEPS or run[j] < day:
            status = NONE
            continue
        outside = status == NONE and not all_fit and not 0 <= now - born_at <= youth
        if outside and is_quiet(closes, sums, i, run[j], short, base, windows, change_level, surge_level):
            continue
        age = figure_of((now - born_at) / DAY_MS) if born_at >= 0 else NAN
        newly = 0.0 <= age < new_days
        volume = sums[i] - sums[i - day]
        if volume < (enough_new if newly else enough):
            status = NONE
            continue
        change, surge = change_of(closes, i, short), surge_of(sums, i, run[j], short, base, windows)
        unusual = abs(change) >= change_level or surge >= surge_level
        if status == NONE:
            if not all_fit and not unusual and not newly:
                continue
            status, since, status_since = WATCHING if unusual or all_fit else NEW, now, now
        heat = heat_points(
            change_of(closes, i, long), surge, volume / MICRO, age, change, spread_bps, funding_pct, momentum,
            liquidity, safety, two_sided,
        )  # fmt: skip
        if not all_fit:
            was = status
            status = moved(
                was, since, status_since, now, heat if heat == heat else 0.0, unusual, hot_heat, cool_heat, drop_ms
            )
            if status != was:
                status_since = now
            if status == DROPPED:
                status = NONE
                continue
        heats[j], statuses[j] = heat, status
    state[0], state[1], state[2] = status, since, status_since


def screen_all(
    first: int, ticks: Ints, sums: Ints, last: Ints, run: Ints, state: Ints, statuses: Ints, day: int, enough: int,
    enough_new: int, new_days: float, born_at: int,
) -> None:  # fmt: skip
    """Gives the statuses that `screen` gives where every fit symbol is a candidate and nobody asks how hot."""
    now, then, before = sums[first:], sums[first - day : len(sums) - day], state[0]
    heard, counts, places, out = last[first:], run[first:], ticks[first:], statuses[first:]
    odd = 0
    for k in range(len(out)):
        here = heard[k] == first + k
        odd += not here
        fits = here & (places[k] != 0) & (counts[k] >= day) & (now[k] - then[k] >= enough)
        out[k] = WATCHING if fits else NONE
    if odd > 0:
        for j in range(first, len(sums)):
            if last[j] != j:
                statuses[j] = WATCHING if is_fit(j, ticks, sums, last, run, day, enough) else NONE
    if born_at >= 0:
        for j in range(first, len(sums)):
            if ticks[j] - born_at > (new_days + 1.0) * DAY_MS:
                break
            if 0.0 <= figure_of((ticks[j] - born_at) / DAY_MS) < new_days:
                statuses[j] = WATCHING if is_fit(j, ticks, sums, last, run, day, enough_new) else NONE
    end = len(sums) - 1
    while end >= first and ticks[end] == 0:
        end -= 1
    if end >= first:
        state[1] = since_of(first, end, ticks, statuses, before, state[1])
        state[0] = statuses[end]


def is_fit(j: int, ticks: Ints, sums: Ints, last: Ints, run: Ints, day: int, enough: int) -> bool:
    """Says whether a symbol is heard in a cycle, was for a day without a hole, and is traded enough."""
    i = last[j]
    if ticks[j] == 0 or i < 0 or j - i > SILENT_STEPS or run[j] < day:
        return False
    return bool(sums[i] - sums[i - day] >= enough)


def since_of(first: int, j: int, ticks: Ints, statuses: Ints, before: int, since: int) -> int:
    """Gives since when the candidate of a cycle is one; `before` and `since` say what it was in front of `first`."""
    start = j + 1
    while start - STRETCH >= first and absences(ticks[start - STRETCH : start], statuses[start - STRETCH : start]) == 0:
        start -= STRETCH
    while start > first and (ticks[start - 1] == 0 or statuses[start - 1] != NONE):
        start -= 1
    if start == first and before != NONE:
        return since
    while start <= j and ticks[start] == 0:
        start += 1
    return ticks[start] if start <= j else 0


def absences(ticks: Ints, statuses: Ints) -> int:
    """Gives in how many cycles a symbol is no candidate."""
    count = 0
    for k in range(len(ticks)):
        count += (statuses[k] == NONE) & (ticks[k] != 0)
    return count


def is_quiet(
    closes: Floats, sums: Ints, i: int, run: int, short: int, base: int, windows: int, change_level: float,
    surge_level: float,
) -> bool:  # fmt: skip
    """Says that nothing unusual is near: without a division or a rounding, which most cycles can do without."""
    before = closes[i - short]
    if abs(closes[i] - before) * 100.0 >= (change_level - HAIR) * before:
        return False
    usual = sums[i - short] - sums[i - short - base] if run >= short + base else 0
    return bool(usual <= 0 or (sums[i] - sums[i - short]) * float(windows) < (surge_level - HAIR) * usual)


def change_of(closes: Floats, i: int, back: int) -> float:
    """The change of price over so many candles, in percent."""
    return figure_of((closes[i] / closes[i - back] - 1.0) * 100.0)


def changes(cycles: Ints, closes: Floats, last: Ints, statuses: Ints, short: int, out: Floats) -> None:
    """Gives the change over the short window in some cycles; NaN where a symbol is no candidate."""
    for k in range(len(cycles)):
        j = cycles[k]
        out[k] = change_of(closes, last[j], short) if statuses[j] != NONE else NAN


def surge_of(sums: Ints, i: int, run: int, short: int, base: int, windows: int) -> float:
    """The volume of the short window over the mean of the `windows` before it; NaN while there are too few."""
    usual = sums[i - short] - sums[i - short - base] if run >= short + base else 0
    if usual <= 0:
        return NAN
    return figure_of((sums[i] - sums[i - short]) / (usual / windows))


def heat_points(
    long_change: float, surge: float, volume: float, age: float, change: float, spread_bps: float, funding_pct: float,
    momentum: float, liquidity: float, safety: float, two_sided: bool,
) -> float:  # fmt: skip
    """The heat of a candidate without announcements and posts; a symbol of unknown age (NaN) has no safety."""
    total = momentum * momentum_points(long_change, surge, two_sided)
    used = momentum
    total += liquidity * liquidity_points(figure_of(volume), spread_bps)
    used += liquidity
    if age == age:
        total += safety * safety_points(age, change, spread_bps, funding_pct)
        used += safety
    return figure_of(total / used) if used > 0.0 else NAN


def heats_of(
    symbols: Ints, cycles: Ints, times: Ints, closes: Floats, sums: Ints, last: Ints, run: Ints, statuses: Ints,
    born: Ints, short: int, long: int, base: int, day: int, spread_bps: float, funding_pct: float, momentum: float,
    liquidity: float, safety: float, two_sided: bool, out: Floats,
) -> None:  # fmt: skip
    """Gives the heat of some candidates; arrays have a row for each symbol, NaN is no candidate."""
    for k in range(len(symbols)):
        s, j = symbols[k], cycles[k]
        out[k] = NAN
        if statuses[s, j] == NONE:
            continue
        i = last[s, j]
        age = figure_of((times[j] - born[s]) / DAY_MS) if born[s] >= 0 else NAN
        out[k] = heat_points(
            change_of(closes[s], i, long), surge_of(sums[s], i, run[s, j], short, base, base // short),
            (sums[s, i] - sums[s, i - day]) / MICRO, age, change_of(closes[s], i, short), spread_bps, funding_pct,
            momentum, liquidity, safety, two_sided,
        )  # fmt: skip


def ranks(heats: Floats, rows: Ints, cycles: Ints, out: Ints) -> None:
    """Gives the rank of some candidates, hottest first, ties in the order of rows (symbols).

    `heats` has a row for each symbol and a column for each cycle; `rows` and `cycles` say which are wanted.
    """
    for k in range(len(rows)):
        s, j = rows[k], cycles[k]
        heat = heats[s, j]
        rank = 1
        for other in range(len(heats)):
            if heats[other, j] > heat or (other < s and heats[other, j] == heat):
                rank += 1
        out[k] = rank
