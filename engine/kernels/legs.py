"""What one bar does to one position in whole numbers: the entry that waits for it, and the exits of its plan.

The same as `engine.matching.exchange` and `engine.stages.exits` say of a market order and of a plan, for the common
case: whole orders, fees in the quote asset, tiers that are sold as price gets there. What is not common is left to
the stages: these functions then say no, and whoever calls them takes back what they wrote. Plain functions that numba
compiles.
"""

from typing import Any

Ints = Any
#: Fields of a row of `held`. TICK turns a stored price into ticks (a ratio), WORTH a tick times a step into 1e-8 quote,
#: UNIT a stored price times a step, VOLUME a stored volume into steps. OPENED, ENTERED, DEADLINE and HOLD are ms, STOP,
#: ARM, BEST and ENTRY ticks, WAITING (an entry not yet filled), LEFT, INITIAL, SOLD (by tiers) and TRAIL_LEFT steps,
#: COST, REALISED, FEES, RESERVED (for an entry not yet filled, within a unit) and LEAST_E8 (the least worth that can be
#: sold) 1e-8 quote; the plan's shares and moves, and
#: CALLBACK, are millionths of a percent; 0 where there is none. LIGHT says that the position may be played here,
#: TOUCHED that the bar in hand may do something to it. CEILING is the price, MOST the volume up to which nothing
#: overflows. READ is the cycle up to which prices have been read.
FIELDS = (
    "TICK_NUM", "TICK_DEN", "OPENED", "ENTERED", "DEADLINE", "STOP", "ARM", "ARMED", "BEST", "CALLBACK", "LAST",
    "VALUE_NUM", "VALUE_DEN", "TOUCHED", "LIGHT", "WAITING", "LEFT", "INITIAL", "ENTRY", "TIERS", "DONE", "SOLD",
    "TRAIL_LEFT", "COST", "REALISED", "FEES", "WORTH_NUM", "WORTH_DEN", "UNIT_NUM", "VOLUME_NUM", "VOLUME_DEN",
    "MOST", "CEILING", "LEAST_STEPS", "LEAST_E8", "STOP_PCT", "TRAIL_PCT", "ARM_PCT", "HOLD", "RESERVED", "READ",
)  # fmt: skip
(
    TICK_NUM, TICK_DEN, OPENED, ENTERED, DEADLINE, STOP, ARM, ARMED, BEST, CALLBACK, LAST,
    VALUE_NUM, VALUE_DEN, TOUCHED, LIGHT, WAITING, LEFT, INITIAL, ENTRY, TIERS, DONE, SOLD,
    TRAIL_LEFT, COST, REALISED, FEES, WORTH_NUM, WORTH_DEN, UNIT_NUM, VOLUME_NUM, VOLUME_DEN,
    MOST, CEILING, LEAST_STEPS, LEAST_E8, STOP_PCT, TRAIL_PCT, ARM_PCT, HOLD, RESERVED, READ,
) = range(41)  # fmt: skip
#: Rows of a symbol's `tiers`: the level in ticks, the move it stands for, and the share sold up to and with it.
LEVEL, AT_PCT, SHARE_PCT = range(3)
#: Fields of `paper`: what a buy and a sale are worsened by, the fee, and what an order may be of a volume, as ratios.
BUY_NUM, SELL_NUM, WORSE_DEN, FEE_NUM, FEE_DEN, PART_NUM, PART_DEN = range(7)
#: Fields of `money`: cash, peak and the equity that the day began with in 1e-8 quote, the risk level, when a cool-down
#: ends (ms), how many rows the log has, where in a cycle one stopped, whether no entry would pass, how many are held or
#: awaited, how many were entered this day, the UTC day, the equity at the last tick, the next ask, the one that the
#: strategy is to be asked about, and whether the bars of the first cycle have been played.
(
    CASH, PEAK, DAY_BASE, LEVEL_NOW, BLOCKED_UNTIL, LOGGED, STOPPED, SHUT, COUNT, ENTRIES, DAY, EQUITY, ASK, UNTOLD,
    PLAYED,
) = range(15)  # fmt: skip
MONEY = PLAYED + 1
#: Columns of the log: the cycle, the symbol's row, what happened, steps and price (ticks) of the fill, the price that
#: was decided on (ticks), money of the fill, its fee, and what the position is after it.
COLUMNS = (
    "CYCLE", "SYMBOL", "EVENT", "STEPS", "TICKS", "AT_TICKS", "NOTIONAL", "FEE", "QTY_AFTER", "COST_AFTER",
    "REALISED_AFTER", "FEES_AFTER", "UNSURE",
)  # fmt: skip
(
    CYCLE, SYMBOL, EVENT, STEPS, TICKS, AT_TICKS, NOTIONAL, FEE, QTY_AFTER, COST_AFTER, REALISED_AFTER, FEES_AFTER,
    UNSURE,
) = range(13)  # fmt: skip
#: What happened: nothing that leaves a record, an entry that passed (TICKS is its ask), its fill, or an exit;
#: TIER is the first tier, the others follow.
NOTHING, ENTERED_NOW, BOUGHT, TIMED, STOPPED_OUT, TRAILED, TIER = range(7)
#: A whole percentage in the millionths of a percent that plans are carried in.
PERCENT = 100_000_000
_DIGIT = 1 << 20


