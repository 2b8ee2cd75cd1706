"""What the stages up to signal say, in columns: heat and rank of every symbol, and its timeframes with indicators."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels import frames, reading, screen
from engine.kernels.compiled import compiled
from engine.kernels.kernel import Kernel
from engine.kernels.pool import STATUSES
from engine.kernels.window import MICRO, Window
from engine.plugs import Strategy
from engine.records.base import figure
from engine.records.ideas import CandidateSnapshot, HeatInputs
from engine.runs.backtest.blocks.columns import Block, Grid
from engine.runs.backtest.outcome import Unfit
from engine.runs.settings import Settings
from engine.stages.heat import heat_of
from engine.stages.signal import TIMEFRAMES_S, FrameState

DAY_MS = 86_400_000
NAN = float("nan")
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
        self.heated = not self._all_fit or self.top < count
        self._spread = float(figure(scan.bar_spread_bps) or 0.0)
        self._weights = (float(self.heat.momentum), float(self.heat.liquidity), float(self.heat.safety))
        self._screen, self._screen_all = compiled(screen.screen), compiled(screen.screen_all)
        self._heats = compiled(screen.heats_of)
        self._room: list[Array] = []
        self._born: Array = np.zeros(count, np.int64)

    def over(self, block: Block) -> "Screened":
        """Gives a block that is still to be looked at; it takes the place of the one before in memory."""
        shape = block.closes.shape
        if not self._room or self._room[0].shape != shape:
            self._room = [np.empty(shape, kind) for kind in (np.int32, np.int32, np.float64, np.int8, np.int64)]
        self._born = np.array([one.born_at for one in self.listed], np.int64)
        return Screened(self, block, *self._room)

    def advance(self, made: "Screened", s: int) -> None:
        """Moves a symbol through a block's cycles; may be called for several symbols at a time."""
        block, listed = made.block, self.listed[s]
        if not listed.fits:
            self._places[s] = 0
            made.heats[s], made.statuses[s] = NAN, 0
            return
        scan = self.scan
        if not self.heated:
            self._screen_all(
                block.back, block.ticks, block.sums[s], made.last[s], made.run[s], self._places[s], made.heats[s],
                made.statuses[s], made.sinces[s], self.day, float(scan.min_quote_volume_24h),
                float(scan.new_listing_share_pct), float(scan.new_listing_days), listed.born_at,
            )  # fmt: skip
            return
        self._screen(
            block.back, block.ticks, block.closes[s], block.sums[s], made.last[s], made.run[s], self._places[s],
            made.heats[s], made.statuses[s], made.sinces[s], self.short, self.long, self.base, self.day,
            self._all_fit, self.heated, float(scan.min_quote_volume_24h),
            float(scan.new_listing_share_pct), float(scan.new_listing_days), listed.born_at, self._spread,
            NAN, float(scan.anomaly_change_pct), float(scan.anomaly_surge), float(scan.hot_heat),
            float(scan.cool_heat), scan.cooling_max_s * 1000, *self._weights, self.heat.two_sided,
        )  # fmt: skip

    def heats_at(self, made: "Screened", j: int) -> Array:
        """Gives the heat of every candidate of a cycle; NaN is no candidate."""
        if self.heated:
            found: Array = made.heats[:, j]
            return found
        return self.heats_of(made, np.arange(len(self.listed)), np.full(len(self.listed), j))

    def heats_of(self, made: "Screened", symbols: Array, cycles: Array) -> Array:
        """Gives the heat of some cells; NaN is no candidate."""
        out = np.empty(len(symbols))
        block, heat = made.block, self.heat
        self._heats(
            symbols, cycles, block.times, block.closes, block.sums, made.last, made.run, made.statuses, self._born,
            self.short, self.long, self.base, self.day, self._spread, NAN, *self._weights, heat.two_sided, out,
        )  # fmt: skip
        return out


