"""Whether an entry that is asked for passes, and how large it is: what sizes, filters and limits say, in numbers.

The same as `engine.stages.size` and the rules' own `bounds` say of a market order for a coin that is not held. Sure or
not at all: what is beyond a limit, or within a hair of one, is left to the stages, which name what they refuse. Plain
functions that numba compiles.
"""

import math
from typing import Any

from engine.kernels.legs import (
    CASH,
    CEILING,
    COUNT,
    ENTERED_NOW,
    ENTRIES,
    FEE_NUM,
    LIGHT,
    LOGGED,
    READ,
    RESERVED,
    SHUT,
    UNTOLD,
    VALUE_NUM,
    WAITING,
    WORTH_NUM,
    tell,
    write,
)
from engine.kernels.legs import SYMBOL as LOG_SYMBOL

Ints = Any
Floats = Any
#: Columns of the asks, in the order of cycles and, within a cycle, of heat: the cycle, the symbol's row, and what is
#: known of the strategy's verdict.
CYCLE, SYMBOL, VERDICT = range(3)
#: Verdicts: the strategy is still to be asked, it waits, it enters, or the stages have to see it in any case.
UNKNOWN, NO, YES, STAGES = range(4)
#: Columns of the prices of asks: the last, and the average that market orders are measured with (NaN: unknown).
LAST, AVERAGE = range(2)
#: Columns of a symbol's limits: the fields of `engine.plugs.Bounds`, the step of its orders, and how many steps of it
#: can be played.
(
    LEAST_QTY, MOST_QTY, LEAST_WORTH, MOST_WORTH, CASH_PCT, EQUITY_PCT, EXPOSURE_PCT, POSITIONS, ENTRIES_DAY, STEP,
    MOST_STEPS,
) = range(11)  # fmt: skip
#: What an entry is of the equity, a fraction, and how far the last price may be from the average, in percent.
SHARE, BAND_PCT = range(2)
#: What became of the asks of a cycle: all are done, the strategy or the stages are to be asked.
DONE, ASKED, UNSURE = range(3)
#: Near a limit is a share of it, near a whole step what some roundings lose, near a tie of decimals a share of one.
HAIR, LOST, TIE = 1e-9, 1e-14, 1e-3
#: An average is rounded to whole parts of this; of prices above one that is no more than some roundings.
PARTS = 1e12
E8 = 100_000_000.0
#: What is multiplied stays below this.
ROOM = 1 << 62


def answered(
    j: int, ask: int, asks: Ints, prices: Floats, limits: Floats, sizing: Floats, grounds: Ints, ground_tiers: Ints,
    swan: float, total: int, rows: Ints, held: Ints, tiers: Ints, swans: Floats, paper: Ints, money: Ints, log: Ints,
) -> int:  # fmt: skip
    """Enters what is asked for in a cycle, from index `ask` of the asks on, at an equity of `total`.

    Gives what became of it. Unless all is done nothing is entered; `money` tells the ask that it hangs on.
    """
    logged = money[LOGGED]
    while ask < len(asks) and asks[ask, CYCLE] == j:
        s, verdict = asks[ask, SYMBOL], asks[ask, VERDICT]
        if verdict == STAGES:
            return taken_back(ask, UNSURE, logged, held, money, log)
        if verdict != NO and is_open(held[s], limits[s], rows, held, money):
            if verdict == UNKNOWN:
                return taken_back(ask, ASKED, logged, held, money, log)
            average = mean_of(prices[ask, AVERAGE])
            steps = steps_of(prices[ask, LAST], average, total, limits[s], sizing)
            if not passes(steps, prices[ask, LAST], average, total, limits[s], rows, held, money):
                return taken_back(ask, UNSURE, logged, held, money, log)
            wait(steps, held[s], tiers[s], grounds[s], ground_tiers[s], paper)
            held[s, RESERVED] = math.ceil(steps * limits[s, STEP] * average * E8)
            held[s, READ] += j
            swans[s] = swan
            seat(s, rows, held, money)
            money[ENTRIES] += 1
            tell(j, s, held[s], ENTERED_NOW, steps, ask, 0, 0, 0, False, money, log)
        ask += 1
    return DONE


