"""The desk of the block path: kernels play what is asked for and held, the stages themselves what is not common."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from engine.kernels import entries, legs
from engine.kernels import held as cycles
from engine.kernels.compiled import compiled
from engine.plugs import Closes
from engine.records.base import Record
from engine.records.ideas import ExitPlan, SignalSnapshot
from engine.records.market import SymbolRules, Tick
from engine.records.trades import Fill
from engine.runs.backtest.blocks.asks import Asks
from engine.runs.backtest.blocks.entering import Entering
from engine.runs.backtest.blocks.grid import Block, Grid
from engine.runs.backtest.blocks.positions import EXACT, Positions
from engine.runs.backtest.blocks.told import Told
from engine.runs.settings import Settings
from engine.stages.desk import LEVELS
from engine.stages.precheck import Precheck
from engine.stages.recent import WINDOW_MS, Recent

#: What happened is told at the latest after so many cycles in which all that can happen did.
_CYCLES_TOLD = 8


class Account(NamedTuple):
    """The account at each cycle of a block: money in 1e-8 quote; what stands where no tick passes is nothing."""

    equity: Any
    cash: Any
    positions: Any

    @classmethod
    def of(cls, width: int) -> "Account":
        """Gives room for so many cycles."""
        return cls(*(np.zeros(width, np.int64) for _ in range(3)))


class BlockDesk:
    """Desk and venue over blocks of cycles: precheck with the shadow that runs ahead of the order stage.

    On paper the shadow and the order stage say the same, so one of them is enough.
    """

    def __init__(
        self, settings: Settings, grid: Grid, plan: ExitPlan, hear: Callable[[Record], None], wants: Container[str]
    ) -> None:
        """Starts with the settings' equity; `plan` is that of every entry.

        `hear` gets what is decided and done; kinds that are not in `wants` may be left out.
        """
        self._grid, self._hear = grid, hear
        self.fills = 0
        self._said: list[Record] = []
        self._precheck = Precheck(
            settings.precheck, settings.size, settings.desk, settings.paper, settings.rules, None, self._said.extend
        )
        self._order = self._precheck.shadow
        self.state = self._order.desk.state
        self._index = {symbol: s for s, symbol in enumerate(grid.symbols)}
        self._closes = [rule for rule in self._precheck.rules if isinstance(rule, Closes)]
        self._positions = Positions(grid, self._order, settings.paper)
        self._entering = Entering(
            settings.rules, settings.size, settings.precheck, self._order.desk, self._positions, plan
        )
        self._plan = plan
        self._told = Told(grid, self._precheck, settings.signal.strategy, plan, hear, wants)
        self._money = np.zeros(legs.MONEY, np.int64)
        count = len(grid.symbols)
        self._log = np.zeros((_CYCLES_TOLD * cycles.ROWS_A_POSITION * (count + 1), len(legs.COLUMNS)), np.int64)
        self._limits = tuple(
            np.array(levels, np.float64)
            for levels in (settings.desk.drawdown_levels_pct, settings.desk.day_loss_levels_pct)
        )
        self._window = max(1, WINDOW_MS // grid.step_ms)
        self._play, self._mark = compiled(cycles.play), compiled(cycles.marked)
        #: The row up to which a symbol's samples are whole, and the one whose close is its last price.
        self._sampled, self._priced = [-1] * count, [-1] * count
        #: No entry would pass; an order is under way that the stages must follow; so is every bar of what is held.
        self._shut = self._busy = self._slow = False

    def play(self, block: Block, rules: Mapping[int, Sequence[SymbolRules]], asks: Asks) -> Account:
        """Moves over a block and gives the account at each of its cycles, counted from the block's first column.

        `rules` come before the bars of their cycle, `asks` after them.
        """
        end = block.closes.shape[1]
        account = Account.of(end)
        last_tick, untold = self._last(block)
        walls = _Ahead(sorted({*rules, *untold, end}))
        ticks = _Ahead(sorted({*last_tick, end}))
        for s, lows, highs in asks.spans(self._positions.reach(self._plan), end):
            self._grid.some_prices(block, s, lows, highs)
        self._look_again(block, set())
        self._money[legs.ASK] = 0
        j = block.back
        while j < end:
            wall, tick = walls.at(j), ticks.at(j)
            if self._slow or self._busy:
                wall = j
            reached, how = self._pass(block, j, min(wall, tick), tick < wall, asks, account)
            if how in (cycles.AFTER, cycles.FULL):
                j = reached + (how == cycles.AFTER)
                self._weigh()
                continue
            if reached == end:
                break
            if how == cycles.BARS:
                self._bars(block, reached, rules.get(reached, ()), sought=reached == wall)
            self._tick(block, reached, asks)
            account.equity[reached], account.cash[reached] = self.state.equity_e8, self.state.cash_e8
            account.positions[reached] = len(self.state.books)
            j = reached + 1
        return account

    def _last(self, block: Block) -> tuple[list[int], list[int]]:
        """Gives the market's last tick, and the cycle after it that no tick closes: what waits still meets its bars."""
        last = block.back + self._grid.cycles - 1 - block.first
        if last >= block.closes.shape[1]:
            return [], []
        ticked = np.flatnonzero(block.ticks[block.back :]) + block.back
        return ticked[-1:].tolist(), [last]

    def _pass(self, block: Block, first: int, until: int, bars: bool, asks: Asks, account: Account) -> tuple[int, int]:
        """Plays cycles up to one that has to be looked at, or `until`, with `bars` also its bars.

        Gives where it stopped, and how. It stops where one cannot be sure that what is asked for may be entered.
        """
        state, held, entering = self.state, self._positions, self._entering
        self._money[: legs.ASK] = (
            state.cash_e8, state.peak_e8, state.day_base_e8, LEVELS.index(state.risk_level), state.blocked_until, 0,
            0, self._shut, held.count, state.day_entries, state.day, state.equity_e8,
        )  # fmt: skip
        self._money[legs.PLAYED] = 0
        while True:
            reached = self._play(
                first, until, bars, block.ticks, self._grid.step_ms, block.wholes, block.closes, held.rows, held.held,
                held.tiers, held.kept, held.swans, self._window, held.paper, self._money, *self._limits, asks.cells,
                asks.prices, entering.limits, entering.sizing, entering.grounds, entering.tiers, entering.swan,
                self._log, account.equity, account.cash, account.positions,
            )  # fmt: skip
            if self._money[legs.STOPPED] == cycles.VERDICT:
                self._ask(asks, int(self._money[legs.UNTOLD]))
            elif self._money[legs.STOPPED] == cycles.UNREAD:
                held.count = int(self._money[legs.COUNT])
                self._read(block)
            else:
                break
            first = reached
        money = self._money.tolist()
        state.cash_e8, state.peak_e8, held.count = money[legs.CASH], money[legs.PEAK], money[legs.COUNT]
        if money[legs.LOGGED]:
            in_hand = reached if money[legs.STOPPED] == cycles.TICK else -1
            self.fills += self._told.tell(self._log[: money[legs.LOGGED]], block, in_hand, asks)
        state.day, state.day_base_e8, state.day_entries = money[legs.DAY], money[legs.DAY_BASE], money[legs.ENTRIES]
        state.equity_e8 = money[legs.EQUITY]
        return int(reached), money[legs.STOPPED]

    def _read(self, block: Block) -> None:
        """Reads the prices of what is held and awaited up to the end of the block."""
        held = self._positions
        for s in held.rows[: held.count].tolist():
            self._grid.prices(block, s)
            held.held[s, legs.READ] = block.closes.shape[1]

    def _ask(self, asks: Asks, ask: int) -> None:
        """Asks the strategy, and writes down what the kernels may do with its answer."""
        said, verdict = asks.said(ask), entries.NO
        if said is not None:
            signal = said.signal
            common = (signal.action, signal.order_type, signal.plan) == ("enter", "market", self._plan)
            verdict = entries.YES if common else entries.STAGES
        asks.cells[ask, entries.VERDICT] = verdict

    def _bars(self, block: Block, j: int, rules: Sequence[SymbolRules], sought: bool) -> None:
        """Lets the stages see the bars of a cycle: its rules, and the bars that touch something; `sought` says that
        they are still to be found."""
        cycle, held = block.first + j - block.back, self._positions
        # Before they are marked: a bar that the stages are yet to see has moved no best price of theirs.
        for symbol, book in self.state.books.items():
            held.read(self._index[symbol], book)
        if sought:
            self._read(block)
            self._mark(
                j, int(block.times[j]) - self._grid.step_ms, block.wholes, block.closes, held.rows, held.count,
                held.held, held.tiers, held.swans, self._window,
            )  # fmt: skip
        for one in rules:
            self._precheck.take(one)
            self._entering.learn(self._index[one.symbol], one.symbol)
        changed = {self._index[one.symbol] for one in rules}
        # On a new grid levels are others than those that were looked at.
        for s in sorted(changed & self._held | self._wanted(ends=not block.ticks[j])):
            if block.closes[s, j] == block.closes[s, j]:
                self._feed(s, cycle)
                changed.add(s)
            else:
                self._sample(s, self._grid.row(s, cycle))
        self._tell()
        self._look_again(block, changed)

    @property
    def _held(self) -> set[int]:
        return {self._index[symbol] for symbol in self.state.books}

    def _wanted(self, ends: bool) -> set[int]:
        """Gives the symbols whose bar the stages must see: orders wait for it, or a level of the plan is in it."""
        wanted = {self._index[sent.attempt.symbol] for sent in self._order.state.sent.values()}
        held = self._positions
        wanted.update(s for s in held.rows[: held.count].tolist() if held.held[s, legs.TOUCHED])
        if ends or self._slow:
            wanted |= self._held
        return wanted

    def _feed(self, s: int, cycle: int) -> None:
        row = self._grid.row(s, cycle)
        if row > 0 and self._sampled[s] != row - 1:
            self._sample(s, row - 1)
        self._precheck.take(self._grid.candles[s].bar(row))
        self._sampled[s] = self._priced[s] = row
        self._positions.price(s, row)

    def _sample(self, s: int, row: int) -> None:
        """Gives a symbol the samples that the bars up to a row would have left."""
        one = self._grid.candles[s]
        low = max(0, one.rows(0, int(one.opened[row]) - WINDOW_MS + 1)[1] - 1)
        times = [at + self._grid.step_ms for at in one.opened[low : row + 1].tolist()]
        closed, prices, volumes, quotes = times[-1], *one.samples(low, row + 1)
        self.state.recent[one.symbol] = Recent(
            last=prices[-1], text=one.close_text(row), at=closed, step_s=one.step_s, closed_at=closed,
            times=times, prices=prices, volumes=volumes, quotes=quotes,
        )  # fmt: skip
        self._precheck.state.exchange.closed_at[one.symbol] = closed
        self._sampled[s] = self._priced[s] = row

    def _price(self, s: int, cycle: int) -> None:
        """Gives a held symbol its last price; its samples are left for when they are needed."""
        row = self._grid.row(s, cycle)
        if self._priced[s] == row:
            return
        recent, one = self.state.recent.setdefault(self._grid.symbols[s], Recent()), self._grid.candles[s]
        recent.text, recent.at = one.close_text(row), int(one.opened[row]) + self._grid.step_ms
        recent.last = float(recent.text)
        recent.times = []
        self._priced[s], self._sampled[s] = row, -1

    def _tick(self, block: Block, j: int, asks: Asks) -> None:
        """Lets the stages close a cycle, if a tick does: signals come first, then the verdicts on them."""
        if not block.ticks[j]:
            return
        cycle, tick = block.first + j - block.back, Tick(at=int(block.times[j]))
        self.state.last_fact, self.state.feed_step_s = tick.at, self._grid.step_s
        for symbol in self.state.books:
            self._price(self._index[symbol], cycle)
        heard: list[SignalSnapshot] = []

        def given() -> Iterator[SignalSnapshot]:
            for said in asks.all_said(j, lambda s: self._shut_for(self._grid.symbols[s])):
                s = self._index[said.signal.symbol]
                row = self._grid.row(s, cycle)
                if self._sampled[s] != row:
                    self._sample(s, row)
                self._hear(said.candidate)
                heard.append(said.signal)
                yield said.signal

        verdicts = self._precheck.judge_all(tick, given())
        for record in (*heard, *verdicts):
            self._hear(record)
        self._tell()
        self._look_again(block, set())

    def _shut_for(self, symbol: str) -> bool:
        standing = self._order.desk.standing()
        return any(rule.closed(standing, symbol) for rule in self._closes)

    def _weigh(self) -> None:
        """Takes note of whether the desk is shut, and of how large entries are."""
        standing = self._entering.standing
        self._shut = any(rule.closed(standing, "") for rule in self._closes)
        self._entering.weigh()

    def _tell(self) -> None:
        for record in self._said:
            self.fills += record.__class__ is Fill
            self._hear(record)
        self._said.clear()

    def _look_again(self, block: Block, changed: set[int]) -> None:
        """Writes down what the kernels have to play from here on."""
        held, self._busy, self._slow = self._positions, False, self.state.cash_e8 >= EXACT
        awaited = {self._index[sent.attempt.symbol]: sent for sent in self._order.state.sent.values()}
        rows = []
        for s, sent in awaited.items():
            fresh = sent.attempt.symbol not in self.state.books and sent.attempt.purpose == "entry"
            if fresh and sent.attempt.order_type == "market" and not sent.filled and held.await_(s, sent):
                rows.append(s)
            else:
                held.clear(s)
                self._busy = True
        for symbol, book in self.state.books.items():
            s = self._index[symbol]
            if s in awaited:
                continue
            if s in changed or not held.held[s, legs.VALUE_NUM]:
                self._slow = not held.hold(s, book) or self._slow
            rows.append(s)
        # What was held until now may have been closed at a tick, which brings no bar.
        for s in changed.union(held.rows[: held.count].tolist()).difference(rows):
            held.clear(s)
        held.count = len(rows)
        held.rows[: held.count] = sorted(rows)
        self._read(block)
        self._weigh()

    def finish(self) -> None:
        """Gives every held symbol its last price."""
        for symbol in self.state.books:
            self._price(self._index[symbol], self._grid.cycles - 1)


class _Ahead:
    """Cycles in order, asked for one after the other."""

    def __init__(self, cycles: Sequence[int]) -> None:
        """The last one is beyond all that is asked for."""
        self._cycles, self._next = cycles, 0

    def at(self, j: int) -> int:
        """Gives the first from a cycle on; never asked for an earlier one again."""
        while self._cycles[self._next] < j:
            self._next += 1
        return self._cycles[self._next]
