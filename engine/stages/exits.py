"""How a position is left: stop, tiers, trailing stop, time and black swan, evaluated here and nowhere else."""

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

import msgspec

from engine.matching.bracket import TicksBar, touched
from engine.matching.units import Scale, ceil_div
from engine.records.ideas import ExitPlan

#: Why a position is left that its strategy says to leave: it says so once.
SIGNAL = "SIGNAL"
#: Why a position is left that its venue closed, for want of margin.
LIQUIDATION = "LIQUIDATION"
#: Why a position is left by a stop that has moved up to its entry.
BREAK_EVEN = "BREAK_EVEN"
_HUNDRED = 100
# Percentages of a plan are carried as whole millionths of a percent, so that levels are exact.
_MICRO = 1_000_000


class Exit(NamedTuple):
    """An exit that is due: why, how many steps, at which price in ticks (None: at the market's next price).

    `resting` exits had been waiting on the book as limit orders.
    """

    reason: str
    steps: int
    ticks: int | None
    resting: bool = False
    ambiguous: bool = False


class ExitState(msgspec.Struct, kw_only=True):
    """Where one long position stands in its plan: levels in ticks, steps per leg and what each leg has done.

    At `liquidation` its venue closes it, at the price of `bankruptcy`; 0 for one that owes nothing. `is_even` says that
    the stop has moved up to break even, `tiers_rest` that an exchange has the tiers, which then nobody need watch.
    """

    plan: ExitPlan
    opened_at: int
    entered_bar: int = -1
    initial: int = 0
    left: int = 0
    entry: int = 0
    stop: int = 0
    tiers: list[int] = []
    tiers_done: int = 0
    tier_steps_done: int = 0
    trail_left: int = 0
    armed: bool = False
    best: int = 0
    liquidation: int = 0
    bankruptcy: int = 0
    is_even: bool = False
    tiers_rest: bool = False

    def entered(self, steps: int, entry_ticks: int) -> None:
        """Sets the levels after an entry fill: `steps` more at an average entry of `entry_ticks`."""
        plan = self.plan
        self.initial += steps
        self.left += steps
        self.entry = entry_ticks
        # Stops round up and targets round up: less exposure, never a better price than the plan's.
        self.stop = _level(entry_ticks, -plan.stop_pct) if plan.stop_pct else 0
        if self.is_even:
            self.stop = _level(entry_ticks, plan.break_even_over_pct)
        self.tiers = [_level(entry_ticks, tier.at_pct) for tier in plan.tiers]
        self.trail_left = _share(self.initial, plan.trail_share_pct)
        self.best = max(self.best, entry_ticks)

    def sold(self, reason: str, steps: int) -> None:
        """Takes note of steps that were sold for a reason."""
        self.left -= steps
        if reason == "TRAIL":
            self.trail_left -= steps
        self.trail_left = max(0, min(self.trail_left, self.left))

    def unsold(self, reason: str, steps: int) -> None:
        """Gives steps back to their leg, when an order ended before it had sold them."""
        self.left += steps
        if reason == "TRAIL":
            self.trail_left += steps
        self.put_off(reason, steps)

    def put_off(self, reason: str, steps: int) -> None:
        """Takes note that a tier's exit of so many steps was not sent: it is due again."""
        if not reason.startswith("TIER_"):
            return
        self.tier_steps_done = max(0, self.tier_steps_done - steps)
        while self.tiers_done and self.tier_steps_done < self.tier_steps(self.tiers_done):
            self.tiers_done -= 1

    def tier_sold(self, steps: int, ticks: int) -> None:
        """Takes note of steps that a tier sold which rested at an exchange; price, in ticks, got there."""
        self.sold("TIER", steps)
        self.tier_steps_done += steps
        while self.tiers_done < len(self.tiers) and self.tier_left(self.tiers_done + 1) <= 0:
            self.tiers_done += 1
        _follow(self, ticks)

    def tier_left(self, number: int) -> int:
        """Gives how many steps a tier, counted from 1, still has to sell."""
        is_last = number == len(self.plan.tiers) and not self.plan.trail_share_pct
        until = self.initial if is_last else self.tier_steps(number)
        return until - max(self.tier_steps_done, self.tier_steps(number - 1))

    def tier_steps(self, tiers: int) -> int:
        """Gives how many steps the first so many tiers sell together."""
        share = 0.0
        for tier in self.plan.tiers[:tiers]:
            share += tier.share_pct
        return _share(self.initial, share)

    def rescale(self, old: Scale, new: Scale) -> None:
        """Moves to another grid when the exchange changes a symbol's tick or step while it is held."""
        self.initial = new.steps(old.qty(self.initial))
        self.left = new.steps(old.qty(self.left))
        self.tier_steps_done = new.steps(old.qty(self.tier_steps_done))
        self.trail_left = new.steps(old.qty(self.trail_left))
        self.entry = new.ticks(old.price(self.entry), up=True)
        self.stop = new.ticks(old.price(self.stop), up=True)
        self.best = new.ticks(old.price(self.best), up=True)
        self.tiers = [new.ticks(old.price(level), up=True) for level in self.tiers]

    def ends_at(self, price: int) -> bool:
        """Says whether the venue closes the position at a price, in ticks."""
        return self.liquidation > 0 and price <= self.liquidation

    @property
    def deadline(self) -> int | None:
        """When the holding time is over, in ms, or None without a limit."""
        return self.opened_at + self.plan.hold_max_s * 1000 if self.plan.hold_max_s else None

    @property
    def next_tier(self) -> int:
        """The level of the next tier, in ticks; 0 when there is none left."""
        return self.tiers[self.tiers_done] if self.tiers_done < len(self.tiers) and not self.tiers_rest else 0

    @property
    def arms_at(self) -> int:
        """The level at which the trailing stop arms, in ticks; 0 once it has, or without one."""
        if self.armed or not self.plan.trail_share_pct:
            return 0
        return _level(self.entry, self.plan.trail_arm_pct)

    @property
    def breaks_even_at(self) -> int:
        """The level at which the stop moves up to break even, in ticks; 0 once it has, or without one."""
        if self.is_even or not self.plan.break_even_at_pct:
            return 0
        return _level(self.entry, self.plan.break_even_at_pct)

    @property
    def stop_reason(self) -> str:
        """Why a position is left by its stop."""
        return BREAK_EVEN if self.is_even else "STOP"

    @property
    def callback(self) -> int:
        """How far price must come back from its best, in millionths of a percent."""
        return micro(self.plan.trail_callback_pct)

    @property
    def trail(self) -> int:
        """The trailing stop in force, in ticks; 0 while it is not armed."""
        if not self.armed or self.trail_left <= 0:
            return 0
        return self.best - self.best * self.callback // (_HUNDRED * _MICRO)


