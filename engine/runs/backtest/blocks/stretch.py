"""The frames of one symbol in a block of cycles: what each indicator says in all cycles, or in some."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import frames, reading
from engine.kernels.compiled import compiled
from engine.kernels.kernel import Kernel, Some
from engine.runs.backtest.blocks.grid import Block
from engine.stages.signal import FrameState

NAN = float("nan")
Array = npt.NDArray[Any]


class Known(NamedTuple):
    """The frames of some cycles, in columns: what `engine.stages.signal.FrameState` says, and whether that is sure.

    Sure is what is warm and fresh without a closer look. A cycle in front of the first frame has none (`closes` is 0).
    """

    cycles: Array
    close: Array
    volume: Array
    closed_at: Array
    closes: Array
    values: Mapping[str, Array]
    before: Mapping[str, Array]
    sure: Array

    def state(self, cycle: int) -> FrameState | None:
        """Gives a frame as the signal stage keeps it; None where there is none."""
        k = int(np.searchsorted(self.cycles, cycle))
        closes = int(self.closes[k])
        if closes == 0:
            return None
        return FrameState(
            close=float(self.close[k]), volume=float(self.volume[k]), closed_at=int(self.closed_at[k]), closes=closes,
            values={name: float(line[k]) for name, line in self.values.items()},
            before={name: float(line[k]) for name, line in self.before.items()} if closes > 1 else {},
        )  # fmt: skip


class Stretch(ABC):
    """The frames of one symbol in a block; cycles are counted from the first of the block."""

    @abstractmethod
    def value(self, name: str, before: bool = False) -> Array:
        """Gives a line for every cycle: close, volume or an indicator at its newest frame, or at the one before."""

    @abstractmethod
    def at(self, name: str, cycles: Array, before: bool = False) -> Array:
        """Gives the same for some cycles."""

    @abstractmethod
    def closed(self, cycles: Array) -> tuple[Array, Array]:
        """Gives when the newest frame of some cycles closed (ms), and how many had since a hole (0: none)."""

    @abstractmethod
    def is_fresh(self) -> bool:
        """Says whether every cycle closes a frame."""

    def known(self, cycles: Array, names: Sequence[str]) -> Known:
        """Gives all that is known of some cycles; it stays when the block is gone."""
        values = {name: self.at(name, cycles) for name in names}
        sure = np.full(len(cycles), self.is_fresh())
        for line in values.values():
            sure &= line == line
        return Known(
            cycles, self.at("close", cycles), self.at("volume", cycles), *self.closed(cycles), values,
            {name: self.at(name, cycles, before=True) for name in names}, sure,
        )  # fmt: skip


class Folded(Stretch):
    """Frames that close in some cycles only; lines hold a value for each frame by its number.

    New ones closed at `closed_at` (ms) as the `counts`-th since a hole; `starts` are those that a hole came before.
    `number` is each cycle's newest frame, `carried` the one of the block before.
    """

    def __init__(
        self, lines: dict[str, Array], closed_at: Array, counts: Array, starts: Sequence[int], number: Array,
        carried: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Takes what was found."""
        self._lines, self._number, self._carried = lines, number, carried
        self._closed_at, self._counts = closed_at, counts
        self._starts = np.array(starts, np.int64)

    def value(self, name: str, before: bool = False) -> Array:
        """Gives a line for every cycle."""
        out = np.empty(len(self._number))
        compiled(frames.spread)(self._number, self._line(name, before), out)
        return out

    def at(self, name: str, cycles: Array, before: bool = False) -> Array:
        """Gives the same for some cycles."""
        found: Array = self._line(name, before)[self._number[cycles]]
        return found

    def closed(self, cycles: Array) -> tuple[Array, Array]:
        """Gives when the newest frame of some cycles closed, and how many had."""
        carried, number = self._carried, self._number[cycles]
        closed_at = np.concatenate(((0, carried["closed_at"]), self._closed_at))
        counts = np.concatenate(((0, carried["closes"]), self._counts))
        return closed_at[number], counts[number]

    def is_fresh(self) -> bool:
        """Does not know."""
        return False

    def _line(self, name: str, before: bool) -> Array:
        line = self._lines[name]
        if not before:
            return line
        earlier = np.empty(len(line))
        earlier[0], earlier[1], earlier[2:] = NAN, self._carried[f"{name} before"], line[1:-1]
        earlier[frames.FIRST_NEW + self._starts] = NAN
        return earlier


