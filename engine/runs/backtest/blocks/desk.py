"""The desk of the block path: the stages themselves for cycles in which something happens, a kernel for all others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from engine.kernels import watch as fields
from engine.kernels.compiled import compiled
from engine.plugs import Closes
from engine.records.base import Record
from engine.records.ideas import SignalSnapshot
from engine.records.market import SymbolRules, Tick
from engine.runs.backtest.blocks.columns import NO_BAR, Block, Grid
from engine.runs.settings import Settings
from engine.stages.desk import LEVELS, Book
from engine.stages.precheck import Precheck
from engine.stages.recent import WINDOW_MS, Recent

DAY_MS = 86_400_000
#: What a kernel multiplies stays below this, and money below what float64 holds exactly.
_ROOM, _EXACT = 2**62, 2**53

Shut = Callable[[str], bool]
#: Gives the signals of a cycle of the block, each made when it is asked for; `Shut` says which symbols need not be.
Signals = Callable[[int, Shut], Iterator[SignalSnapshot]]


class Marks(NamedTuple):
    """The account at each cycle of a block: money in 1e-8 quote; what stands where no tick passes is nothing."""

    equity: Any
    cash: Any
    positions: Any

    @classmethod
    def of(cls, width: int) -> "Marks":
        """Gives room for so many cycles."""
        return cls(*(np.zeros(width, np.int64) for _ in range(3)))


class BlockDesk:
    """Desk and venue over blocks of cycles: precheck with the shadow that runs ahead of the order stage.

    On paper the shadow and the order stage say the same, so one of them is enough.
    """

    def __init__(self, settings: Settings, grid: Grid, hear: Callable[[Record], None]) -> None:
        """Starts with the settings' equity; `hear` gets verdicts and what the order stage says of them."""
        self._grid, self._hear = grid, hear
        self._said: list[Record] = []
        self._precheck = Precheck(
            settings.precheck, settings.size, settings.desk, settings.paper, settings.rules, None, self._said.extend
        )
        self._order = self._precheck.shadow
        self.state = self._order.desk.state
        self._index = {symbol: s for s, symbol in enumerate(grid.symbols)}
        self._closes = [rule for rule in self._precheck.rules if isinstance(rule, Closes)]
        count = len(grid.symbols)
        self._held = np.zeros((count, len(fields.FIELDS)), np.int64)
        self._swans = np.zeros(count)
        self._rows = np.zeros(count, np.int64)
        self._watched = 0
        self._money = np.zeros(5, np.int64)
        self._limits = tuple(
            np.array(levels, np.float64)
            for levels in (settings.desk.drawdown_levels_pct, settings.desk.day_loss_levels_pct)
        )
        self._window = max(1, WINDOW_MS // grid.step_ms)
        self._watch = compiled(fields.watch)
        #: The row up to which a symbol's samples are whole, and the one whose close is its last price.
        self._sampled, self._priced = [-1] * count, [-1] * count
        self._shut = self._slow = False

    def play(
        self, block: Block, rules: Mapping[int, Sequence[SymbolRules]], asked: Sequence[int], signals: Signals | None
    ) -> Marks:
        """Moves over a block and gives the account at each of its cycles, counted from the block's first column.

        `rules` come before the bars of their cycle; `asked` are the cycles in which `signals` gives some.
        """
        end = block.closes.shape[1]
        marks = Marks.of(end)
        stops = sorted({*rules, *self._new_days(block), *self._last(block)})
        asks = set(asked)
        j, stop, ask = block.back, 0, 0
        while j < end:
            while stop < len(stops) and stops[stop] < j:
                stop += 1
            while ask < len(asked) and asked[ask] < j:
                ask += 1
            until = stops[stop] if stop < len(stops) else end
            if ask < len(asked) and not self._shut:
                until = min(until, asked[ask])
            if self._slow or self._order.state.sent:
                until = j
            reached = self._pass(block, j, until, marks)
            if reached == end:
                break
            if reached == until:
                # What is held is looked at first; equity before this cycle's fills is none that ever was.
                peak = self.state.peak_e8
                self._pass(block, reached, reached + 1, marks)
                self.state.peak_e8 = peak
            self._act(block, reached, rules.get(reached, ()), signals if reached in asks else None)
            marks.equity[reached], marks.cash[reached] = self.state.equity_e8, self.state.cash_e8
            marks.positions[reached] = len(self.state.books)
            j = reached + 1
        return marks

    def _new_days(self, block: Block) -> list[int]:
        """Gives the cycles in which the desk begins a day."""
        ticked = np.flatnonzero(block.ticks[block.back :]) + block.back
        days = block.ticks[ticked] // DAY_MS
        before = np.concatenate(([self.state.day], days[:-1])) if len(days) else days
        return [int(j) for j in ticked[days != before]]

    def _last(self, block: Block) -> list[int]:
        """Gives the market's last tick, and the cycle after it that no tick closes: what waits still meets its bars."""
        last = block.back + self._grid.cycles - 1 - block.first
        if last >= block.closes.shape[1]:
            return []
        ticked = np.flatnonzero(block.ticks[block.back :]) + block.back
        return [*ticked[-1:].tolist(), last]

    def _pass(self, block: Block, first: int, until: int, marks: Marks) -> int:
        """Passes the cycles in which nothing happens; gives the one that has to be looked at, or `until`."""
        state = self.state
        self._money[:] = (
            state.cash_e8, state.peak_e8, state.day_base_e8, LEVELS.index(state.risk_level), state.blocked_until
        )  # fmt: skip
        reached = self._watch(
            first, until, block.ticks, self._grid.step_ms, block.wholes, block.closes, self._rows, self._watched,
            self._held, self._swans, self._window, self._money, *self._limits, marks.equity,
        )  # fmt: skip
        state.peak_e8 = int(self._money[fields.PEAK])
        marks.cash[first:reached], marks.positions[first:reached] = state.cash_e8, len(state.books)
        return int(reached)

    def _act(self, block: Block, j: int, rules: Sequence[SymbolRules], signals: Signals | None) -> None:
        """Lets the stages look at a cycle: its rules, the bars that touch something, and its tick."""
        cycle = block.first + j - block.back
        for one in rules:
            self._precheck.take(one)
        fed: set[int] = set()
        for s in self._wanted(ends=not block.ticks[j]):
            if block.wholes[3, s, j] != NO_BAR:
                self._feed(s, cycle)
                fed.add(s)
            else:
                self._sample(s, self._grid.row(s, cycle))
        self._tell()
        if block.ticks[j]:
            self.state.last_fact, self.state.feed_step_s = int(block.times[j]), self._grid.step_s
            for symbol in self.state.books:
                self._price(self._index[symbol], cycle)
            self._close(j, cycle, Tick(at=int(block.times[j])), signals)
        self._look_again({*fed, *(self._index[one.symbol] for one in rules)})

    def _wanted(self, ends: bool) -> list[int]:
        """Gives the symbols whose bar the stages must see: orders wait for it, or a level of the plan is in it."""
        wanted = {self._index[sent.attempt.symbol] for sent in self._order.state.sent.values()}
        for s in self._rows[: self._watched].tolist():
            h = self._held[s]
            if h[fields.ARMED]:
                self.state.books[self._grid.symbols[s]].exits.best = int(h[fields.BEST])
            if h[fields.TOUCHED]:
                wanted.add(s)
        if ends or self._slow:
            wanted.update(self._index[symbol] for symbol in self.state.books)
        return sorted(wanted)

    def _feed(self, s: int, cycle: int) -> None:
        row = self._grid.row(s, cycle)
        if row > 0 and self._sampled[s] != row - 1:
            self._sample(s, row - 1)
        self._precheck.take(self._grid.candles[s].bar(row))
        self._sampled[s] = self._priced[s] = row

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
        recent, one = self.state.recent[self._grid.symbols[s]], self._grid.candles[s]
        recent.text, recent.at = one.close_text(row), int(one.opened[row]) + self._grid.step_ms
        recent.last = float(recent.text)
        recent.times = []
        self._priced[s], self._sampled[s] = row, -1

    def _close(self, j: int, cycle: int, tick: Tick, signals: Signals | None) -> None:
        """Closes a cycle; signals come first, then the verdicts on them, then what the order stage makes of those."""
        heard: list[SignalSnapshot] = []

        def given() -> Iterator[SignalSnapshot]:
            assert signals is not None
            for signal in signals(j, self._shut_for):
                s = self._index[signal.symbol]
                row = self._grid.row(s, cycle)
                if self._sampled[s] != row:
                    self._sample(s, row)
                heard.append(signal)
                yield signal

        verdicts = self._precheck.judge_all(tick, given() if signals is not None else ())
        for record in (*heard, *verdicts):
            self._hear(record)
        self._tell()

    def _shut_for(self, symbol: str) -> bool:
        standing = self._order.desk.standing()
        return any(rule.closed(standing, symbol) for rule in self._closes)

    def _tell(self) -> None:
        for record in self._said:
            self._hear(record)
        self._said.clear()

    def _look_again(self, changed: set[int]) -> None:
        """Writes down what the kernel has to watch from here on."""
        busy = {sent.attempt.symbol for sent in self._order.state.sent.values()}
        self._slow = self.state.cash_e8 >= _EXACT
        self._watched = 0
        for symbol, book in self.state.books.items():
            s = self._index[symbol]
            if symbol in busy or self._slow:
                continue
            if s in changed or not self._held[s, fields.VALUE_DEN]:
                self._fill(s, book)
            self._rows[self._watched] = s
            self._watched += 1
        if self._slow:
            self._watched = 0  # the stages look at every bar of what is held
        for s in changed:
            if self._grid.symbols[s] not in self.state.books:
                self._held[s] = 0
        self._shut = self._shut_for("")

    def _fill(self, s: int, book: Book) -> None:
        one, scale, exits, h = self._grid.candles[s], self._order.scale(book.symbol), book.exits, self._held[s]
        unit = Fraction(1, 10 ** one.numbers["close"].digits)
        tick, value = unit / Fraction(scale.tick), unit * Fraction(book.qty) * 100_000_000
        most = one.most
        if most * value.numerator >= _EXACT * value.denominator or most * value.numerator >= _ROOM:
            self._slow = True
            value = Fraction(0)
        trails = exits.armed and exits.trail_left > 0
        wide = most * tick.numerator >= _ROOM or exits.best * exits.callback >= _ROOM
        last = int(self._held[s, fields.LAST])
        if self._priced[s] >= 0:
            last = int(one.numbers["close"].mantissa[self._priced[s]])
        h[:] = (
            tick.numerator if not wide else 1, tick.denominator if not wide else 1, exits.opened_at,
            exits.entered_bar, 1 if wide else exits.deadline or 0, exits.stop, exits.next_tier, exits.arms_at,
            trails, exits.best, exits.callback, last, value.numerator, value.denominator, 0,
        )  # fmt: skip
        self._swans[s] = book.exits.plan.black_swan_pct

    def finish(self) -> None:
        """Gives every held symbol its last price."""
        for symbol in self.state.books:
            self._price(self._index[symbol], self._grid.cycles - 1)