@lru_cache(256)
def micro(pct: float) -> int:
    """Gives a percentage of a plan in millionths of a percent."""
    return round(Decimal(str(pct)) * _MICRO)


def _level(entry: int, pct: float) -> int:
    return ceil_div(entry * (_HUNDRED * _MICRO + micro(pct)), _HUNDRED * _MICRO)


def _share(steps: int, pct: float) -> int:
    return steps * micro(pct) // (_HUNDRED * _MICRO)


def on_bar(state: ExitState, bar: TicksBar, open_at: int, entered_here: bool) -> list[Exit]:
    """Gives the exits that a bar makes, in order, and moves the levels on.

    Time first, at the open; then what the open gapped over; then the range, where a bar that touches both the stop
    and a target counts as stopped. The trailing stop in force was fixed by the bars before. Prices in ticks.

    What is liquidated at the open is not left by time, or it could lose more than its margin. A stop that is nearer
    goes before the liquidation; a bar that touches it and anything else counts as liquidated.
    """
    if state.ends_at(bar.open) and not entered_here:
        return [_liquidated(state)]
    if state.deadline is not None and open_at >= state.deadline and not entered_here:
        return [Exit("TIME", state.left, bar.open)]
    exits: list[Exit] = []
    left = state.left
    trail = state.trail
    target = state.next_tier or None
    stop = state.stop if state.stop > state.liquidation else 0
    touch = touched(bar, 1, stop or None, target, entered_here=entered_here)
    if touch is not None and touch.reason in ("stop", "stop_gap"):
        return [Exit(state.stop_reason, left, touch.price, ambiguous=touch.ambiguous)]
    if state.ends_at(bar.low):
        return [_liquidated(state, ambiguous=touch is not None)]
    if trail and bar.low <= trail and not entered_here:
        steps = min(state.trail_left, left)
        both = touch is not None and touch.reason == "target"
        exits.append(Exit("TRAIL", steps, min(trail, bar.open), ambiguous=both))
        left -= steps
    if touch is not None and touch.reason == "target_gap":
        exits += _tiers_up_to(state, bar.open, left)
        left = state.left - _steps(exits)
    exits += _tiers_one_by_one(state, bar.high, left)
    _follow(state, bar.high)
    return exits


