"""A market in columns: every symbol's candles on one grid of cycles, block by block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels import reading
from engine.kernels.compiled import compiled
from engine.kernels.window import MICRO
from engine.records.market import SymbolRules
from engine.records.wire import decode
from engine.runs.backtest.blocks.candles import PLAYED, Candles
from engine.runs.backtest.blocks.room import Room
from engine.runs.backtest.outcome import Unfit
from engine.world.store.facts import Stored
from engine.world.store.files import RULES, path_of, read_rules
from engine.world.store.numbers import Floats, Ints
from engine.world.store.tables import Series


@dataclass(frozen=True)
class Block:
    """Cycles `first` to `first + size` of the grid, with `back` cycles before them in front of every row.

    `times` are when the cycles close (ms), `ticks` the same, 0 where no bar closes. Rows are symbols, sorted by name,
    filled by `Grid.read`: `closes` are float64 (NaN: no candle), `sums` running sums of quote volume in micro units,
    `last` is the column of the last candle then (-1: none), `run` how many without a hole end there, counted from the
    block's first column: no window reaches back further. `wholes` are prices and volume as whole mantissas (NO_BAR:
    none) in the order of `PLAYED`; they are there for symbols and cycles that were asked for (`Grid.prices`), in the
    block itself.
    """

    first: int
    size: int
    back: int
    times: Ints
    ticks: Ints
    closes: Floats
    sums: Ints
    last: npt.NDArray[np.int32]
    run: npt.NDArray[np.int32]
    wholes: Ints
    priced: npt.NDArray[np.bool_]

    @property
    def new(self) -> slice:
        """The columns of the block itself."""
        return slice(self.back, None)


class Grid:
    """All candles of a stored market on one grid of cycles."""

    def __init__(self, source: Stored, cycle_s: int) -> None:
        """Opens the columns; raises Unfit for a market that is not candles of one venue and one step alone."""
        self.candles = sorted(_series(source), key=lambda one: one.symbol)
        if not self.candles:
            raise Unfit("there are no candles")
        steps = {one.step_s for one in self.candles}
        if len(steps) > 1 or len({one.venue for one in self.candles}) > 1:
            raise Unfit("there are candles of several venues or steps")
        self.step_s = steps.pop()
        if self.step_s != cycle_s:
            raise Unfit(f"a cycle has {cycle_s} s, a candle {self.step_s} s")
        self.step_ms = 1000 * self.step_s
        self.symbols = [one.symbol for one in self.candles]
        self.start = min(int(one.opened[0]) for one in self.candles)
        self.cycles = (max(int(one.opened[-1]) for one in self.candles) - self.start) // self.step_ms + 1
        self.facts = sum(len(one) for one in self.candles)
        self._room = Room()
        self.rules = _rules(source, self.candles[0].venue, set(self.symbols))

    def time(self, cycle: int) -> int:
        """Gives when a cycle closes, in ms."""
        return self.start + (cycle + 1) * self.step_ms

    def cycle(self, at: int) -> int:
        """Gives the cycle that a fact known at a time belongs to."""
        return max(0, -(-(at - self.start) // self.step_ms) - 1)

    def row(self, symbol: int, cycle: int) -> int:
        """Gives the row of a symbol's last candle up to and with a cycle, -1 before its first."""
        return self.candles[symbol].rows(self.start, self.start + (cycle + 1) * self.step_ms)[1] - 1

    def block(self, first: int, size: int, back: int) -> Block:
        """Gives some cycles with those before them, still without candles.

        The next block takes the place of this one in memory.
        """
        count, width, room = len(self.candles), back + size, self._room
        opened = self.start + (first - back) * self.step_ms
        times = opened + self.step_ms * np.arange(1, width + 1, dtype=np.int64)
        ticks = np.where(self._passed(opened, width), times, 0)
        if first + size >= self.cycles:
            ticks[back + self.cycles - first - 1 :] = 0  # the end of the market closes no cycle
        return Block(
            first, size, back, times, ticks, room.array("closes", (count, width)),
            room.array("sums", (count, width), np.int64), room.array("last", (count, width), np.int32),
            room.array("run", (count, width), np.int32),
            room.array("wholes", (len(PLAYED), count, width), np.int64), np.zeros(count, np.bool_),
        )  # fmt: skip

    def count(self, block: Block) -> int:
        """Gives how many candles a block has."""
        return sum(high - low for low, high in self._rows(block))

    def reached(self, block: Block) -> int:
        """Gives when the last candle of a block closes, in ms; 0 where it has none."""
        rows = zip(self.candles, self._rows(block), strict=True)
        return max((int(one.opened[high - 1]) + self.step_ms for one, (low, high) in rows if high > low), default=0)

    def _rows(self, block: Block) -> list[tuple[int, int]]:
        """Gives each symbol's rows in a block, without those in front of it."""
        opened = self.start + block.first * self.step_ms
        return [one.rows(opened, opened + block.size * self.step_ms) for one in self.candles]

    def _passed(self, opened: int, width: int) -> npt.NDArray[np.bool_]:
        """Says of cycles whether any candle is in them."""
        passed = np.zeros(width, np.bool_)
        for one in self.candles:
            low, high = one.rows(opened, opened + width * self.step_ms)
            passed[self._place(one, low, high, opened)] = True
            if high - low == width:
                break
        return passed

    def _place(self, one: Candles, low: int, high: int, opened: int) -> Any:
        """Gives the columns of a block that begins at `opened` which some rows of a symbol belong into."""
        if high == low:
            return slice(0)
        first = (int(one.opened[low]) - opened) // self.step_ms
        last = (int(one.opened[high - 1]) - opened) // self.step_ms
        if last - first == high - low - 1:
            return slice(first, last + 1)
        return (one.opened[low:high] - opened) // self.step_ms

    def read(self, block: Block, s: int) -> None:
        """Fills in closes, volumes and runs of one symbol; may be called for several symbols at a time."""
        one, closes, sums, last, run = self.candles[s], block.closes[s], block.sums[s], block.last[s], block.run[s]
        opened, width = int(block.times[0]) - self.step_ms, len(closes)
        low, high = one.rows(opened, opened + width * self.step_ms)
        place = self._place(one, low, high, opened)
        if high > low and isinstance(place, slice) and one.is_plain:
            one.read(low, high, place.start, (closes, sums, last, run))
            return
        room = one.quotes(low, high, np.empty(high - low))
        room *= MICRO
        np.rint(room, out=room)
        if high - low == width:
            sums[:] = room
            one.floats("close", low, high, closes)
        else:
            closes[:], sums[:] = np.nan, 0
            sums[place] = room
            closes[place] = one.floats("close", low, high, room)
        np.cumsum(sums, out=sums)
        compiled(reading.runs)(closes, last, run)

    def prices(self, block: Block, s: int) -> None:
        """Fills in the prices of one symbol as whole mantissas."""
        if not block.priced[s]:
            end = block.back + block.size
            self.some_prices(block, s, np.array([block.back]), np.array([end]))
            block.priced[s] = True

    def some_prices(self, block: Block, s: int, lows: Ints, highs: Ints) -> None:
        """Fills in what `prices` does from each of `lows` up to that of `highs`, counted from the first column."""
        if block.priced[s]:
            return
        one, wholes, opened = self.candles[s], block.wholes[:, s], int(block.times[0]) - self.step_ms
        columns = [one.numbers[name].mantissa for name in PLAYED]
        if one.is_whole:
            compiled(reading.copied)(lows, highs, (int(one.opened[0]) - opened) // self.step_ms, *columns, wholes)
            return
        for low, high in zip(lows.tolist(), highs.tolist(), strict=True):
            first, end = one.rows(opened + low * self.step_ms, opened + high * self.step_ms)
            place = self._place(one, first, end, opened)
            wholes[:, low:high] = reading.NO_BAR
            for i, column in enumerate(columns):
                wholes[i, place] = column[first:end]


def _series(source: Stored) -> Iterator[Candles]:
    for path, header in source.store.headers():
        if source.venue and header.venue != source.venue:
            continue
        if header.kind == RULES or (source.symbols and header.symbol not in source.symbols):
            continue
        if header.kind == "funding":
            raise Unfit("the market has funding rates, which are paid, and count for heat")
        if header.kind != "bar":
            continue  # what no stage looks at
        one = Candles(source.store.read(path), source.since_ms, source.until_ms)
        if len(one):
            yield one


def _rules(source: Stored, venue: str, symbols: set[str]) -> Sequence[SymbolRules]:
    path = path_of(source.store.root, Series(venue, RULES, ""))
    if not path.exists():
        return []
    found = [decode(line) for line in read_rules(path)]
    return [one for one in found if isinstance(one, SymbolRules) and one.symbol in symbols]