class Screened:
    """A block of cycles as the scan and the ranking see it; arrays have a row for each symbol."""

    def __init__(
        self, screen: Screen, block: Block, last: Array, run: Array, heats: Array, statuses: Array, sinces: Array
    ) -> None:
        """Takes room that `Screen.advance` fills: each cycle's last candle, how many without a hole, and the pool."""
        self.screen, self.block = screen, block
        self.last, self.run, self.heats, self.statuses, self.sinces = last, run, heats, statuses, sinces

    def inputs(self, s: int, j: int) -> HeatInputs:
        """Gives what the heat of a candidate is made of, as the scan writes it."""
        screen, sums, closes, i = self.screen, self.block.sums[s], self.block.closes[s], int(self.last[s, j])
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

    def keep(self, worth: npt.NDArray[np.bool_]) -> None:
        """Takes the mark from those candidates that the ranking does not keep; a row a symbol, a column a cycle."""
        if self.screen.heated:
            crowded = (self.statuses > 0).sum(axis=0) > self.screen.top
            rows, cycles = np.nonzero(worth & crowded)
            worth[rows, cycles] = self._ranks(self.heats, rows, cycles) <= self.screen.top

    def rank(self, s: int, j: int) -> int:
        """Gives the rank of a kept symbol among the candidates of a cycle."""
        heats = self.screen.heats_at(self, j)[:, np.newaxis]
        return int(self._ranks(heats, np.array([s]), np.zeros(1, np.int64))[0])

    def heats_of(self, symbols: Array, cycles: Array) -> Array:
        """Gives the heat of candidates in cycles of the block."""
        if self.screen.heated:
            return np.asarray(self.heats[symbols, cycles])
        return self.screen.heats_of(self, symbols, cycles)

    def _ranks(self, heats: Array, rows: Array, cycles: Array) -> Array:
        out = np.empty(len(rows), np.int64)
        compiled(screen.ranks)(heats, rows, cycles, out)
        return out

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


