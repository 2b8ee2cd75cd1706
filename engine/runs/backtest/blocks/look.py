"""What the stages up to signal say, in columns: heat and rank of every symbol, and its timeframes with indicators."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels import frames, screen
from engine.kernels.compiled import compiled
from engine.kernels.kernel import Kernel
from engine.kernels.pool import STATUSES
from engine.kernels.window import MICRO, Window
from engine.plugs import Strategy
from engine.records.base import figure
from engine.records.ideas import CandidateSnapshot, HeatInputs
from engine.runs.backtest.backtest import Unfit
from engine.runs.backtest.blocks.columns import Block, Grid
from engine.runs.settings import Settings
from engine.stages.heat import heat_of
from engine.stages.signal import TIMEFRAMES_S, FrameState

DAY_MS = 86_400_000
NAN = float("nan")
Flags = npt.NDArray[np.bool_]
Array = npt.NDArray[Any]


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
        self._heated = not self._all_fit or self.top < count
        self._spread = float(figure(scan.bar_spread_bps) or 0.0)
        self._weights = (float(self.heat.momentum), float(self.heat.liquidity), float(self.heat.safety))
        self._screen, self._ranks, self._run, self._heats = map(
            compiled, (screen.screen, screen.ranks, screen.runs, screen.heats_at)
        )

    def advance(self, block: Block) -> "Screened":
        """Moves every symbol through a block's cycles."""
        count = len(block.closes)
        made = Screened(self, block)
        for s in range(count):
            # Counted again from the cycles in front of the block: no window reaches back further.
            self._run(block.closes[s], made.last[s], made.run[s])
            listed = self.listed[s]
            if listed.fits:
                self._screen(
                    block.back, block.ticks, block.closes[s], made.sums[s], made.last[s], made.run[s],
                    self._places[s], made.heats[s], made.statuses[s], made.sinces[s], made.since_statuses[s],
                    made.changes[s], self.short, self.long, self.base, self.day, self._all_fit, self._heated,
                    float(self.scan.min_quote_volume_24h), float(self.scan.new_listing_share_pct),
                    float(self.scan.new_listing_days), listed.born_at, self._spread, NAN,
                    float(self.scan.anomaly_change_pct), float(self.scan.anomaly_surge), float(self.scan.hot_heat),
                    float(self.scan.cool_heat), self.scan.cooling_max_s * 1000, *self._weights, self.heat.two_sided,
                )  # fmt: skip
            else:
                self._places[s] = 0
        if self._heated:
            self._ranks(block.back, made.heats, self.top, made.kept, np.zeros(self.top, np.int64))
        else:
            made.kept = None
        return made

    def heats_at(self, made: "Screened", j: int) -> npt.NDArray[np.float64]:
        """Gives the heat of every candidate of a cycle."""
        out = np.empty(len(self.listed))
        born = np.array([one.born_at for one in self.listed], np.int64)
        block, heat = made.block, self.heat
        self._heats(
            j, int(block.times[j]), block.closes, made.sums, made.last, made.run, made.statuses, made.changes, born,
            self.short, self.long, self.base, self.day, self._spread, NAN, *self._weights, heat.two_sided, out,
        )  # fmt: skip
        return out


class Screened:
    """A block of cycles as the scan and the ranking see it; arrays have a row for each symbol."""

    def __init__(self, screen: Screen, block: Block) -> None:
        """Makes room; `Screen.advance` fills it."""
        shape = block.closes.shape
        self.screen, self.block = screen, block
        self.sums = np.cumsum(block.micros, axis=1)
        self.last = np.empty(shape, np.int64)
        self.run = np.empty(shape, np.int64)
        self.heats = np.full(shape, np.nan)
        self.changes = np.full(shape, np.nan)
        self.statuses = np.zeros(shape, np.int8)
        self.sinces = np.zeros(shape, np.int64)
        self.since_statuses = np.zeros(shape, np.int64)
        self.kept: npt.NDArray[np.int32] | None = np.zeros(shape, np.int32)

    def inputs(self, s: int, j: int) -> HeatInputs:
        """Gives what the heat of a candidate is made of, as the scan writes it."""
        screen, sums, closes, i = self.screen, self.sums[s], self.block.closes[s], int(self.last[s, j])
        now, settings = int(self.block.times[j]), screen.scan
        short, long = screen.short, screen.long
        change = (float(closes[i]) / float(closes[i - short]) - 1.0) * 100.0
        surge = NAN
        if self.run[s, j] >= short + screen.base:
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

    def ranked(self, j: int, symbols: Sequence[int]) -> list[tuple[int, int]]:
        """Gives rank and number of some kept symbols of a cycle, hottest first."""
        if self.kept is not None:
            return sorted((int(self.kept[s, j]), s) for s in symbols)
        heats = self.screen.heats_at(self, j)
        order = sorted(np.flatnonzero(heats == heats).tolist(), key=lambda s: (-heats[s], s))
        return [(rank, s) for rank, s in enumerate(order, 1) if s in symbols]

    def snapshot(self, s: int, j: int, rank: int, price: str) -> CandidateSnapshot:
        """Gives a kept candidate as the ranking writes it."""
        inputs = self.inputs(s, j)
        heat = heat_of(inputs, self.screen.heat)
        one = self.screen.grid.candles[s]
        # A kept candidate is in the pool, so its place is one of the names that records know.
        return CandidateSnapshot(
            at=int(self.block.times[j]), venue=one.venue, symbol=one.symbol, rank=rank, heat=heat.heat or 0,
            coverage=heat.coverage, dimensions=heat.dimensions, missing=heat.missing,
            status=STATUSES[self.statuses[s, j]], since=int(self.sinces[s, j]), price=price, inputs=inputs,  # type: ignore[arg-type]
        )  # fmt: skip


