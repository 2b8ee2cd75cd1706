"""What is held and awaited as rows of whole numbers, which kernels play; and back into the desk's own books."""

from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from math import gcd
from typing import NamedTuple

import numpy as np

from engine.kernels import legs
from engine.matching.exchange import PaperSettings
from engine.matching.units import E8, PART, part
from engine.records.ideas import ExitPlan
from engine.records.market import SymbolRules
from engine.runs.backtest.blocks.columns import Grid
from engine.stages.desk import Book
from engine.stages.exits import micro
from engine.stages.order import Order, Sent
from engine.stages.size import step_of

#: What a kernel multiplies stays below this, what it divides by the long way below that, and money below what float64
#: holds exactly.
ROOM, LONGEST, EXACT = 2**62, 2**42, 2**53
#: Tiers that a row has room for.
MOST_TIERS = 8
#: The rules whose reasons the kernels know.
_HOUSE = "engine.rules."


class Measures(NamedTuple):
    """A symbol's grid in whole numbers: see `engine.kernels.legs` for what they are."""

    rules: SymbolRules
    tick: Fraction
    unit: Fraction
    volume: Fraction
    least_steps: int
    least_e8: int
    most_steps: int
    light: bool


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
        self.rows = np.zeros(count, np.int64)
        self.count = 0
        worse = part(Decimal(str(paper.bar_spread_bps)) / 20_000) + part(Decimal(str(paper.slippage_bps)) / 10_000)
        common, fee = gcd(PART, worse), Fraction(part(paper.taker_fee_rate), PART)
        share = Fraction(part(paper.participation), PART)
        self._worse = (PART + worse) // common
        self.paper = np.array(
            [
                self._worse, (PART - worse) // common, PART // common, fee.numerator, fee.denominator,
                share.numerator, share.denominator,
            ],
            np.int64,
        )  # fmt: skip
        self._fee_num, self._share = fee.numerator, share
        self._light = (
            paper.fee_in == "quote" and paper.latency_ms == 0
            and all(type(rule).__module__.startswith(_HOUSE) for rule in order.exchange_rules)
        )  # fmt: skip
        self._measures: dict[str, Measures] = {}

    def price(self, s: int, row: int) -> None:
        """Gives a symbol the close of a row of its candles as the last price."""
        self.held[s, legs.LAST] = self._grid.candles[s].numbers["close"].mantissa[row]

    def clear(self, s: int) -> None:
        """Empties a row."""
        self.held[s] = 0

    def hold(self, s: int, book: Book) -> bool:
        """Writes a position anew, at the last price it had; False where it is too large for whole numbers."""
        h, exits, measures = self.held[s], book.exits, self._measured(s)
        steps, last = self._order.scale(book.symbol).steps(book.qty), h[legs.LAST]
        h[:] = 0
        h[legs.OPENED], h[legs.ENTERED], h[legs.DEADLINE] = exits.opened_at, exits.entered_bar, exits.deadline or 0
        h[legs.STOP], h[legs.ARM], h[legs.ARMED], h[legs.BEST] = exits.stop, exits.arms_at, exits.armed, exits.best
        h[legs.LAST], h[legs.LEFT], h[legs.INITIAL], h[legs.ENTRY] = last, exits.left, exits.initial, exits.entry
        h[legs.DONE], h[legs.SOLD], h[legs.TRAIL_LEFT] = exits.tiers_done, exits.tier_steps_done, exits.trail_left
        h[legs.COST], h[legs.REALISED], h[legs.FEES] = book.cost_e8, book.realised_e8, book.fees_e8
        whole = steps == exits.left and steps * self._order.scale(book.symbol).step == book.qty
        light = whole and self._plan(s, exits.plan, exits.initial, measures)
        if light:
            self.tiers[s, legs.LEVEL, : len(exits.tiers)] = exits.tiers
        else:  # a kernel needs to know the next one only
            h[legs.TIERS], h[legs.DONE], self.tiers[s, legs.LEVEL, 0] = exits.next_tier > 0, 0, exits.next_tier
        return self._scaled(s, book, light)

    def await_(self, s: int, sent: Sent) -> bool:
        """Writes an entry that waits for its bar; False where the stages must follow it."""
        self.clear(s)
        steps = self._order.scale(sent.attempt.symbol).steps(sent.attempt.qty)
        measures, h = self._measured(s), self.held[s]
        if not self._plan(s, sent.plan or ExitPlan(), steps, measures):
            return False
        h[legs.WAITING], h[legs.LIGHT] = steps, 1
        h[legs.TICK_NUM], h[legs.TICK_DEN] = measures.tick.as_integer_ratio()
        h[legs.VALUE_DEN] = measures.unit.denominator
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

    def _scaled(self, s: int, book: Book, light: bool) -> bool:
        """Fills in what turns prices into ticks and money; a row too wide for that is for the stages at every bar."""
        h, measures, most = self.held[s], self._measured(s), self._grid.candles[s].most
        value = measures.unit * (Fraction(book.qty) / Fraction(self._order.scale(book.symbol).step))
        num, den = value.as_integer_ratio()
        if light:
            num, den = int(h[legs.LEFT]) * measures.unit.numerator, measures.unit.denominator
        if most * num >= ROOM or most * num >= EXACT * den:
            return False
        tick = measures.tick
        if most * tick.numerator >= ROOM or book.exits.best * book.exits.callback >= ROOM:
            # Levels cannot be compared: its time is always over, so that each bar stops the kernel.
            tick, h[legs.DEADLINE], light = Fraction(1), 1, False
        h[legs.TICK_NUM], h[legs.TICK_DEN] = tick.as_integer_ratio()
        h[legs.VALUE_NUM], h[legs.VALUE_DEN], h[legs.LIGHT] = num, den, light
        return True

    def _plan(self, s: int, plan: ExitPlan, initial: int, measures: Measures) -> bool:
        """Fills in a plan and what it is measured with; says whether kernels can follow it."""
        h, scale = self.held[s], self._order.scale(self._grid.symbols[s])
        h[legs.CALLBACK], self.swans[s] = micro(plan.trail_callback_pct), plan.black_swan_pct
        h[legs.TIERS] = min(len(plan.tiers), MOST_TIERS)
        share, farthest = 0.0, micro(plan.trail_arm_pct)
        for k, tier in enumerate(plan.tiers[:MOST_TIERS]):
            share += tier.share_pct
            self.tiers[s, :, k] = 0, micro(tier.at_pct), micro(share)
            farthest = max(farthest, micro(tier.at_pct))
        if not (self._light and measures.light) or plan.resting_tiers or len(plan.tiers) > MOST_TIERS:
            return False
        paid = initial * scale.worth_num * max(1, self._fee_num)
        if not 0 < initial <= measures.most_steps or initial * scale.worth_num >= LONGEST or scale.worth_den >= LONGEST:
            return False
        h[legs.STOP_PCT], h[legs.TRAIL_PCT] = micro(plan.stop_pct), micro(plan.trail_share_pct)
        h[legs.ARM_PCT], h[legs.HOLD] = micro(plan.trail_arm_pct), plan.hold_max_s * 1000
        h[legs.WORTH_NUM], h[legs.WORTH_DEN] = scale.worth_num, scale.worth_den
        h[legs.UNIT_NUM] = measures.unit.numerator
        h[legs.VOLUME_NUM], h[legs.VOLUME_DEN] = measures.volume.as_integer_ratio()
        h[legs.MOST] = int(ROOM // max(Fraction(measures.volume.numerator), measures.volume * self._share.numerator))
        h[legs.CEILING] = min(ROOM // paid, ROOM // self._worse, ROOM // (legs.PERCENT + farthest)) // 2
        h[legs.LEAST_STEPS], h[legs.LEAST_E8] = measures.least_steps, measures.least_e8
        most = self._grid.candles[s].most
        value = most * initial * measures.unit.numerator
        return value < ROOM and value < EXACT * measures.unit.denominator and most * measures.tick.numerator < ROOM

    def _measured(self, s: int) -> Measures:
        symbol = self._grid.symbols[s]
        found, rules = self._measures.get(symbol), self._order.desk.state.rules[symbol]
        if found is None or found.rules is not rules:
            found = self._measures[symbol] = self._measure(s, rules)
        return found

    def _measure(self, s: int, rules: SymbolRules) -> Measures:
        scale, numbers = self._order.scale(rules.symbol), self._grid.candles[s].numbers
        price, step = Fraction(1, 10 ** numbers["close"].digits), Fraction(scale.step)
        least_qty = max(Decimal(rules.min_qty), Decimal(rules.market_min_qty))
        least_steps = max(1, int((least_qty / scale.step).to_integral_value(ROUND_CEILING)))
        least = Decimal(rules.min_notional) if rules.min_notional_market else Decimal(0)
        least_e8 = int((least * E8).to_integral_value(ROUND_CEILING))
        limits = [scale.steps(limit) for limit in (rules.max_qty, rules.market_max_qty) if Decimal(limit) > 0]
        volume, unit = Fraction(1, 10 ** numbers["volume"].digits) / step, price * step * E8
        light = (
            not (rules.max_notional_market and Decimal(rules.max_notional) > 0)
            and step_of(rules, "market") == scale.step and step >= Fraction(1, E8)
            and least_e8 * scale.worth_den < ROOM and unit.denominator < ROOM and unit.numerator < ROOM
            and max(volume.numerator, volume.denominator) < ROOM // max(1, self._share.numerator)
        )  # fmt: skip
        return Measures(
            rules, price / Fraction(scale.tick), unit, volume, least_steps, least_e8, min(limits, default=ROOM), light
        )
