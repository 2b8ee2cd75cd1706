"""One timeframe of every symbol, with its indicators, over blocks of cycles."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.kernels import frames
from engine.kernels.compiled import compiled
from engine.kernels.kernel import Kernel
from engine.kernels.window import MICRO
from engine.plugs import Strategy
from engine.runs.backtest.blocks.grid import Block, Grid
from engine.runs.backtest.blocks.room import Room
from engine.runs.backtest.blocks.stretch import NAN, Folded, Rare, Stretch, Whole
from engine.runs.backtest.outcome import Unfit
from engine.stages.signal import TIMEFRAMES_S

Array = npt.NDArray[Any]
_COLUMNS = ("open", "high", "low", "close")


class Frames:
    """One timeframe of every symbol, with its indicators."""

    def __init__(self, strategy: Strategy, timeframe: str, grid: Grid, back: int) -> None:
        """Starts cold, for blocks with `back` cycles in front of them.

        Raises Unfit for a timeframe that is not made of the candles that are there.
        """
        step_s = TIMEFRAMES_S[timeframe]
        if step_s % grid.step_s:
            raise Unfit(f"a timeframe of {timeframe} is not made of candles of {grid.step_s} s")
        self._grid, self._timeframe = grid, timeframe
        self.parts = step_s // grid.step_s
        self._indicators = strategy.indicators()
        self._kernels: dict[str, Any] = {name: make() for name, make in self._indicators.items()}
        self.names = list(self._kernels)
        self._rare = _rare(self._kernels, back) if self.parts == 1 else {}
        self._often = list(_together({name: one for name, one in self._kernels.items() if name not in self._rare}))
        self._all = list(_together(self._kernels))
        self._needs_prices = any(set(one.inputs) & {"open", "high", "low"} for one in self._kernels.values())
        count = len(grid.symbols)
        self._states = np.zeros((count, 5), np.int64)
        self._states[:, 3] = 1
        self._opening = np.zeros((count, 3))
        #: The last frame of each symbol before the block.
        self._carried: list[dict[str, Any]] = [_no_frame(self.names) for _ in range(count)]
        self._memories: list[dict[str, Any]] = [{} for _ in range(count)]
        self._fold, self._fold_even = compiled(frames.fold), compiled(frames.fold_even)

    def advance(self, block: Block, s: int, room: Room) -> Stretch:
        """Takes a block's cycles of one symbol; may be called for several at a time, each with a room of its own.

        What it gives holds until the room is used again.
        """
        closes, run, end = block.closes[s, block.new], block.run[s], len(block.times) - 1
        prices: tuple[Array, ...] = (closes, closes, closes)
        if self._needs_prices:
            self._grid.prices(block, s)
            scale = float(10 ** self._grid.candles[s].numbers["close"].digits)
            prices = tuple(block.wholes[i, s, block.new] / scale for i in range(3))
        whole = run[end] >= block.size and block.last[s, end] == end
        if self.parts == 1 and whole:
            return self._whole(block, (*prices, closes), s, room)
        # Where nothing is missing, nor was before, frames can be cut out of closes and running sums.
        even = whole and run[block.back] > 1 and self.parts <= block.back and not self._needs_prices
        return self._folded(block, (*prices, closes), s, even, room)

    def _whole(self, block: Block, prices: tuple[Array, ...], s: int, room: Room) -> Stretch:
        """Every candle is a frame, without a hole between them."""
        if block.run[s, block.back] == 1:
            self._memories[s], self._carried[s], self._states[s, 4] = {}, _no_frame(self.names), 0
        seen = int(self._states[s, 4])
        self._states[s] = (0, 0, frames.CARRIED, 0, seen + block.size)
        often = [name for names in self._often for name in names]
        lines = self._lines(often, s, block.size, room)
        made = Whole(block, s, lines, self._rare, seen)
        for names in self._often:
            taken = [made.value("volume") if one == "volume" else prices[_COLUMNS.index(one)]
                     for one in self._kernels[names[0]].inputs]  # fmt: skip
            self._piece(s, names, taken, [lines[name][frames.FIRST_NEW :] for name in names])
        self._carried[s] = {
            "close": prices[3][-1], "volume": made.at("volume", np.array([block.size - 1]))[0],
            **{name: lines[name][-1] for name in often},
            **{f"{name} before": lines[name][-2] for name in often},
            "closed_at": int(block.times[-1]), "closes": seen + block.size,
        }  # fmt: skip
        return made

    def _recall(self, block: Block, s: int) -> None:
        """Brings what is rare up to a block: in whole ones it is not worked out to the end."""
        here, carried = block.back - 1, self._carried[s]
        if block.last[s, here] != here:
            return
        for name, rare in self._rare.items():
            self._memories[s].pop(name, None)
            seen = min(int(block.run[s, here]), rare.some.window + 1)
            line = np.full(1 + seen, NAN)
            self._piece(s, (name,), rare.columns(block, s, np.array([here]), seen), [line[1:]])
            carried[name], carried[f"{name} before"] = line[-1], line[-2]

    def _folded(self, block: Block, prices: tuple[Array, ...], s: int, even: bool, room: Room) -> Stretch:
        self._recall(block, s)
        size, times, run = block.size, block.times[block.new], block.run[s]
        most = size // self.parts + 2
        columns, volumes = np.empty((4, most)), np.empty(most, np.int64)
        ends, fresh, counts = (np.empty(most, np.int64) for _ in range(3))
        number = room.array(f"{self._timeframe} number", (size,), np.uint32)
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
        starts, carried = np.flatnonzero(fresh[:made]).tolist(), self._carried[s]
        lines = self._lines(["close", "volume", *self.names], s, made, room)
        lines["close"][frames.FIRST_NEW :] = columns[3, :made]
        np.divide(volumes[:made], MICRO, out=lines["volume"][frames.FIRST_NEW :])
        inputs = dict(zip(_COLUMNS, columns[:, :made], strict=True))
        inputs["volume"] = lines["volume"][frames.FIRST_NEW :]
        for names in self._all:
            taken = [inputs[one] for one in self._kernels[names[0]].inputs]
            self._values(s, names, taken, starts, [lines[name][frames.FIRST_NEW :] for name in names])
        closed_at = times[ends[:made]]
        if made:
            self._carried[s] = {
                **{name: line[-1] for name, line in lines.items()},
                **{f"{name} before": NAN if made - 1 in starts else lines[name][-2] for name in self.names},
                "closed_at": int(closed_at[-1]), "closes": int(counts[made - 1]),
            }  # fmt: skip
        return Folded(lines, closed_at, counts[:made], starts, number, carried)

    def _lines(self, names: Sequence[str], s: int, made: int, room: Room) -> dict[str, Array]:
        """Gives room for the values of so many frames; in front of them stand those of `NO_FRAME` and `CARRIED`."""
        carried, shape = self._carried[s], (len(names), frames.FIRST_NEW + made)
        lines = dict(zip(names, room.array(f"{self._timeframe} lines", shape), strict=True))
        for name, line in lines.items():
            line[frames.NO_FRAME], line[frames.CARRIED] = NAN, carried[name]
        return lines

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
        memories, kernels = self._memories[s], [self._kernels[name] for name in names]
        if not isinstance(kernels[0], Kernel):
            (name,) = names
            if name not in memories:
                memories[name] = self._indicators[name]()
            outs[0][:] = memories[name].advance(*[one.tolist() for one in inputs])
            return
        for name, kernel in zip(names, kernels, strict=True):
            if name not in memories:
                memories[name] = np.zeros(len(kernel.state))
        function = kernels[0].function if len(kernels) == 1 else kernels[0].two
        params = [param for kernel in kernels for param in kernel.params]
        compiled(function)(*[memories[name] for name in names], *inputs, *outs, *params)


def _rare(kernels: Mapping[str, Any], back: int) -> dict[str, Rare]:
    """Gives those that need not be worked out everywhere: the windows of every cycle lie in the block."""
    return {
        name: Rare(one, one.some)
        for name, one in kernels.items()
        if isinstance(one, Kernel) and one.some is not None and one.some.window + 2 <= back
        and set(one.inputs) <= {"close", "volume"}
    }  # fmt: skip


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