def on_price(state: ExitState, price: int, at: int) -> list[Exit]:
    """Gives the exits that a single price makes (a ticker, a trade, a bid), in order. Price in ticks."""
    if state.ends_at(price):
        return [_liquidated(state)]
    if state.deadline is not None and at >= state.deadline:
        return [Exit("TIME", state.left, price)]
    if state.stop and price <= state.stop:
        return [Exit(state.stop_reason, state.left, price)]
    _follow(state, price)
    exits: list[Exit] = []
    left = state.left
    if state.trail and price <= state.trail:
        exits.append(Exit("TRAIL", min(state.trail_left, left), price))
        left -= exits[-1].steps
    exits += _tiers_up_to(state, price, left)
    return exits


def on_mark(state: ExitState, mark: int) -> list[Exit]:
    """Gives the exit that a mark price makes: nothing but a liquidation is measured with it. Price in ticks."""
    return [_liquidated(state)] if state.ends_at(mark) else []


def _liquidated(state: ExitState, ambiguous: bool = False) -> Exit:
    return Exit(LIQUIDATION, state.left, state.bankruptcy, ambiguous=ambiguous)


def on_change(state: ExitState, change_pct: float | None) -> list[Exit]:
    """Gives the protective exit of a black swan: the five-minute change beyond the threshold, either way."""
    limit = state.plan.black_swan_pct
    if limit and change_pct is not None and abs(change_pct) >= limit and state.left > 0:
        return [Exit("BLACK_SWAN", state.left, None)]
    return []


def _follow(state: ExitState, price: int) -> None:
    if state.breaks_even_at and price >= state.breaks_even_at:
        state.is_even = True
        state.stop = max(state.stop, _level(state.entry, state.plan.break_even_over_pct))
    if state.arms_at and price >= state.arms_at:
        state.armed = True
        state.best = price
    elif state.armed and price > state.best:
        state.best = price


def _tiers_up_to(state: ExitState, price: int, left: int) -> list[Exit]:
    """One market order up to the highest tier reached, less what is closed; resting tiers fill at their own levels."""
    if state.plan.resting_tiers:
        return _tiers_one_by_one(state, price, left)
    reached = state.tiers_done
    while not state.tiers_rest and reached < len(state.tiers) and price >= state.tiers[reached]:
        reached += 1
    if reached == state.tiers_done:
        return []
    return _tier_exit(state, reached, price, left)


def _tiers_one_by_one(state: ExitState, price: int, left: int) -> list[Exit]:
    exits: list[Exit] = []
    while not state.tiers_rest and state.tiers_done < len(state.tiers) and price >= state.tiers[state.tiers_done]:
        made = _tier_exit(state, state.tiers_done + 1, state.tiers[state.tiers_done], left - _steps(exits))
        exits += made
    return exits


def _tier_exit(state: ExitState, reached: int, ticks: int, left: int) -> list[Exit]:
    plan = state.plan
    state.tiers_done = reached
    steps = min(state.tier_steps(reached) - state.tier_steps_done, left)
    if reached == len(plan.tiers) and not plan.trail_share_pct:
        steps = left  # nothing else would ever sell the remainder of the division
    if steps <= 0:
        return []
    state.tier_steps_done += steps
    return [Exit(f"TIER_{reached}", steps, ticks, resting=plan.resting_tiers)]


def _steps(exits: list[Exit]) -> int:
    total = 0
    for exit_ in exits:
        total += exit_.steps
    return total
