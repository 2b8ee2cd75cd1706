"""The scan and the ranking over blocks of cycles: who is a candidate, how hot, and which of them are kept."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels import screen
from engine.kernels.compiled import compiled
from engine.kernels.pool import NONE
from engine.kernels.window import MICRO, Window
from engine.records.base import figure
from engine.records.ideas import CandidateSnapshot, HeatInputs
from engine.runs.backtest.blocks.grid import Block, Grid
from engine.runs.backtest.blocks.room import Room
from engine.runs.backtest.outcome import Unfit
from engine.runs.settings import Settings
from engine.stages.heat import heat_of
from engine.stages.pool import STATUSES

DAY_MS = 86_400_000
NAN = float("nan")
Array = npt.NDArray[Any]
#: What is summed stays below this.
_MOST = 2**62


class Listed:
    """What the rules of a symbol say to the scan: whether it is looked at, and when it was listed; ms, or -1."""

    def __init__(self) -> None:
        self.fits = False
        self.first_at = self.born_at = -1


class Screen:
    """The scan and the ranking over blocks of cycles."""

    def __init__(self, settings: Settings, grid: Grid) -> None:
        """Starts with an empty market; raises Unfit for candles too coarse for the windows."""
        scan = settings.scan
        window = Window.of(grid.step_s, scan.window_s, scan.hour_s, scan.baseline_windows)
        if window is None:
            raise Unfit(f"candles of {grid.step_s} s are too coarse for the windows")
        if scan.inputs:
            raise Unfit("announcements and posts count for heat")
        self.scan, self.heat, self.top = scan, settings.heat, settings.rank.top
        self.short, self.long, self.base, self.day = window.short, window.long, window.base, window.day
        #: Cycles before a block that its windows reach back into.
        self.back = max(self.short + self.base, self.day, self.long) + 2 * self.short + 2
        count = len(grid.symbols)
        self.grid = grid
        self.listed = [Listed() for _ in range(count)]
        self._places = np.zeros((count, 3), np.int64)
        self._all_fit = scan.pool == "all"
        # Where all are candidates and all are kept, heat is asked for in the few cycles that have signals only.
        self.heated = not self._all_fit or self.top < count
        self._spread = float(figure(scan.bar_spread_bps) or 0.0)
        self._weights = (float(self.heat.momentum), float(self.heat.liquidity), float(self.heat.safety))
        self._screen, self._screen_all = compiled(screen.screen), compiled(screen.screen_all)
        self._heats = compiled(screen.heats_of)
        least = float(scan.min_quote_volume_24h)
        self._enough = _enough(least), _enough(least * (float(scan.new_listing_share_pct) / 100.0))
        self._room = Room()
        self._born: Array = np.zeros(count, np.int64)

    def over(self, block: Block) -> "Screened":
        """Gives a block that is still to be looked at; it takes the place of the one before in memory."""
        shape, room = block.closes.shape, self._room
        self._born = np.array([one.born_at for one in self.listed], np.int64)
        heats = room.array("heats", shape) if self.heated else None
        return Screened(self, block, heats, room.array("statuses", shape, np.int8), self._places.copy())

    def advance(self, made: "Screened", s: int) -> None:
        """Moves a symbol through a block's cycles; may be called for several symbols at a time."""
        block, listed = made.block, self.listed[s]
        if not listed.fits:
            self._places[s] = 0
            made.statuses[s] = NONE
            if made.heats is not None:
                made.heats[s] = NAN
            return
        scan = self.scan
        if made.heats is None:
            self._screen_all(
                block.back, block.ticks, block.sums[s], block.last[s], block.run[s], self._places[s],
                made.statuses[s], self.day, *self._enough, float(scan.new_listing_days), listed.born_at,
            )  # fmt: skip
            return
        self._screen(
            block.back, block.ticks, block.closes[s], block.sums[s], block.last[s], block.run[s], self._places[s],
            made.heats[s], made.statuses[s], self.short, self.long, self.base, self.day, self._all_fit,
            *self._enough, float(scan.new_listing_days), listed.born_at, self._spread, NAN,
            float(scan.anomaly_change_pct), float(scan.anomaly_surge), float(scan.hot_heat), float(scan.cool_heat),
            scan.cooling_max_s * 1000, *self._weights, self.heat.two_sided,
        )  # fmt: skip

    def heats_at(self, made: "Screened", j: int) -> Array:
        """Gives the heat of every candidate of a cycle; NaN is no candidate."""
        if made.heats is not None:
            found: Array = made.heats[:, j]
            return found
        return self.heats_of(made, np.arange(len(self.listed)), np.full(len(self.listed), j))

    def heats_of(self, made: "Screened", symbols: Array, cycles: Array) -> Array:
        """Gives the heat of some cells; NaN is no candidate."""
        out = np.empty(len(symbols))
        block, heat = made.block, self.heat
        self._heats(
            symbols, cycles, block.times, block.closes, block.sums, block.last, block.run, made.statuses, self._born,
            self.short, self.long, self.base, self.day, self._spread, NAN, *self._weights, heat.two_sided, out,
        )  # fmt: skip
        return out


