"""A backtest in blocks: kernels over columns find where something happens, the stages look at those cycles alone."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from importlib.util import find_spec
from itertools import pairwise
from typing import Any

import numpy as np

from engine.kernels.compiled import KERNELS, keep_compiled
from engine.records.market import SymbolRules, is_perp
from engine.records.wire import COMPARED
from engine.runs.backtest.blocks.desk import Account, BlockDesk
from engine.runs.backtest.blocks.grid import Block, Grid
from engine.runs.backtest.blocks.looking import Looking
from engine.runs.backtest.outcome import Choosy, Held, Listener, Marks, Result, Unfit
from engine.runs.cores import cores
from engine.runs.data import data_dir
from engine.runs.market import Market
from engine.runs.progress import Progress
from engine.runs.settings import Settings
from engine.stages.candles import MAX_QUOTE_VOLUME_A_MINUTE
from engine.stages.intake import Intake
from engine.world.store.facts import Stored

#: Cycles in a block, of one symbol and of all: enough that Python is called seldom, few enough for the caches, and for
#: memory, which costs time as well when it is fresh.
LEAST, MOST, CELLS = 1 << 10, 1 << 16, 1 << 20


class BlockBacktest:
    """The block path: what `engine.runs.backtest.backtest.Backtest` decides, sooner.

    Heard are the decisions about entries and what became of them; what ended before precheck, or was refused because
    the desk was full, is not made into records.
    """

    def __init__(
        self, settings: Settings, market: Market, listener: Listener,
        on_failure: Callable[[str, str], None] | None = None,
    ) -> None:  # fmt: skip
        """Opens the columns; raises Unfit for a market or settings that only the record path can play."""
        self._settings, self._listener = settings, listener
        self._grid = _grid_of(settings, market)
        keep_compiled(data_dir() / KERNELS)
        self._looking = Looking(settings, self._grid, on_failure)
        wants = listener.wants if isinstance(listener, Choosy) else COMPARED
        self._desk = BlockDesk(settings, self._grid, self._looking.signal.plan, listener.hear, wants)
        self._rules = _rules_of(settings, market, self._grid)
        self.facts, self._cycles, self._reached, self._ticked, self._ended = 0, 0, 0, 0, False

    def play(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Plays the market to its end or a stop, which is looked for between blocks; gives where it is after each."""
        with ThreadPoolExecutor(cores()) as workers:
            for first, end in pairwise(self._edges()):
                if stopped():
                    return
                self._play(first, end, workers)
                yield Progress(self._reached, self.facts, self._cycles, self._desk.fills, False)
        self._desk.finish()
        self._ended = True

    def _play(self, first: int, end: int, workers: Executor) -> None:
        rules = {j: made for j, made in self._rules.items() if first <= j < end}
        for made in rules.values():
            for one in made:
                self._looking.learn(one)
        block = self._grid.block(first, end - first, self._looking.back)
        asks = self._looking.over(block, workers)
        account = self._desk.play(block, {j - first + block.back: made for j, made in rules.items()}, asks)
        self._mark(block, account, sum(first <= self._grid.cycle(one.at) < end for one in self._grid.rules))

    def _edges(self) -> list[int]:
        """Gives where blocks begin: evenly, and where the rules of a symbol change that is there already."""
        size = min(max(LEAST, CELLS // len(self._grid.symbols)), MOST)
        edges = {*range(0, self._grid.cycles, size), self._grid.cycles}
        seen: set[str] = set()
        for cycle in sorted(self._rules):
            for one in self._rules[cycle]:
                if one.symbol in seen:
                    edges.add(cycle)
                seen.add(one.symbol)
        return sorted(edges)

    def _mark(self, block: Block, account: Account, rules: int) -> None:
        columns: list[Any] = [column[block.new] for column in (block.ticks, *account)]
        if not columns[0].all():
            ticked = np.flatnonzero(columns[0])
            columns = [column[ticked] for column in columns]
        count = len(columns[0])
        self.facts += self._grid.count(block) + rules
        self._cycles += count
        self._ticked = int(columns[0][-1]) if count else self._ticked
        self._reached = max(self._reached, self._grid.reached(block))
        told = np.zeros(count, bool)
        for column in columns[1:]:
            told[1:] |= column[1:] != column[:-1]
        # What did not change need not be told; the first and the last of a block join it to its neighbours.
        told[:1] = told[-1:] = True
        rows = np.flatnonzero(told)
        # Numbers are made of them when they are asked for.
        self._listener.mark(Marks(*(memoryview(column[rows]) for column in columns)))

    def result(self) -> Result:
        """Gives how far it came."""
        held = []
        for symbol, book in sorted(self._desk.state.books.items()):
            recent, rules = self._desk.state.recent[symbol], self._desk.state.rules[symbol]
            marked = self._marked(symbol) if book.opened_at < self._ticked else ("", 0)
            held.append(Held(symbol, book.opened_at, str(book.qty), recent.text, recent.at, rules.status, *marked))
        return Result(self.facts, self._cycles, self._reached, self._ended, tuple(held))

    def _marked(self, symbol: str) -> tuple[str, int]:
        """Gives a symbol's price at the last tick, and when that was; an empty one before its first candle."""
        s = self._grid.symbols.index(symbol)
        one, row = self._grid.candles[s], self._grid.row(s, self._grid.cycle(self._ticked))
        return (one.close_text(row), int(one.opened[row]) + self._grid.step_ms) if row >= 0 else ("", 0)


def _grid_of(settings: Settings, market: Market) -> Grid:
    if not isinstance(market.source, Stored):
        raise Unfit("the market is no store: hot store import makes one")
    if find_spec("numba") is None:
        raise Unfit("numba is not installed: pip install 'hotcoin[fast]'")
    grid = Grid(market.source, settings.scan.cycle_s)
    if settings.desk.leverage > 1 and is_perp(grid.candles[0].venue):
        raise Unfit("positions on margin can be liquidated, which the kernels do not watch")
    for one in grid.candles:
        one.check(MAX_QUOTE_VOLUME_A_MINUTE * max(1.0, one.step_s / 60))
    return grid


def _rules_of(settings: Settings, market: Market, grid: Grid) -> dict[int, list[SymbolRules]]:
    """Gives the rules that come with each cycle: recorded ones, and those that stand before a symbol's bars."""
    found: dict[int, list[SymbolRules]] = defaultdict(list)
    recorded: dict[str, int] = {}
    for one in grid.rules:
        found[grid.cycle(one.at)].append(one)
        recorded[one.symbol] = min(one.at, recorded.get(one.symbol, one.at))
    for candles in grid.candles:
        intake = Intake(settings.scan.cycle_s, market.snapshot)
        until = recorded.get(candles.symbol)
        if until is not None and until <= int(candles.opened[0]) + grid.step_ms:
            continue
        for row in candles.finer():
            bar = candles.bar(row)
            if until is not None and until <= bar.at:
                break
            for made in intake.before(bar):
                if isinstance(made, SymbolRules):
                    found[grid.cycle(bar.at)].append(made)
            if candles.symbol in market.snapshot:
                break
    return found
