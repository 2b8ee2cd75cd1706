"""Looks at every symbol of a block: finds the cells in which the strategy may ask for something, and lets it judge."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels import entries
from engine.kernels.pool import NONE
from engine.plugs import Columnar, Exact
from engine.records.ideas import SignalSnapshot
from engine.records.market import SymbolRules, Tick
from engine.runs.backtest.blocks.asks import Asks, Said
from engine.runs.backtest.blocks.frames import Frames
from engine.runs.backtest.blocks.grid import Block, Grid
from engine.runs.backtest.blocks.look import Look
from engine.runs.backtest.blocks.room import Room
from engine.runs.backtest.blocks.screening import Screen, Screened
from engine.runs.backtest.blocks.stretch import Known
from engine.runs.cores import cores
from engine.runs.settings import Settings
from engine.stages.signal import Signal

HOUR_MS = 3_600_000
Array = npt.NDArray[Any]
_NOWHERE = np.zeros(0, np.int64)


class Looking:
    """The stages up to signal, over blocks of cycles."""

    def __init__(self, settings: Settings, grid: Grid, on_failure: Callable[[str, str], None] | None) -> None:
        """Starts cold; raises Unfit for what only the record path can look at."""
        self._grid, self._scan = grid, settings.scan
        self._screen = Screen(settings, grid)
        self.back = self._screen.back
        strategy = settings.strategy
        self._frames = {name: Frames(strategy, name, grid, self.back) for name in strategy.timeframes}
        self.signal = Signal(settings.signal, strategy, on_failure=on_failure)
        self._columnar = strategy if isinstance(strategy, Columnar) else None
        self._is_exact = isinstance(strategy, Exact)
        self._rooms = [Room() for _ in range(cores())]
        self._average_mins = [0] * len(grid.symbols)
        #: Of each symbol the cycles that are asked about, counted from the block's first, and how its frames stood.
        self._asked: list[Array] = [_NOWHERE] * len(grid.symbols)
        self._known: list[dict[str, Known]] = [{} for _ in grid.symbols]

    def learn(self, rules: SymbolRules) -> None:
        """Tells the scan what the rules of a symbol say."""
        scan, s = self._scan, self._grid.symbols.index(rules.symbol)
        self._average_mins[s] = rules.avg_price_mins
        listed = self._screen.listed[s]
        listed.fits = (
            rules.symbol not in scan.exclude and (not rules.quote or rules.quote in scan.quote_assets)
            and rules.status == "TRADING"
        )  # fmt: skip
        if listed.first_at < 0:
            listed.first_at = min(rules.at, int(self._grid.candles[s].opened[0]) + self._grid.step_ms)
        listed.born_at = -1
        if rules.onboard_at is not None:
            listed.born_at = rules.onboard_at
        elif listed.first_at > self._grid.time(0) + HOUR_MS:
            listed.born_at = listed.first_at

    def over(self, block: Block, workers: Executor) -> Asks:
        """Looks at every symbol, several at a time; gives what the strategy may ask for."""
        screened = self._screen.over(block)
        left = iter(range(len(self._grid.symbols)))

        def look_on(room: Room) -> None:
            for s in left:
                self._look_at(screened, s, room)

        # Each takes the next symbol that is left, this thread as well: to hand them out one by one costs more.
        others = [workers.submit(look_on, room) for room in self._rooms[1:]]
        look_on(self._rooms[0])
        for other in others:
            other.result()
        return self._asks(screened, screened.keep([cycles + block.back for cycles in self._asked]))

    def _look_at(self, screened: Screened, s: int, room: Room) -> None:
        block = screened.block
        self._grid.read(block, s)
        self._screen.advance(screened, s)
        stretches = {name: frames.advance(block, s, room) for name, frames in self._frames.items()}
        statuses, cycles = screened.statuses[s, block.new], _NOWHERE
        if statuses.any():
            look = Look(screened, stretches, s)
            cycles = np.flatnonzero(self._columnar.entries(look)[0] if self._columnar is not None else statuses)
            cycles = cycles[statuses[cycles] > NONE]
        self._asked[s] = cycles
        if len(cycles):
            self._known[s] = {name: one.known(cycles, self._frames[name].names) for name, one in stretches.items()}

    def _asks(self, screened: Screened, kept: list[Array]) -> Asks:
        """Gives cells in the order in which they are judged, with prices of orders."""
        symbols = np.repeat(np.arange(len(kept)), [len(cycles) for cycles in kept])
        cycles = np.concatenate(kept)
        unknown = entries.UNKNOWN if self._columnar is not None else entries.STAGES
        verdicts, prices = np.full(len(cycles), unknown), np.empty((len(cycles), 2))
        for s, mine in _slices(kept):
            seen = screened.block.times[cycles[mine]]
            self._grid.candles[s].measure(seen, self._average_mins[s], prices[mine])
            if self._is_exact:
                verdicts[mine][self._is_sure(s, cycles[mine] - screened.block.back)] = entries.YES
        order = np.lexsort((symbols, -screened.heats_of(symbols, cycles), cycles))
        cells = np.stack((cycles[order], symbols[order], verdicts[order]), axis=1)
        return Asks(cells, prices[order], lambda j, s: self._said(screened, j, s), may_exit=self._columnar is None)

    def _is_sure(self, s: int, cycles: Array) -> Array:
        """Says in which of some cycles that are asked about all frames are warm and fresh for sure."""
        sure: Array = np.logical_and.reduce([one.sure for one in self._known[s].values()])
        return sure[np.searchsorted(self._asked[s], cycles)]

    def _said(self, screened: Screened, j: int, s: int) -> Said | None:
        """Lets the strategy judge a candidate; gives what it asks for."""
        block, grid = screened.block, self._grid
        tick, row = Tick(at=int(block.times[j])), grid.row(s, block.first + j - block.back)
        candidate = screened.snapshot(s, j, screened.rank(s, j), grid.candles[s].close_text(row))
        known = {name: one.state(j - block.back) for name, one in self._known[s].items()}
        for one in self.signal.judge(candidate, tick, {n: one for n, one in known.items() if one is not None}):
            if isinstance(one, SignalSnapshot) and one.action != "wait":
                return Said(candidate, one)
        return None


def _slices(arrays: list[Array]) -> Iterator[tuple[int, slice]]:
    """Gives which of some arrays hold anything, and where it is when they stand one behind the other."""
    edges = np.cumsum([0, *map(len, arrays)]).tolist()
    for s, (low, high) in enumerate(pairwise(edges)):
        if high > low:
            yield s, slice(low, high)