class Rare(NamedTuple):
    """An indicator whose value follows from the last bars alone: worked out where somebody asks for it only."""

    kernel: Kernel[Any]
    some: Some

    def columns(self, block: Block, s: int, places: Array, window: int) -> list[Array]:
        """Gives its inputs in so many columns of a block up to and with each of some, one window behind the other."""
        found = []
        for one in self.kernel.inputs:
            if one == "volume":
                found.append(_volumes(block, s, places, window))
            else:
                found.append(block.closes[s, (places[:, np.newaxis] + np.arange(1 - window, 1)).ravel()])
        return found

    def all(self, block: Block, s: int) -> Array:
        """Gives its line in all cycles of a whole block, in front of which the one before."""
        seen = min(self.some.window, int(block.run[s, block.back]) - 1)
        columns, out = self.columns(block, s, _last(block), seen + block.size), np.full(1 + seen + block.size, NAN)
        compiled(self.kernel.function)(np.zeros(len(self.kernel.state)), *columns, out[1:], *self.kernel.params)
        return out[seen:]

    def at(self, block: Block, s: int, places: Array) -> Array:
        """Gives its values in some columns of a whole block; NaN where a hole is in its window."""
        out, window = np.empty(len(places)), self.some.window
        if not len(places):
            return out
        ends = np.arange(window - 1, window * len(places), window)
        compiled(self.some.function)(*self.columns(block, s, places, window), ends, out, *self.kernel.params)
        if block.last[s, places[0]] != places[0] or block.run[s, places[0]] < window:
            # Later places have more candles without a hole, and nobody asks for one further in front.
            out[(block.run[s, places] < window) | (block.last[s, places] != places)] = NAN
        return out


class Whole(Stretch):
    """Frames of which every cycle closes one: the candles themselves.

    `lines` begin with two that are in front of the block's first (`NO_FRAME` and `CARRIED`); `rare` are the others.
    """

    def __init__(self, block: Block, s: int, lines: dict[str, Array], rare: Mapping[str, Rare], seen: int) -> None:
        """Takes what is there; so many frames were `seen` since a hole before."""
        self._block, self._s, self._lines, self._rare, self._seen = block, s, lines, rare, seen

    def value(self, name: str, before: bool = False) -> Array:
        """Gives a line for every cycle."""
        block, s = self._block, self._s
        if name == "close":
            return block.closes[s, block.new]
        if name not in self._lines:
            rare = self._rare.get(name)
            wide = rare.all(block, s) if rare is not None else _volumes(block, s, _last(block), 1 + block.size)
            self._lines[name] = np.concatenate(([NAN], wide))
        line = self._lines[name]
        return line[frames.CARRIED : -1] if before else line[frames.FIRST_NEW :]

    def at(self, name: str, cycles: Array, before: bool = False) -> Array:
        """Gives the same for some cycles, in their order."""
        block, s = self._block, self._s
        places = cycles + (block.back - before)
        if name in self._lines:
            found: Array = self._lines[name][cycles + (frames.FIRST_NEW - before)]
        elif name == "close":
            found = block.closes[s, places]
        elif name == "volume":
            found = _volumes(block, s, places, 1)
        elif len(cycles) * self._rare[name].some.window > block.size:
            found = self.value(name, before)[cycles]
        else:
            found = self._rare[name].at(block, s, places)
        return found

    def closed(self, cycles: Array) -> tuple[Array, Array]:
        """Gives when the newest frame of some cycles closed, and how many had."""
        return self._block.times[self._block.back + cycles], self._seen + 1 + cycles

    def is_fresh(self) -> bool:
        """Knows it."""
        return True


def _last(block: Block) -> Array:
    """Gives the last column of a block."""
    return np.array([len(block.times) - 1])


def _volumes(block: Block, s: int, places: Array, window: int) -> Array:
    """Gives the quote volumes of so many columns of a block up to and with each of some."""
    out = np.empty(window * len(places))
    compiled(reading.volumes)(block.sums[s], places, window, out)
    return out
