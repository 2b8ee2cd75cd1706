"""What a strategy sees of one symbol in a block of cycles."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.runs.backtest.blocks.screening import Screened
from engine.runs.backtest.blocks.stretch import Stretch

Array = npt.NDArray[Any]


class Look:
    """All cycles of a block (`engine.plugs.Look`): arrays with a single row."""

    def __init__(self, screened: Screened, timeframes: Mapping[str, Stretch], s: int) -> None:
        """Shows the block's cycles, without those in front of it."""
        self._screened, self._timeframes, self._s = screened, timeframes, s

    def at(self, worth: Array) -> "Few":
        """Gives the same of the cycles that are marked."""
        return Few(self._screened, self._timeframes, self._s, np.flatnonzero(worth[0]))

    @cached_property
    def _all(self) -> "Few":
        return Few(self._screened, self._timeframes, self._s, np.arange(self._screened.block.size))

    @cached_property
    def heat(self) -> Array:
        """Heat."""
        heats, block = self._screened.heats, self._screened.block
        return heats[self._s : self._s + 1, block.new] if heats is not None else self._all.heat[np.newaxis]

    @property
    def status(self) -> Array:
        """Places in the pool."""
        return self._screened.statuses[self._s : self._s + 1, self._screened.block.new]

    @cached_property
    def change_5m_pct(self) -> Array:
        """The change over five minutes."""
        return self._all.change_5m_pct[np.newaxis]

    def close(self, timeframe: str) -> Array:
        """Gives the close of each cycle's last closed candle of a timeframe."""
        return self._timeframes[timeframe].value("close")[np.newaxis]

    def volume(self, timeframe: str) -> Array:
        """Gives its volume in the quote asset."""
        return self._timeframes[timeframe].value("volume")[np.newaxis]

    def value(self, timeframe: str, indicator: str, before: bool = False) -> Array:
        """Gives an indicator at that candle, or one candle before."""
        return self._timeframes[timeframe].value(indicator, before)[np.newaxis]


class Few:
    """Some cycles of a block: arrays of one dimension."""

    def __init__(self, screened: Screened, timeframes: Mapping[str, Stretch], s: int, cycles: Array) -> None:
        """Shows cycles, counted from the block's first."""
        self._screened, self._timeframes, self._s, self._cycles = screened, timeframes, s, cycles

    def at(self, worth: Array) -> "Few":
        """Gives the same of the cycles that are marked."""
        return Few(self._screened, self._timeframes, self._s, self._cycles[worth])

    @property
    def _places(self) -> Array:
        return self._cycles + self._screened.block.back

    @property
    def heat(self) -> Array:
        """Heat."""
        return self._screened.heats_of(np.full(len(self._cycles), self._s), self._places)

    @property
    def status(self) -> Array:
        """Places in the pool."""
        statuses: Array = self._screened.statuses[self._s, self._places]
        return statuses

    @property
    def change_5m_pct(self) -> Array:
        """The change over five minutes."""
        return self._screened.change_5m_pct(self._s, self._places)

    def close(self, timeframe: str) -> Array:
        """Gives the close of each cycle's last closed candle of a timeframe."""
        return self._timeframes[timeframe].at("close", self._cycles)

    def volume(self, timeframe: str) -> Array:
        """Gives its volume in the quote asset."""
        return self._timeframes[timeframe].at("volume", self._cycles)

    def value(self, timeframe: str, indicator: str, before: bool = False) -> Array:
        """Gives an indicator at that candle, or one candle before."""
        return self._timeframes[timeframe].at(indicator, self._cycles, before)