class Screened:
    """A block of cycles as the scan and the ranking see it; arrays have a row for each symbol."""

    def __init__(self, screen: Screen, block: Block, heats: Array | None, statuses: Array, places: Array) -> None:
        """Takes room that `Screen.advance` fills; `heats` only where all of them are needed.

        `places` are those of the symbols in the pool in front of the block.
        """
        self.screen, self.block, self.heats, self.statuses, self._places = screen, block, heats, statuses, places

    def inputs(self, s: int, j: int) -> HeatInputs:
        """Gives what the heat of a candidate is made of, as the scan writes it."""
        screen, sums, closes, i = self.screen, self.block.sums[s], self.block.closes[s], int(self.block.last[s, j])
        now, settings = int(self.block.times[j]), screen.scan
        short, long = screen.short, screen.long
        change = (float(closes[i]) / float(closes[i - short]) - 1.0) * 100.0
        surge = NAN
        if self.block.run[s, j] >= short + screen.base:
            usual = int(sums[i - short] - sums[i - short - screen.base])
            if usual > 0:
                surge = int(sums[i] - sums[i - short]) / (usual / (screen.base // short))
        born = screen.listed[s].born_at
        return HeatInputs(
            change_1h_pct=figure((float(closes[i]) / float(closes[i - long]) - 1.0) * 100.0),
            change_5m_pct=figure(change), volume_surge=figure(surge),
            quote_volume_24h=figure(int(sums[i] - sums[i - screen.day]) / MICRO),
            spread_bps=figure(settings.bar_spread_bps), age_days=figure((now - born) / DAY_MS) if born >= 0 else None,
            funding_pct=None,
        )  # fmt: skip

    def keep(self, cells: Sequence[Array]) -> list[Array]:
        """Leaves out the candidates that the ranking does not keep; gives and takes each symbol's cycles."""
        if self.heats is None or self.screen.top >= len(cells):
            return list(cells)
        crowded = (self.statuses > NONE).sum(axis=0) > self.screen.top
        return [self._kept(self.heats, s, cycles, crowded[cycles]) for s, cycles in enumerate(cells)]

    def _kept(self, heats: Array, s: int, cycles: Array, crowded: Array) -> Array:
        kept = ~crowded
        asked = cycles[crowded]
        kept[crowded] = self._ranks(heats, np.full(len(asked), s), asked) <= self.screen.top
        return cycles[kept]

    def rank(self, s: int, j: int) -> int:
        """Gives the rank of a kept symbol among the candidates of a cycle."""
        heats = self.screen.heats_at(self, j)[:, np.newaxis]
        return int(self._ranks(heats, np.array([s]), np.zeros(1, np.int64))[0])

    def heats_of(self, symbols: Array, cycles: Array) -> Array:
        """Gives the heat of candidates in cycles of the block."""
        if self.heats is not None:
            return np.asarray(self.heats[symbols, cycles])
        return self.screen.heats_of(self, symbols, cycles)

    def change_5m_pct(self, s: int, cycles: Array) -> Array:
        """Gives the change over the short window in cycles of the block."""
        out, block = np.empty(len(cycles)), self.block
        compiled(screen.changes)(cycles, block.closes[s], block.last[s], self.statuses[s], self.screen.short, out)
        return out

    def _since(self, s: int, j: int) -> int:
        block, (before, since, _) = self.block, self._places[s]
        return int(compiled(screen.since_of)(block.back, j, block.ticks, self.statuses[s], before, since))

    def _ranks(self, heats: Array, rows: Array, cycles: Array) -> Array:
        out = np.empty(len(rows), np.int64)
        compiled(screen.ranks)(heats, rows, cycles, out)
        return out

    def snapshot(self, s: int, j: int, rank: int, price: str) -> CandidateSnapshot:
        """Gives a kept candidate as the ranking writes it."""
        inputs = self.inputs(s, j)
        heat = heat_of(inputs, self.screen.heat)
        one = self.screen.grid.candles[s]
        return CandidateSnapshot(
            at=int(self.block.times[j]), venue=one.venue, symbol=one.symbol, rank=rank, heat=heat.heat or 0,
            coverage=heat.coverage, dimensions=heat.dimensions, missing=heat.missing,
            status=STATUSES[int(self.statuses[s, j])], since=self._since(s, j), price=price, inputs=inputs,
        )  # fmt: skip


def _enough(least: float) -> int:
    """Gives the least sum in micro units that makes at least so much of the quote asset."""
    found = min(int(least * MICRO), _MOST)
    while found > 0 and (found - 1) / MICRO >= least:
        found -= 1
    while found < _MOST and found / MICRO < least:
        found += 1
    return found