class Frames:
    """One timeframe of every symbol, with its indicators, over blocks of cycles."""

    def __init__(self, strategy: Strategy, timeframe: str, grid: Grid) -> None:
        """Starts cold; raises Unfit for a timeframe that is not made of the candles that are there."""
        step_s = TIMEFRAMES_S[timeframe]
        if step_s % grid.step_s:
            raise Unfit(f"a timeframe of {timeframe} is not made of candles of {grid.step_s} s")
        self._grid = grid
        self.ms, self.parts = 1000 * step_s, step_s // grid.step_s
        self._indicators = strategy.indicators
        count = len(grid.symbols)
        self.kernels: list[dict[str, Any]] = [
            {name: make() for name, make in strategy.indicators().items()} for _ in range(count)
        ]
        self.names = list(self.kernels[0])
        self._states = np.zeros((count, 5), np.int64)
        self._states[:, 3] = 1
        self._opening = np.zeros((count, 3))
        #: The last two frames before the block, by symbol: close, volume, closed_at, closes and values of each.
        self.carried: list[dict[str, Any]] = [_no_frame(self.names) for _ in range(count)]
        self._fold, self._spread = compiled(frames.fold), compiled(frames.spread)
        self._functions: dict[str, Callable[..., Any]] = {}
        self._memories: list[dict[str, Any]] = [{} for _ in range(count)]
        self.number: Array = np.zeros((count, 0), np.int64)
        self.lines: list[dict[str, Array]] = []

    def advance(self, block: Block, run: Array) -> None:
        """Takes a block's cycles."""
        new = slice(block.back, None)
        count, size = block.closes.shape[0], block.size
        self.number = np.empty((count, size), np.int64)
        self.lines = []
        for s in range(count):
            closes = block.closes[s, new]
            prices = (closes, closes, closes)
            if self._needs_prices:
                scale = float(10 ** self._grid.candles[s].numbers["close"].digits)
                prices = tuple(block.wholes[i, s, new] / scale for i in range(3))  # type: ignore[assignment]
            room = size // self.parts + 2
            columns, flows = np.empty((4, room)), np.empty(room, np.int64)
            ends, fresh, counts = (np.empty(room, np.int64) for _ in range(3))
            made = self._fold(
                block.times[new], *prices, closes, block.micros[s, new], run[s, new], self.parts, self.ms,
                self._states[s], self._opening[s], columns, flows, ends, fresh, counts, self.number[s],
            )  # fmt: skip
            self._lines(block, s, columns[:, :made], flows[:made], ends[:made], fresh[:made], counts[:made])

    @property
    def _needs_prices(self) -> bool:
        return any(set(kernel.inputs) & {"open", "high", "low"} for kernel in self.kernels[0].values())

    def _lines(
        self, block: Block, s: int, columns: Array, flows: Array, ends: Array, fresh: Array, counts: Array
    ) -> None:
        """Gives the frames of one symbol by number, with those of `NO_FRAME` and `CARRIED` in front."""
        carried, made = self.carried[s], len(ends)
        volume = flows / MICRO
        inputs = {"open": columns[0], "high": columns[1], "low": columns[2], "close": columns[3], "volume": volume}
        starts = np.flatnonzero(fresh).tolist()
        lines: dict[str, Array] = {
            "close": _joined(NAN, carried["close"], columns[3]),
            "volume": _joined(NAN, carried["volume"], volume),
            "closed_at": _joined(0, carried["closed_at"], block.times[block.back + ends] if made else ends),
            "closes": _joined(0, carried["closes"], counts),
        }
        for name in self.names:
            kernel = self.kernels[s][name]
            values = self._values(s, name, kernel, [inputs[one] for one in kernel.inputs], starts, made)
            line = _joined(NAN, carried[name], values)
            before = np.empty(made + 2)
            before[0], before[1] = NAN, carried[f"{name} before"]
            before[2:] = line[1:-1]
            before[2 + np.array(starts, np.int64)] = NAN
            lines[name], lines[f"{name} before"] = line, before
        self.lines.append(lines)
        if made:
            self.carried[s] = {name: line[-1] for name, line in lines.items()}

    def _values(
        self, s: int, name: str, kernel: Any, inputs: list[Array], starts: list[int], made: int
    ) -> npt.NDArray[np.float64]:
        values = np.full(made, NAN)
        edges = sorted({0, made, *starts})
        for low, high in pairwise(edges):
            if low in starts:
                self._memories[s].pop(name, None)
            self._piece(s, name, kernel, [one[low:high] for one in inputs], values[low:high])
        return values

    def _piece(self, s: int, name: str, kernel: Any, inputs: list[Array], out: Array) -> None:
        """Runs an indicator over a stretch without a hole, from its memory on."""
        memory = self._memories[s].get(name)
        if isinstance(kernel, Kernel):
            if memory is None:
                memory = self._memories[s][name] = np.zeros(len(kernel.state))
            columns = [np.ascontiguousarray(one) for one in inputs]
            compiled(kernel.function)(memory, *columns, out, *kernel.params)
            return
        if memory is None:
            memory = self._memories[s][name] = self._indicators()[name]()
        out[:] = memory.advance(*[one.tolist() for one in inputs])

    def spread(self, name: str) -> npt.NDArray[np.float64]:
        """Gives a line for every cycle: the value of its newest frame."""
        out = np.empty(self.number.shape)
        for s, lines in enumerate(self.lines):
            self._spread(self.number[s], lines[name], out[s])
        return out

    def state(self, s: int, cycle: int) -> FrameState | None:
        """Gives how the timeframe of a symbol stands in a cycle of the block, as the signal stage keeps it."""
        number = int(self.number[s, cycle])
        if number == frames.NO_FRAME:
            return None
        lines = self.lines[s]
        closes = int(lines["closes"][number])
        return FrameState(
            close=float(lines["close"][number]), volume=float(lines["volume"][number]),
            closed_at=int(lines["closed_at"][number]), closes=closes,
            values={name: float(lines[name][number]) for name in self.names},
            before={name: float(lines[f"{name} before"][number]) for name in self.names} if closes > 1 else {},
        )  # fmt: skip