def taken_back(ask: int, why: int, logged: int, held: Ints, money: Ints, log: Ints) -> int:
    """Forgets the entries that were logged from a row on."""
    for row in range(logged, money[LOGGED]):
        forget(held[log[row, LOG_SYMBOL]])
        money[ENTRIES] -= 1
    money[LOGGED], money[UNTOLD] = logged, ask
    return why


def forget(h: Ints) -> None:
    """Empties a row."""
    for k in range(len(h)):
        h[k] = 0


def is_open(h: Ints, limit: Floats, rows: Ints, held: Ints, money: Ints) -> bool:
    """Says whether the desk lets a coin in at all, whatever its size and price."""
    if money[SHUT] > 0 or h[VALUE_NUM] > 0 or h[WAITING] > 0 or money[ENTRIES] >= limit[ENTRIES_DAY]:
        return False
    taken = 0
    for k in range(money[COUNT]):
        if held[rows[k], VALUE_NUM] > 0 or held[rows[k], WAITING] > 0:
            taken += 1
    return bool(taken < limit[POSITIONS])


def mean_of(average: float) -> float:
    """Rounds an average as orders carry it, to twelve decimals; NaN where one cannot be sure how."""
    if not average < 1.0:
        return average
    parts = average * PARTS
    if abs(parts - math.floor(parts) - 0.5) < TIE:
        return math.nan
    return math.floor(parts + 0.5) / PARTS


def steps_of(last: float, average: float, total: int, limit: Floats, sizing: Floats) -> int:
    """Gives the size of an entry in steps; 0 where one cannot be sure of it."""
    if not (last > 0.0 and average > 0.0 and abs(last / average - 1.0) * 100.0 <= sizing[BAND_PCT] * (1.0 - HAIR)):
        return 0
    measure = max(last, average)
    wanted = total / E8 * sizing[SHARE] / measure / limit[STEP]
    near = wanted * (LOST + (1.0 / PARTS if measure == average and average >= 1.0 else 0.0))
    if not near < wanted - math.floor(wanted) < 1.0 - near or wanted >= limit[MOST_STEPS]:
        return 0
    return int(wanted)


def passes(
    steps: int, last: float, average: float, total: int, limit: Floats, rows: Ints, held: Ints, money: Ints
) -> bool:
    """Says whether so many steps pass every rule for sure."""
    qty, equity = steps * limit[STEP], total / E8
    worth, most = qty * average, qty * max(last, average)
    if steps <= 0 or qty < limit[LEAST_QTY] * (1.0 + HAIR) or worth < limit[LEAST_WORTH] * (1.0 + HAIR):
        return False
    pending = 0
    for k in range(money[COUNT]):
        if held[rows[k], WAITING] > 0:
            pending += held[rows[k], RESERVED]
    most *= 1.0 + HAIR
    return bool(
        qty <= limit[MOST_QTY] * (1.0 - HAIR)
        and most <= limit[MOST_WORTH]
        and most * limit[CASH_PCT] / 100.0 <= (money[CASH] - pending) / E8
        and most <= equity * limit[EQUITY_PCT] / 100.0
        and (total - money[CASH] + pending) / E8 + most <= equity * limit[EXPOSURE_PCT] / 100.0 * (1.0 - HAIR)
    )


def wait(steps: int, h: Ints, tiers: Ints, ground: Ints, ground_tiers: Ints, paper: Ints) -> None:
    """Writes the row of an entry that waits for its bar."""
    write(h, ground)
    for k in range(len(tiers)):
        write(tiers[k], ground_tiers[k])
    h[WAITING], h[LIGHT] = steps, 1
    # The price up to which money and levels fit.
    h[CEILING] = min(ground[CEILING], ROOM // (steps * ground[WORTH_NUM] * max(1, paper[FEE_NUM]))) // 2


def seat(s: int, rows: Ints, held: Ints, money: Ints) -> None:
    """Puts a symbol in its place among the sorted rows, and lets go of those that hold nothing any more."""
    count, at = 0, 0
    for k in range(money[COUNT]):
        one = rows[k]
        if one != s and (held[one, VALUE_NUM] > 0 or held[one, WAITING] > 0):
            rows[count] = one
            count += 1
    at = count
    while at > 0 and rows[at - 1] > s:
        rows[at] = rows[at - 1]
        at -= 1
    rows[at] = s
    money[COUNT] = count + 1
