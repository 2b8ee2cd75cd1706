"""What is held and awaited as rows of whole numbers, which kernels play; and back into the desk's own books."""

from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from engine.kernels import legs
from engine.matching.exchange import PaperSettings
from engine.matching.units import E8, PART, part
from engine.records.ideas import ExitPlan
from engine.records.market import SymbolRules
from engine.runs.backtest.blocks.grid import Grid
from engine.stages.desk import Book
from engine.stages.exits import micro
from engine.stages.order import Order
from engine.stages.order_state import Sent
from engine.stages.size import step_of
from engine.world.store.numbers import Ints

#: What a kernel multiplies stays below this, what it divides by the long way below that, and money below what float64
#: holds exactly.
ROOM, LONGEST, EXACT = 2**62, 2**42, 2**53
#: Cycles whose prices are read ahead of an entry, at most.
READ_AHEAD = 1024
#: Tiers that a row has room for.
MOST_TIERS = 8
#: The rules whose reasons the kernels know.
_HOUSE = "engine.rules."


class Ground(NamedTuple):
    """What a row of a symbol and a plan begins with: all that does not depend on size or price.

    `rules` are those it was made by. `unit` is the worth of a step at a price of one as stored, in 1e-8 quote,
    `most_steps` the most that kernels may play: 0 where they may play none.
    """

    rules: SymbolRules
    row: Ints
    tiers: Ints
    unit: Fraction
    most_steps: int


