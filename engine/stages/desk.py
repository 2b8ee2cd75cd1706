"""The desk: what the fills add up to, what it is worth at current prices, and how much risk that is."""

from decimal import Decimal
from typing import Literal

import msgspec

from engine.errors import BadRecord
from engine.matching.events import Executed
from engine.matching.units import E8, MOST, ceil_div, e8, from_e8
from engine.records.account import Condition
from engine.records.base import Figure, figure
from engine.records.bounds import Leverage, Money, Percent, Seconds, SecondsOrOff, Weight, check_ascending, check_asset
from engine.records.desk import DeskView, EngineState, Holding, Standing
from engine.records.market import Bar, SymbolRules, check_rules, is_perp
from engine.records.trades import StateChange
from engine.stages.exits import ExitState
from engine.stages.funding import FundingState
from engine.stages.recent import News, Price, Recent

DAY_MS = 86_400_000
#: Above this share of facts that make no sense, in a minute of at least so many, a feed is dirty.
DIRTY_SHARE, DIRTY_OF, DIRTY_MS = 0.05, 20, 60_000
Levels = tuple[Percent, Percent, Percent, Percent, Percent]
LEVELS = ("L0", "L1", "L2", "L3", "L4", "L5")
#: Whose end, among conditions, is that of the cool-down after L5: of any that would have lasted until then at most.
COOLDOWN = "risk_L5"
#: The end of a cool-down that is over at the next mark.
_OVER = 1


class DeskSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The account's start and its risk levels; the worse of drawdown and day loss decides.

    `equity`: what a fresh paper account starts with, in the quote asset. `quote_asset`: what it is counted in.
    `drawdown_levels_pct`: fall from the peak at which L1 (notice), L2, L3 (smaller entries), L4 (no entries) and L5
    (blocked) begin. `day_loss_levels_pct`: loss of the UTC day at which they begin. `size_factors`: what L0 to L5 leave
    of an entry's size. `l5_cooldown_s`: how long L5 blocks. `feed_stale_s`: a market silent for longer degrades the
    engine (twice the step for coarser candles). `feed_fresh_s`: how long it must flow again before entries do.
    `leverage`: how many times its margin an entry on perpetuals is; the margin is isolated: all that a position can
    lose. `maintenance_rate`: the share of its notional that a position must keep as margin, or its venue closes it,
    where the symbol's rules name no tiers (0.004 is asked of the largest coins, 0.03 of a few).
    """

    equity: Money = Decimal(1000)
    quote_asset: str = "USDT"
    leverage: Leverage = 1
    maintenance_rate: Weight = 0.02
    drawdown_levels_pct: Levels = (3.0, 5.0, 8.0, 10.0, 15.0)
    day_loss_levels_pct: Levels = (2.0, 3.0, 4.0, 5.0, 8.0)
    size_factors: tuple[Weight, Weight, Weight, Weight, Weight, Weight] = (1.0, 1.0, 0.7, 0.5, 0.0, 0.0)
    l5_cooldown_s: SecondsOrOff = 86_400
    feed_stale_s: Seconds = 60
    feed_fresh_s: SecondsOrOff = 60

    def __post_init__(self) -> None:
        """Raises ValueError for risk levels that do not ascend, or a quote asset that is none."""
        check_asset("quote_asset", self.quote_asset)
        check_ascending("drawdown_levels_pct", self.drawdown_levels_pct)
        check_ascending("day_loss_levels_pct", self.day_loss_levels_pct)
        if self.leverage * self.maintenance_rate >= 1:
            raise ValueError(
                f"at leverage {self.leverage} a margin is no more than maintenance_rate {self.maintenance_rate:g}: "
                "an entry would be liquidated at once"
            )


class Book(msgspec.Struct, kw_only=True):
    """One open position: quantity, what it cost, what it has realised, and where it stands in its exit plan.

    `owed_e8` is what of its value is not ours: the part of the cost that the venue lent, and the funding that was paid
    out of its margin. `funded_at` is the last funding time that was paid, `last_exit` the key of the last exit that was
    sent.
    """

    symbol: str
    venue: str
    strategy: str
    opened_at: int
    exits: ExitState
    qty: Decimal = Decimal(0)
    cost_e8: int = 0
    realised_e8: int = 0
    fees_e8: int = 0
    owed_e8: int = 0
    funded_at: int = 0
    last_exit: str = ""

    @property
    def margin_e8(self) -> int:
        """What is tied up in it: all that it can lose."""
        return self.cost_e8 - self.owed_e8

    def owed_of(self, qty: Decimal) -> int:
        """What is owed for a part of its coins, in 1e-8 quote."""
        return self.owed_e8 if qty >= self.qty else int(self.owed_e8 * qty / self.qty)

    @property
    def entry_price(self) -> Decimal:
        """Average paid per unit, in the quote asset."""
        return Decimal(self.cost_e8) / E8 / self.qty if self.qty else Decimal(0)


class DeskState(msgspec.Struct, kw_only=True):
    """Everything the desk remembers. Money in 1e-8 quote."""

    cash_e8: int
    peak_e8: int
    day: int = -1
    day_base_e8: int = 0
    day_entries: int = 0
    risk_level: str = "L0"
    drawdown_pct: Figure = 0
    day_loss_pct: Figure = 0
    equity_e8: int = 0
    books: dict[str, Book] = {}
    reserved_e8: dict[str, int] = {}
    recent: dict[str, Recent] = {}
    rules: dict[str, SymbolRules] = {}
    funding: FundingState = msgspec.field(default_factory=FundingState)
    last_fact: int = 0
    fresh_since: int = 0
    feed_step_s: int = 0
    quick_at: int = 0
    heard: int = 0
    dirty: int = 0
    counted_since: int = 0
    feed_dirty: bool = False
    engine: EngineState = "tradeable"
    reason: str = ""
    halted: str = ""
    blocked_until: int = 0
    conditions: dict[str, Condition] = {}


class Desk:
    """Folds facts and executions; marks itself at each tick; tells rules what they may look at."""

    def __init__(self, settings: DeskSettings, state: DeskState | None = None) -> None:
        """Starts with the settings' equity in cash, or where `state` left off."""
        self.settings = settings
        self._still_ms = 1000 * settings.feed_stale_s
        start = e8(settings.equity)
        self.state = state if state is not None else DeskState(cash_e8=start, peak_e8=start, equity_e8=start)
        self._leverages: dict[str, int] = {}
        for rules in self.state.rules.values():
            self._lever(rules)

    def learn(self, rules: SymbolRules) -> None:
        """Takes an exchange's rules; raises BadRecord for rules that make none, and goes by the old ones."""
        check_rules(rules)
        self.state.rules[rules.symbol] = rules
        self._lever(rules)

    def _lever(self, rules: SymbolRules) -> None:
        self._leverages.pop(rules.symbol, None)
        if self.settings.leverage > 1 and is_perp(rules.venue):
            self._leverages[rules.symbol] = self.settings.leverage

    def see(self, fact: Price) -> News:
        """Takes a fact; says what it is good for. One that makes no sense is counted, and good for nothing."""
        state = self.state
        recent = state.recent.get(fact.symbol)
        if recent is None:
            recent = state.recent[fact.symbol] = Recent()
        state.heard += 1
        try:
            news = recent.see(fact)
        except BadRecord:
            state.dirty += 1
            return "none"
        if news == "none":
            return news
        mono = fact.mono_ms if fact.mono_ms is not None else fact.at
        # The silence is measured as the tick measured it, whatever step the fact that ends it has.
        if mono - state.last_fact > self._stale_ms(state.feed_step_s):
            state.fresh_since = mono
        if mono > state.last_fact:
            state.last_fact = mono
        if isinstance(fact, Bar):
            # Candles beside prices that come by the second are no excuse for silence.
            state.feed_step_s = fact.step_s if mono - state.quick_at > self._still_ms else 0
        else:
            state.quick_at, state.feed_step_s = max(state.quick_at, mono), 0
        return news

    def heard(self, count: int, mono: int) -> None:
        """Counts prices that were taken from tickers in one go, the last of them at `mono`."""
        self.state.heard += count
        self.state.last_fact = max(self.state.last_fact, mono)
        self.state.quick_at = max(self.state.quick_at, mono)
        self.state.feed_step_s = 0

    def _stale_ms(self, step_s: int) -> int:
        return max(self._still_ms, 2000 * step_s)

    def mark(self, at: int, mono: int) -> list[StateChange]:
        """Marks the account to current prices at a tick; gives the changes of risk level and engine state."""
        state = self.state
        before_e8, state.equity_e8 = state.equity_e8, state.cash_e8
        for symbol in sorted(state.books):
            state.equity_e8 = min(state.equity_e8 + self._value_e8(symbol) - state.books[symbol].owed_e8, MOST)
        day = at // DAY_MS
        if day != state.day:
            # From where the day before ended, so that what was lost across midnight is lost on one of them.
            base_e8 = before_e8 if state.day >= 0 else state.equity_e8
            state.day, state.day_base_e8, state.day_entries = day, base_e8, 0
        state.peak_e8 = max(state.peak_e8, state.equity_e8)
        self._count_dirt(mono)
        for scope in [scope for scope, held in state.conditions.items() if 0 < held.until <= at]:
            del state.conditions[scope]
        state.drawdown_pct = _loss_pct(state.peak_e8, state.equity_e8)
        state.day_loss_pct = _loss_pct(state.day_base_e8, state.equity_e8)
        return self._risk(at) + self._engine(at, mono)

    def _count_dirt(self, mono: int) -> None:
        state = self.state
        if mono - state.counted_since < DIRTY_MS:
            return
        state.feed_dirty = state.heard >= DIRTY_OF and state.dirty > DIRTY_SHARE * state.heard
        state.heard, state.dirty, state.counted_since = 0, 0, mono

    def _value_e8(self, symbol: str) -> int:
        return e8(self.state.books[symbol].qty * Decimal(self.state.recent[symbol].text))

    def _risk(self, at: int) -> list[StateChange]:
        state, settings = self.state, self.settings
        by_drawdown = _level_of(state.drawdown_pct, settings.drawdown_levels_pct)
        by_day = _level_of(state.day_loss_pct, settings.day_loss_levels_pct)
        if at < state.blocked_until:
            by_day = 5
        elif state.blocked_until:
            # The cool-down is over: the peak starts again at today's equity, or drawdown would block for ever.
            state.blocked_until = 0
            state.peak_e8 = state.day_base_e8 = state.equity_e8
            state.drawdown_pct = state.day_loss_pct = 0
            by_drawdown = by_day = 0
        level = LEVELS[max(by_drawdown, by_day)]
        if level == state.risk_level:
            return []
        was, state.risk_level = state.risk_level, level
        if level == "L5":
            state.blocked_until = at + settings.l5_cooldown_s * 1000
        drawdown_decides = by_drawdown >= by_day
        index = max(by_drawdown, by_day) - 1
        limits = settings.drawdown_levels_pct if drawdown_decides else settings.day_loss_levels_pct
        return [
            StateChange(
                at=at, scope="risk", was=was, now=level, reason="drawdown" if drawdown_decides else "day_loss",
                value=state.drawdown_pct if drawdown_decides else state.day_loss_pct,
                limit=figure(limits[index]) if index >= 0 else None, until=state.blocked_until or None,
            )
        ]  # fmt: skip

    def _engine(self, at: int, mono: int) -> list[StateChange]:
        state = self.state
        now, reason = self._engine_now(mono)
        if (now, reason) == (state.engine, state.reason):
            return []
        was = f"{state.engine}({state.reason})" if state.reason else state.engine
        state.engine, state.reason = now, reason
        until = state.blocked_until if reason == "risk_L5" else None
        for condition in state.conditions.values():
            if (condition.state, condition.reason) == (now, reason) and now == "blocked":
                until = condition.until or None
        return [
            StateChange(
                at=at, scope="engine", was=was, now=f"{now}({reason})" if reason else now,
                reason=reason or "recovered", until=until,
            )
        ]  # fmt: skip

    def _engine_now(self, mono: int) -> tuple[EngineState, str]:
        state = self.state
        if state.halted:
            return "blocked", "operator"
        if state.risk_level == "L5":
            return "blocked", "risk_L5"
        conditions = [state.conditions[scope] for scope in sorted(state.conditions)]
        for condition in conditions:
            if condition.state == "blocked":
                return "blocked", condition.reason
        for condition in conditions:
            return "degraded", condition.reason
        if mono - state.last_fact > self._stale_ms(state.feed_step_s):
            return "degraded", "feed_stale"
        # The way back: a whole fresh window of facts, not the first frame after the silence.
        if state.reason == "feed_stale" and mono - state.fresh_since < self.settings.feed_fresh_s * 1000:
            return "degraded", "feed_stale"
        if state.feed_dirty:
            return "degraded", "feed_dirty"
        return "tradeable", ""

    def learn_condition(self, condition: Condition) -> list[StateChange]:
        """Takes note of what stands in the way of entries, or of its end; gives the change that follows at once."""
        state, mono = self.state, condition.mono_ms if condition.mono_ms is not None else condition.at
        if condition.state == "ok":
            state.conditions.pop(condition.scope, None)
            if condition.scope == COOLDOWN and state.blocked_until <= condition.until:
                state.blocked_until = _OVER
        else:
            state.conditions[condition.scope] = condition
            if condition.scope == "feed_stale":
                state.fresh_since = max(state.fresh_since, mono)
        return self._engine(condition.at, mono)

    def operator(self, action: Literal["halt", "resume"], reason: str) -> None:
        """Obeys the operator: a halt blocks entries until a resume; a resume also ends a cool-down and what blocks."""
        if action == "halt":
            self.state.halted = reason or "operator"
        else:
            self.state.halted = ""
            for scope in [scope for scope, held in self.state.conditions.items() if held.needs_resume]:
                del self.state.conditions[scope]
            if self.state.blocked_until:
                self.state.blocked_until = _OVER

    def standing(self) -> Standing:
        """Gives what of the desk does not move with prices."""
        state = self.state
        return Standing(
            state.books.keys(), state.reserved_e8.keys(), state.risk_level, state.engine, state.reason,
            state.day_entries,
        )  # fmt: skip

    def view(self, at: int, open_orders: dict[str, int], only: str | None = None) -> DeskView:
        """Gives what a rule may look at; `open_orders` counts working orders by symbol, `only` is the one holding."""
        state = self.state
        holdings = {
            symbol: Holding(symbol, book.qty, book.entry_price, from_e8(self._value_e8(symbol)))
            for symbol, book in sorted(state.books.items())
            if only is None or symbol == only
        }
        return DeskView(
            at=at, equity=from_e8(state.equity_e8), cash=from_e8(state.cash_e8), holdings=holdings,
            reserved={s: from_e8(v) for s, v in sorted(state.reserved_e8.items())},
            drawdown_pct=state.drawdown_pct, day_loss_pct=state.day_loss_pct, risk_level=state.risk_level,
            engine_state=state.engine, engine_reason=state.reason, day_entries=state.day_entries,
            open_orders=open_orders, leverages=self._leverages,
        )  # fmt: skip

    @property
    def size_factor(self) -> float:
        """What the risk level leaves of the size of a new entry."""
        return self.settings.size_factors[LEVELS.index(self.state.risk_level)]

    def buy(self, book: Book, done: Executed) -> None:
        """Adds an entry's execution to a position."""
        notional = e8(done.notional, up=True)
        fee = e8(done.fee_quote, up=True)
        net = done.qty - done.fee_base
        # What the venue keeps of the coins is a fee; the position holds, and is costed for, the rest.
        kept = notional if not done.fee_base else int(notional * net / done.qty)
        book.qty += net
        book.cost_e8 += kept
        book.fees_e8 += fee
        book.realised_e8 -= fee if not done.fee_base else notional - kept
        lent = notional - self._margin_of(book.symbol, notional)
        book.owed_e8 += lent
        self.state.cash_e8 -= (notional if done.fee_base else notional + fee) - lent

    def _margin_of(self, symbol: str, notional_e8: int) -> int:
        return ceil_div(notional_e8, self._leverages.get(symbol, 1))

    def affords(self, symbol: str, notional_e8: int, fee_e8: int) -> bool:
        """Says whether the cash pays a buy: its margin and its fee."""
        return self._margin_of(symbol, notional_e8) + fee_e8 <= self.state.cash_e8

    def owes_e8(self, symbol: str, qty: Decimal) -> int:
        """Gives what is owed for a part of what is held, in 1e-8 quote."""
        book = self.state.books.get(symbol)
        return book.owed_of(qty) if book is not None else 0

    def sell(self, book: Book, done: Executed) -> None:
        """Takes an exit's execution out of a position and books its profit."""
        notional = e8(done.notional)
        fee = e8(done.fee_quote, up=True)
        cost = book.cost_e8 if done.qty >= book.qty else int(book.cost_e8 * done.qty / book.qty)
        owed = book.owed_of(done.qty)
        book.qty -= done.qty
        book.cost_e8 -= cost
        book.owed_e8 -= owed
        book.fees_e8 += fee
        book.realised_e8 += notional - cost - fee
        self.state.cash_e8 = min(self.state.cash_e8 + notional - fee - owed, MOST)

    def find(self, book: Book, qty: Decimal, worth_e8: int) -> None:
        """Adds coins to a position that an earlier one has written off: what they are worth now is gained."""
        book.qty += qty
        book.cost_e8 += worth_e8
        book.realised_e8 += worth_e8

    def write_off(self, book: Book) -> Decimal:
        """Closes a position whose remainder is too small to sell; gives that dust, whose margin counts as lost."""
        dust = book.qty
        book.realised_e8 -= book.margin_e8
        book.qty, book.cost_e8, book.owed_e8 = Decimal(0), 0, 0
        del self.state.books[book.symbol]
        return dust


def _loss_pct(base_e8: int, now_e8: int) -> Figure:
    if base_e8 <= 0:
        return 0
    return max(0, figure((base_e8 - now_e8) / base_e8 * 100.0) or 0)


def _level_of(pct: float, limits: tuple[float, ...]) -> int:
    level = 0
    for i, limit in enumerate(limits):
        if pct >= limit:
            level = i + 1
    return level