class Stretch:
    """The frames of one symbol in a block.

    `lines` hold a value for each frame by its number: close, volume and the indicators. New ones closed at `closed_at`
    (ms) as the `counts`-th since a hole; `starts` are those that a hole came before. `number` is each cycle's newest
    frame, None where every cycle closes one. `carried` is the frame in front of them, from the block before.
    """

    def __init__(
        self, lines: dict[str, Array], closed_at: Array, counts: Any, starts: Array, number: Array | None,
        carried: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Takes what was found."""
        self.lines, self.closed_at, self.counts, self.starts = lines, closed_at, counts, starts
        self.number, self.carried = number, carried

    def before(self, name: str) -> Array:
        """Gives, by number, an indicator one frame earlier."""
        line = self.lines[name]
        before = np.empty(len(line))
        before[0], before[1], before[2:] = NAN, self.carried[f"{name} before"], line[1:-1]
        before[frames.FIRST_NEW + self.starts] = NAN
        return before


class Frames:
    """One timeframe of every symbol, with its indicators, over blocks of cycles."""

    def __init__(self, strategy: Strategy, timeframe: str, grid: Grid) -> None:
        """Starts cold; raises Unfit for a timeframe that is not made of the candles that are there."""
        step_s = TIMEFRAMES_S[timeframe]
        if step_s % grid.step_s:
            raise Unfit(f"a timeframe of {timeframe} is not made of candles of {grid.step_s} s")
        self._grid = grid
        self.parts = step_s // grid.step_s
        self._indicators = strategy.indicators
        count = len(grid.symbols)
        self._kernels: list[dict[str, Any]] = [
            {name: make() for name, make in strategy.indicators().items()} for _ in range(count)
        ]
        self.names = list(self._kernels[0])
        self._together = list(_together(self._kernels[0]))
        self._needs_prices = any(set(one.inputs) & {"open", "high", "low"} for one in self._kernels[0].values())
        self._states = np.zeros((count, 5), np.int64)
        self._states[:, 3] = 1
        self._opening = np.zeros((count, 3))
        #: The last frame of each symbol before the block.
        self._carried: list[Mapping[str, Any]] = [_no_frame(self.names) for _ in range(count)]
        self._fold, self._fold_even = compiled(frames.fold), compiled(frames.fold_even)
        self._spread = compiled(frames.spread)
        self._memories: list[dict[str, Any]] = [{} for _ in range(count)]
        self._room: list[Array] = [np.empty((0, 0)) for _ in range(count)]
        self._volumes = compiled(reading.volumes)
        self._made: list[Stretch | None] = [None] * count

    def advance(self, block: Block, run: Array, s: int) -> None:
        """Takes a block's cycles of one symbol; may be called for several at a time."""
        closes = block.closes[s, block.new]
        prices = (closes, closes, closes)
        if self._needs_prices:
            self._grid.prices(block, s)
            scale = float(10 ** self._grid.candles[s].numbers["close"].digits)
            prices = tuple(block.wholes[i, s, block.new] / scale for i in range(3))  # type: ignore[assignment]
        whole = run[-1] >= block.size
        if self.parts == 1 and whole:
            self._whole(block, (*prices, closes), int(run[block.back]) == 1, s)
        else:
            # Where nothing is missing, nor was before, frames can be cut out of closes and running sums.
            even = whole and run[block.back] > 1 and self.parts <= block.back and not self._needs_prices
            self._folded(block, (*prices, closes), run, s, even)

    def _whole(self, block: Block, columns: tuple[Array, ...], fresh: bool, s: int) -> None:
        """Every candle is a frame, without a hole between them; `fresh` says that one came before the first."""
        count, seen = block.size, 0 if fresh else int(self._states[s, 4])
        self._states[s] = (0, 0, frames.CARRIED, 0, seen + count)
        lines = self._lines(s, count)
        # The candle in front of the block is the frame that was carried; one in front of that is never asked for.
        lines["close"] = block.closes[s, block.back - frames.FIRST_NEW :]
        self._volumes(block.sums[s, block.back - 1 :], lines["volume"][frames.FIRST_NEW :])
        counts = range(seen + 1, seen + count + 1)
        self._keep(s, lines, columns, block.times[block.new], counts, [0] if fresh else [], None)

    def _folded(self, block: Block, prices: tuple[Array, ...], run: Array, s: int, even: bool) -> None:
        size, times = block.size, block.times[block.new]
        room = size // self.parts + 2
        columns, volumes = np.empty((4, room)), np.empty(room, np.int64)
        ends, fresh, counts = (np.empty(room, np.int64) for _ in range(3))
        number = np.empty(size, np.uint32)
        place = int(times[0]) // self._grid.step_ms % self.parts
        found = columns, volumes, ends, fresh, counts, number
        if even:
            made = self._fold_even(
                block.back, block.closes[s], block.sums[s], run, self.parts, place, self._states[s], *found
            )
        else:
            sums = block.sums[s, block.back - 1 :]
            flows, state = sums[1:] - sums[:-1], (self._states[s], self._opening[s])
            made = self._fold(*prices, flows, run[block.new], self.parts, place, *state, *found)
        starts = np.flatnonzero(fresh[:made]).tolist()
        lines = self._lines(s, made)
        lines["close"][frames.FIRST_NEW :] = columns[3, :made]
        np.divide(volumes[:made], MICRO, out=lines["volume"][frames.FIRST_NEW :])
        self._keep(s, lines, tuple(columns[:, :made]), times[ends[:made]], counts[:made], starts, number)

    def _lines(self, s: int, made: int) -> dict[str, Array]:
        """Gives room for the values of so many frames; in front of them stand those of `NO_FRAME` and `CARRIED`.

        Memory that was used before is warm: so the lines of the block before are overwritten.
        """
        carried, room = self._carried[s], self._room[s]
        if room.shape[1] < frames.FIRST_NEW + made:
            room = self._room[s] = np.empty((len(self.names) + 2, frames.FIRST_NEW + made))
        lines = dict(zip(("close", "volume", *self.names), room[:, : frames.FIRST_NEW + made], strict=True))
        for name, line in lines.items():
            line[frames.NO_FRAME], line[frames.CARRIED] = NAN, carried[name]
        return lines

    def _keep(
        self, s: int, lines: dict[str, Array], columns: tuple[Array, ...], closed_at: Array, counts: Any,
        starts: list[int], number: Array | None,
    ) -> None:  # fmt: skip
        """Writes the lines of a symbol's frames that follow from prices and volumes."""
        carried, made = self._carried[s], len(closed_at)
        inputs = dict(zip(("open", "high", "low", "close"), columns, strict=True))
        inputs["volume"] = lines["volume"][2:]
        for names in self._together:
            taken = [inputs[one] for one in self._kernels[s][names[0]].inputs]
            self._values(s, names, taken, starts, [lines[name][2:] for name in names])
        self._made[s] = Stretch(lines, closed_at, counts, np.array(starts, np.int64), number, carried)
        if made:
            self._carried[s] = {
                **{name: line[-1] for name, line in lines.items()},
                **{f"{name} before": NAN if made - 1 in starts else lines[name][-2] for name in self.names},
                "closed_at": int(closed_at[-1]), "closes": int(counts[-1]),
            }  # fmt: skip

    def _values(
        self, s: int, names: tuple[str, ...], inputs: Sequence[Array], starts: list[int], outs: list[Array]
    ) -> None:  # fmt: skip
        for low, high in pairwise(sorted({0, len(outs[0]), *starts})):
            if low in starts:
                for name in names:
                    self._memories[s].pop(name, None)
            self._piece(s, names, [one[low:high] for one in inputs], [out[low:high] for out in outs])

    def _piece(self, s: int, names: tuple[str, ...], inputs: list[Array], outs: list[Array]) -> None:
        """Runs indicators that go together over a stretch without a hole, from their memory on."""
        memories, kernels = self._memories[s], [self._kernels[s][name] for name in names]
        if not isinstance(kernels[0], Kernel):
            (name,) = names
            if name not in memories:
                memories[name] = self._indicators()[name]()
            outs[0][:] = memories[name].advance(*[one.tolist() for one in inputs])
            return
        for name, kernel in zip(names, kernels, strict=True):
            if name not in memories:
                memories[name] = np.zeros(len(kernel.state))
        function = kernels[0].function if len(kernels) == 1 else kernels[0].two
        params = [param for kernel in kernels for param in kernel.params]
        compiled(function)(*[memories[name] for name in names], *inputs, *outs, *params)

    def value(self, s: int, name: str, before: bool = False) -> Array:
        """Gives a line of a symbol for every cycle: the value of its newest frame, or of the one before that."""
        made = self._of(s)
        if made.number is None:
            if before and not len(made.starts):
                return made.lines[name][1:-1]
            return (made.before(name) if before else made.lines[name])[frames.FIRST_NEW :]
        out = np.empty(len(made.number))
        self._spread(made.number, made.before(name) if before else made.lines[name], out)
        return out

    def is_sure(self, s: int, cycles: Array) -> Array:
        """Says of cycles of the block where the timeframe of a symbol is warm and fresh for sure."""
        made = self._of(s)
        if made.number is not None:
            return np.zeros(len(cycles), np.bool_)
        sure = np.ones(len(cycles), np.bool_)
        for name in self.names:
            sure &= ~np.isnan(made.lines[name][frames.FIRST_NEW + cycles])
        return sure

    def state(self, s: int, cycle: int) -> FrameState | None:
        """Gives how the timeframe of a symbol stands in a cycle of the block, as the signal stage keeps it."""
        made = self._of(s)
        number = int(made.number[cycle]) if made.number is not None else frames.FIRST_NEW + cycle
        if number == frames.NO_FRAME:
            return None
        new = number - frames.FIRST_NEW
        closed_at, closes = made.carried["closed_at"], made.carried["closes"]
        if new >= 0:
            closed_at, closes = int(made.closed_at[new]), int(made.counts[new])
        values = {name: float(made.lines[name][number]) for name in self.names}
        before = {}
        if closes > 1:
            before = {
                name: float(made.lines[name][number - 1] if new >= 0 else made.carried[f"{name} before"])
                for name in self.names
            }
        return FrameState(
            close=float(made.lines["close"][number]), volume=float(made.lines["volume"][number]),
            closed_at=closed_at, closes=closes, values=values, before=before,
        )  # fmt: skip

    def _of(self, s: int) -> Stretch:
        made = self._made[s]
        assert made is not None
        return made


class Look:
    """What a strategy sees of one symbol in a block of cycles (`engine.plugs.Look`): arrays with a single row."""

    def __init__(self, screened: Screened, timeframes: Mapping[str, Frames], s: int) -> None:
        """Shows the block's cycles, without those in front of it."""
        new = screened.block.new
        self._screened, self._timeframes, self._s = screened, timeframes, s
        self.heat, self.status = screened.heats[s : s + 1, new], screened.statuses[s : s + 1, new]

    @cached_property
    def change_5m_pct(self) -> Array:
        """The change over five minutes."""
        block, s = self._screened.block, self._s
        out = np.empty(block.size)
        compiled(screen.changes)(
            block.back, block.closes[s], self._screened.last[s], self._screened.statuses[s],
            self._screened.screen.short, out,
        )  # fmt: skip
        return out[np.newaxis]

    def close(self, timeframe: str) -> Array:
        """Gives the close of each cycle's last closed candle of a timeframe."""
        return self._timeframes[timeframe].value(self._s, "close")[np.newaxis]

    def volume(self, timeframe: str) -> Array:
        """Gives its volume in the quote asset."""
        return self._timeframes[timeframe].value(self._s, "volume")[np.newaxis]

    def value(self, timeframe: str, indicator: str, before: bool = False) -> Array:
        """Gives an indicator at that candle, or one candle before."""
        return self._timeframes[timeframe].value(self._s, indicator, before)[np.newaxis]


def _together(kernels: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """Gives the names of indicators as they are run: two of a kind at a time, where they can be."""
    waiting: dict[Any, str] = {}
    for name, kernel in kernels.items():
        two = kernel.two if isinstance(kernel, Kernel) else None
        if two is None:
            yield (name,)
        elif (two, kernel.inputs) in waiting:
            yield (waiting.pop((two, kernel.inputs)), name)
        else:
            waiting[two, kernel.inputs] = name
    for name in waiting.values():
        yield (name,)


def _no_frame(names: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {"close": NAN, "volume": NAN, "closed_at": 0, "closes": 0}
    for name in names:
        made[name] = made[f"{name} before"] = NAN
    return made