class Positions:
    """Rows of the held and the awaited, by symbol."""

    def __init__(self, grid: Grid, order: Order, paper: PaperSettings) -> None:
        """Starts empty. A paper venue that is not the common case makes every row one for the stages."""
        self._grid, self._order = grid, order
        count = len(grid.symbols)
        self.held = np.zeros((count, len(legs.FIELDS)), np.int64)
        self.tiers = np.zeros((count, 3, MOST_TIERS), np.int64)
        self.kept = np.zeros_like(self.held)
        self.swans = np.zeros(count)
        self.rows = np.zeros(count + 1, np.int64)
        self.count = 0
        worse = part(Decimal(str(paper.bar_spread_bps)) / 20_000) + part(Decimal(str(paper.slippage_bps)) / 10_000)
        buy, sell = Fraction(PART + worse, PART), Fraction(PART - worse, PART)
        den = max(buy.denominator, sell.denominator)
        fee, share = Fraction(part(paper.taker_fee_rate), PART), Fraction(part(paper.participation), PART)
        self._worse, self._fee_num, self._share = int(buy * den), fee.numerator, share
        self.paper = np.array(
            [self._worse, int(sell * den), den, fee.numerator, fee.denominator, share.numerator, share.denominator],
            np.int64,
        )
        self._light = (
            paper.fee_in == "quote" and paper.latency_ms == 0
            and all(type(rule).__module__.startswith(_HOUSE) for rule in order.exchange_rules)
        )  # fmt: skip
        self._grounds: dict[tuple[int, ExitPlan], Ground] = {}

    def reach(self, plan: ExitPlan) -> int:
        """Gives up to how many cycles after an entry was decided its prices are needed, unless it lasts very long."""
        held = -(-plan.hold_max_s // self._grid.step_s) + 2 if plan.hold_max_s else READ_AHEAD
        return min(held, READ_AHEAD)

    def price(self, s: int, row: int) -> None:
        """Gives a symbol the close of a row of its candles as the last price."""
        self.held[s, legs.LAST] = self._grid.candles[s].numbers["close"].mantissa[row]

    def clear(self, s: int) -> None:
        """Empties a row."""
        self.held[s] = 0

    def await_(self, s: int, sent: Sent) -> bool:
        """Writes an entry that waits for its bar; False where the stages must follow it."""
        plan = sent.plan if sent.plan is not None else ExitPlan()
        ground, steps = self.ground(s, plan), self._order.scale(sent.attempt.symbol).steps(sent.attempt.qty)
        if not 0 < steps <= ground.most_steps:
            return False
        h = self.held[s]
        h[:], self.tiers[s], self.swans[s] = ground.row, ground.tiers, plan.black_swan_pct
        h[legs.WAITING], h[legs.LIGHT], h[legs.CEILING] = steps, 1, self._ceiling(ground, steps)
        h[legs.RESERVED] = self._order.desk.state.reserved_e8.get(sent.attempt.symbol, 0)
        return True

    def hold(self, s: int, book: Book) -> bool:
        """Writes a position anew, at the last price it had; False where it is too large for whole numbers."""
        h, exits, scale = self.held[s], book.exits, self._order.scale(book.symbol)
        ground, last = self.ground(s, exits.plan), int(h[legs.LAST])
        steps, most = scale.steps(book.qty), self._grid.candles[s].most
        light = steps == exits.left and scale.qty(steps) == book.qty and 0 < exits.initial <= ground.most_steps
        value = ground.unit * (Fraction(book.qty) / Fraction(scale.step))
        num, den = (steps * ground.unit.numerator, ground.unit.denominator) if light else value.as_integer_ratio()
        h[:] = 0
        h[legs.LAST] = last
        if most * num >= ROOM or most * num >= EXACT * den:
            return False
        h[:], self.tiers[s], self.swans[s] = ground.row, ground.tiers, exits.plan.black_swan_pct
        h[legs.LAST], h[legs.VALUE_NUM], h[legs.VALUE_DEN], h[legs.LIGHT] = last, num, den, light
        h[legs.OPENED], h[legs.ENTERED], h[legs.DEADLINE] = exits.opened_at, exits.entered_bar, exits.deadline or 0
        h[legs.STOP], h[legs.ARM], h[legs.ARMED], h[legs.BEST] = exits.stop, exits.arms_at, exits.armed, exits.best
        h[legs.LEFT], h[legs.INITIAL], h[legs.ENTRY] = exits.left, exits.initial, exits.entry
        h[legs.DONE], h[legs.SOLD], h[legs.TRAIL_LEFT] = exits.tiers_done, exits.tier_steps_done, exits.trail_left
        h[legs.COST], h[legs.REALISED], h[legs.FEES] = book.cost_e8, book.realised_e8, book.fees_e8
        if light:
            self.tiers[s, legs.LEVEL, : len(exits.tiers)] = exits.tiers
            h[legs.CEILING] = self._ceiling(ground, exits.initial)
            return True
        # A kernel only watches it, and of its tiers needs to know the next one.
        h[legs.TIERS], h[legs.DONE], self.tiers[s, legs.LEVEL, 0] = exits.next_tier > 0, 0, exits.next_tier
        if most * int(h[legs.TICK_NUM]) >= ROOM or exits.best * exits.callback >= ROOM or exits.breaks_even_at:
            # Levels cannot be compared, or there is one that kernels do not know: its time is always over, so that each
            # bar is one for the stages.
            h[legs.TICK_NUM], h[legs.TICK_DEN], h[legs.DEADLINE] = 1, 1, 1
        return True

    def read(self, s: int, book: Book) -> None:
        """Brings a book's place in its plan up to its row."""
        h, exits = self.held[s], book.exits
        if h[legs.ARMED]:
            exits.best = int(h[legs.BEST])
        if not h[legs.LIGHT]:
            return
        exits.entered_bar, exits.initial, exits.left = int(h[legs.ENTERED]), int(h[legs.INITIAL]), int(h[legs.LEFT])
        exits.entry, exits.stop, exits.best = int(h[legs.ENTRY]), int(h[legs.STOP]), int(h[legs.BEST])
        exits.tiers_done, exits.tier_steps_done = int(h[legs.DONE]), int(h[legs.SOLD])
        exits.trail_left, exits.armed = int(h[legs.TRAIL_LEFT]), bool(h[legs.ARMED])
        exits.tiers = self.tiers[s, legs.LEVEL, : h[legs.TIERS]].tolist()

    def _ceiling(self, ground: Ground, steps: int) -> int:
        """Gives the price in ticks up to which money and levels fit."""
        paid = steps * int(ground.row[legs.WORTH_NUM]) * max(1, self._fee_num)
        return min(int(ground.row[legs.CEILING]), ROOM // paid) // 2

    def ground(self, s: int, plan: ExitPlan) -> Ground:
        """Gives what a symbol's rows of a plan begin with."""
        found, rules = self._grounds.get((s, plan)), self._order.desk.state.rules[self._grid.symbols[s]]
        if found is None or found.rules is not rules:
            found = self._grounds[s, plan] = self._measure(s, plan, rules)
        return found

    def _measure(self, s: int, plan: ExitPlan, rules: SymbolRules) -> Ground:
        scale, one = self._order.scale(rules.symbol), self._grid.candles[s]
        price, step = Fraction(1, 10 ** one.numbers["close"].digits), Fraction(scale.step)
        tick, unit = price / Fraction(scale.tick), price * step * E8
        volume = Fraction(1, 10 ** one.numbers["volume"].digits) / step
        least = Decimal(rules.min_notional) * E8 if rules.min_notional_market else Decimal(0)
        fewest = max(Decimal(rules.min_qty), Decimal(rules.market_min_qty)) / scale.step
        limits = [scale.steps(limit) for limit in (rules.max_qty, rules.market_max_qty) if Decimal(limit) > 0]
        row = dict.fromkeys(range(len(legs.FIELDS)), 0)
        row[legs.TICK_NUM], row[legs.TICK_DEN] = tick.as_integer_ratio()
        row[legs.WORTH_NUM], row[legs.WORTH_DEN] = scale.worth_num, scale.worth_den
        row[legs.UNIT_NUM], row[legs.VALUE_DEN] = unit.as_integer_ratio()
        row[legs.VOLUME_NUM], row[legs.VOLUME_DEN] = volume.as_integer_ratio()
        row[legs.MOST] = int((ROOM - 1) // max(Fraction(volume.numerator), volume * self._share.numerator))
        row[legs.LEAST_STEPS] = max(1, int(fewest.to_integral_value(ROUND_CEILING)))
        row[legs.LEAST_E8] = int(least.to_integral_value(ROUND_CEILING))
        row[legs.STOP_PCT], row[legs.TRAIL_PCT] = micro(plan.stop_pct), micro(plan.trail_share_pct)
        row[legs.ARM_PCT], row[legs.CALLBACK] = micro(plan.trail_arm_pct), micro(plan.trail_callback_pct)
        row[legs.HOLD], row[legs.TIERS] = plan.hold_max_s * 1000, min(len(plan.tiers), MOST_TIERS)
        row[legs.READ] = self.reach(plan)
        farthest = max([row[legs.ARM_PCT], *(micro(tier.at_pct) for tier in plan.tiers[:MOST_TIERS])])
        row[legs.CEILING] = min(ROOM // self._worse, ROOM // (legs.PERCENT + farthest))
        wide = max(row.values()) >= ROOM or row[legs.LEAST_E8] * scale.worth_den >= ROOM
        light = (
            self._light and not wide and len(plan.tiers) <= MOST_TIERS
            and not (plan.resting_tiers or plan.break_even_at_pct)
            and not (rules.max_notional_market and Decimal(rules.max_notional) > 0)
            and step_of(rules, "market") == scale.step and step >= Fraction(1, E8)
            and max(scale.worth_den, volume.denominator) < LONGEST and one.most * tick.numerator < ROOM
        )  # fmt: skip
        tiers = np.zeros((3, MOST_TIERS), np.int64)
        share = 0.0
        for k, tier in enumerate(plan.tiers[:MOST_TIERS]):
            share += tier.share_pct
            tiers[:, k] = 0, micro(tier.at_pct), micro(share)
        values = [min(value, ROOM) for value in row.values()]
        priced, worth = one.most * unit.numerator, scale.worth_num
        most = min(
            *limits, (ROOM - 1) // priced, (EXACT * unit.denominator - 1) // priced, (LONGEST - 1) // worth,
            (ROOM - 1) // (worth * max(1, self._fee_num)),
        )  # fmt: skip
        return Ground(rules, np.array(values, np.int64), tiers, unit, most if light else 0)