class Look:
    """What a strategy sees of a block of cycles (`engine.plugs.Look`)."""

    def __init__(self, screened: Screened, timeframes: Mapping[str, Frames]) -> None:
        """Shows the block's cycles, without those in front of it."""
        new = slice(screened.block.back, None)
        self.heat, self.status = screened.heats[:, new], screened.statuses[:, new]
        self.change_5m_pct = screened.changes[:, new]
        self._timeframes = timeframes
        self._made: dict[tuple[str, str], Array] = {}

    def close(self, timeframe: str) -> Array:
        """Gives the close of each cycle's last closed candle of a timeframe."""
        return self._line(timeframe, "close")

    def volume(self, timeframe: str) -> Array:
        """Gives its volume in the quote asset."""
        return self._line(timeframe, "volume")

    def value(self, timeframe: str, indicator: str, before: bool = False) -> Array:
        """Gives an indicator at that candle, or one candle before."""
        return self._line(timeframe, f"{indicator} before" if before else indicator)

    def _line(self, timeframe: str, name: str) -> Array:
        key = (timeframe, name)
        if key not in self._made:
            self._made[key] = self._timeframes[timeframe].spread(name)
        return self._made[key]


def _no_frame(names: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {"close": NAN, "volume": NAN, "closed_at": 0, "closes": 0}
    for name in names:
        made[name] = made[f"{name} before"] = NAN
    return made


def _joined(none: float, carried: Any, line: Array) -> Array:
    out = np.empty(len(line) + 2, line.dtype)
    out[0], out[1] = none, carried
    out[2:] = line
    return out