def write(row: Ints, values: Ints) -> None:
    """Writes a row over another: one that is assigned whole would be an array that numba has to count."""
    for k in range(len(row)):
        row[k] = values[k]


def bar_played(
    j: int, s: int, h: Ints, tiers: Ints, opened: int, high: int, low: int, volume: int, open_at: int, paper: Ints,
    money: Ints, log: Ints,
) -> bool:  # fmt: skip
    """Plays a bar, its prices and volume as stored: an entry that waits, then the exits; False where it cannot."""
    top = high * h[TICK_NUM] // h[TICK_DEN]
    if top > h[CEILING] or open_at < h[OPENED]:
        return False
    room = min(volume, h[MOST]) * h[VOLUME_NUM] // h[VOLUME_DEN] * paper[PART_NUM] // paper[PART_DEN]
    if h[WAITING] > 0:
        # What a buy pays is rounded up.
        ticks = -(-opened * h[TICK_NUM] // h[TICK_DEN])
        if not bought(j, s, h, tiers, ticks, room, open_at, paper, money, log):
            return False
    bottom, at_open = low * h[TICK_NUM] // h[TICK_DEN], opened * h[TICK_NUM] // h[TICK_DEN]
    return left(j, s, h, tiers, at_open, top, bottom, room, open_at, paper, money, log)


def bought(
    j: int, s: int, h: Ints, tiers: Ints, opened: int, room: int, open_at: int, paper: Ints, money: Ints, log: Ints
) -> bool:  # fmt: skip
    """Fills the entry at the open and sets the levels of its plan."""
    steps, ticks = h[WAITING], max(1, -(-opened * paper[BUY_NUM] // paper[WORSE_DEN]))
    notional = -(-ticks * steps * h[WORTH_NUM] // h[WORTH_DEN])
    fee = -(-notional * paper[FEE_NUM] // paper[FEE_DEN])
    if steps > room or notional + fee > money[CASH]:
        return False
    money[CASH] -= notional + fee
    h[WAITING], h[OPENED], h[ENTERED] = 0, open_at, open_at
    h[LEFT] = h[INITIAL] = steps
    h[COST], h[FEES], h[REALISED] = notional, fee, -fee
    h[VALUE_NUM] = steps * h[UNIT_NUM]
    entry = divided(notional, h[WORTH_DEN], steps * h[WORTH_NUM], True)
    h[ENTRY] = h[BEST] = entry
    h[DEADLINE] = open_at + h[HOLD] if h[HOLD] > 0 else 0
    h[STOP] = level(entry, -h[STOP_PCT]) if h[STOP_PCT] > 0 else 0
    h[ARM] = level(entry, h[ARM_PCT]) if h[TRAIL_PCT] > 0 else 0
    h[TRAIL_LEFT] = divided(steps, h[TRAIL_PCT], PERCENT, False)
    for k in range(h[TIERS]):
        tiers[LEVEL, k] = level(entry, tiers[AT_PCT, k])
    tell(j, s, h, BOUGHT, steps, ticks, ticks, notional, fee, False, money, log)
    return True


def left(
    j: int, s: int, h: Ints, tiers: Ints, opened: int, high: int, low: int, room: int, open_at: int, paper: Ints,
    money: Ints, log: Ints,
) -> bool:  # fmt: skip
    """Makes the exits of a bar, its prices in ticks: see `engine.stages.exits.on_bar`."""
    here = open_at == h[ENTERED]
    if h[DEADLINE] > 0 and open_at >= h[DEADLINE] and not here:
        return sold(j, s, h, TIMED, h[LEFT], opened, False, room, paper, money, log)
    stop, target = h[STOP], tiers[LEVEL, h[DONE]] if h[DONE] < h[TIERS] else 0
    if stop > 0 and opened <= stop and not here:
        return sold(j, s, h, STOPPED_OUT, h[LEFT], opened, False, room, paper, money, log)
    gapped = target > 0 and opened >= target and not here
    reached = target > 0 and high >= target
    if stop > 0 and low <= stop and not gapped:
        return sold(j, s, h, STOPPED_OUT, h[LEFT], stop, reached, room, paper, money, log)
    armed = h[ARMED] > 0 and h[TRAIL_LEFT] > 0
    trail = h[BEST] - divided(h[BEST], h[CALLBACK], PERCENT, False) if armed else 0
    if trail > 0 and low <= trail and not here:
        steps = min(h[TRAIL_LEFT], h[LEFT])
        if not sold(j, s, h, TRAILED, steps, min(trail, opened), reached and not gapped, room, paper, money, log):
            return False
        room -= steps
    if gapped:
        done = h[DONE]
        while done < h[TIERS] and opened >= tiers[LEVEL, done]:
            done += 1
        steps = tier_steps(h, tiers, done)
        if steps > 0 and not sold(j, s, h, TIER + done - 1, steps, opened, False, room, paper, money, log):
            return False
        room -= steps
    while h[DONE] < h[TIERS] and high >= tiers[LEVEL, h[DONE]]:
        price = tiers[LEVEL, h[DONE]]
        steps = tier_steps(h, tiers, h[DONE] + 1)
        if steps > 0 and not sold(j, s, h, TIER + h[DONE] - 1, steps, price, False, room, paper, money, log):
            return False
        room -= steps
    if h[ARM] > 0 and high >= h[ARM]:
        h[ARMED], h[ARM], h[BEST] = 1, 0, high
    elif h[ARMED] > 0 and high > h[BEST]:
        h[BEST] = high
    return True


def tier_steps(h: Ints, tiers: Ints, done: int) -> int:
    """Moves on to so many tiers; gives what they sell that was not sold yet."""
    h[DONE] = done
    steps = min(divided(h[INITIAL], tiers[SHARE_PCT, done - 1], PERCENT, False) - h[SOLD], h[LEFT])
    if done == h[TIERS] and h[TRAIL_PCT] == 0:
        steps = h[LEFT]  # nothing else would ever sell the remainder of the division
    steps = max(steps, 0)
    h[SOLD] += steps
    return int(steps)


def sold(
    j: int, s: int, h: Ints, event: int, steps: int, at: int, unsure: bool, room: int, paper: Ints, money: Ints,
    log: Ints,
) -> bool:  # fmt: skip
    """Sells a leg at a price in ticks, or all where it, or what is left after it, is too small; False if that is, too.

    See `engine.stages.selling`. More than the bar can bear is nothing for kernels either.
    """
    rest = h[LEFT] - steps
    if too_small(h, steps, at) or (rest > 0 and too_small(h, rest, at)):
        steps, rest = h[LEFT], 0
    if steps <= 0 or steps > room or too_small(h, steps, at):
        return False
    ticks = max(1, at * paper[SELL_NUM] // paper[WORSE_DEN])
    worth = ticks * steps * h[WORTH_NUM]
    notional, charged = worth // h[WORTH_DEN], -(-worth // h[WORTH_DEN])
    fee = -(-charged * paper[FEE_NUM] // paper[FEE_DEN])
    cost = h[COST] if rest == 0 else divided(h[COST], steps, h[LEFT], False)
    money[CASH] += notional - fee
    h[COST] -= cost
    h[FEES] += fee
    h[REALISED] += notional - cost - fee
    h[LEFT] = rest
    h[VALUE_NUM] = rest * h[UNIT_NUM]
    if event == TRAILED:
        h[TRAIL_LEFT] -= steps
    h[TRAIL_LEFT] = max(0, min(h[TRAIL_LEFT], rest))
    tell(j, s, h, event, steps, ticks, at, notional, fee, unsure, money, log)
    return True


def too_small(h: Ints, steps: int, ticks: int) -> bool:
    """Says whether an exchange takes less than that in no order; price in ticks."""
    return bool(steps < h[LEAST_STEPS] or ticks * steps * h[WORTH_NUM] < h[LEAST_E8] * h[WORTH_DEN])


def tell(
    j: int, s: int, h: Ints, event: int, steps: int, ticks: int, at: int, notional: int, fee: int, unsure: bool,
    money: Ints, log: Ints,
) -> None:  # fmt: skip
    """Adds a row to the log."""
    row = log[money[LOGGED]]
    row[CYCLE], row[SYMBOL], row[EVENT], row[STEPS], row[TICKS], row[AT_TICKS] = j, s, event, steps, ticks, at
    row[NOTIONAL], row[FEE], row[QTY_AFTER], row[COST_AFTER] = notional, fee, h[LEFT], h[COST]
    row[REALISED_AFTER], row[FEES_AFTER], row[UNSURE] = h[REALISED], h[FEES], unsure
    money[LOGGED] += 1


def level(entry: int, pct: int) -> int:
    """The price in ticks that lies so far from the entry, rounded up."""
    return -(-entry * (PERCENT + pct) // PERCENT)


def divided(a: int, b: int, c: int, up: bool) -> int:
    """Gives a times b by c, rounded up or down, where the product alone would be too long; c is below 2^42."""
    quotient, rest = a // c * b, a % c
    high = low = 0
    # Digit by digit of b, as one divides on paper.
    for shift in (40, 20, 0):
        low = low * _DIGIT + rest * ((b >> shift) % _DIGIT)
        high = high * _DIGIT + low // c
        low %= c
    return quotient + high + (1 if up and low > 0 else 0)
