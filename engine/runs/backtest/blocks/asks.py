"""What a block's cycles ask of the desk: the cells in which a strategy may enter, and what it says of each."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engine.kernels import entries
from engine.records.ideas import CandidateSnapshot, SignalSnapshot

Array = npt.NDArray[Any]


class Said(NamedTuple):
    """A signal that asks for something, and the candidate that it is about."""

    candidate: CandidateSnapshot
    signal: SignalSnapshot


class Asks:
    """The cells of a block, in the order in which they are judged, as `engine.kernels.entries` reads them."""

    def __init__(
        self, cells: Array, prices: Array, judge: Callable[[int, int], Said | None], may_exit: bool = False
    ) -> None:
        """`judge` gives what the strategy says of a cycle and a symbol; None where it waits.

        A strategy that may say exit is asked of coins that are held, too.
        """
        self.cells, self.prices, self._judge, self._may_exit = cells, prices, judge, may_exit
        self._said: dict[int, Said | None] = {}

    @property
    def symbols(self) -> list[int]:
        """The symbols that are asked for."""
        found: list[int] = np.unique(self.cells[:, entries.SYMBOL]).tolist()
        return found

    def spans(self, reach: int, end: int) -> Iterator[tuple[int, Array, Array]]:
        """Gives, symbol by symbol, the cycles (from, to) that follow within so many of an ask, up to an end."""
        for s in self.symbols:
            cycles = self.cells[self.cells[:, entries.SYMBOL] == s, entries.CYCLE]
            apart = np.flatnonzero(np.diff(cycles) > reach)
            lows, highs = cycles[np.append(0, apart + 1)], cycles[np.append(apart, -1)]
            yield s, lows, np.minimum(highs + reach, end)

    def within(self, j: int) -> range:
        """Gives the indexes of a cycle's asks."""
        low, high = np.searchsorted(self.cells[:, entries.CYCLE], (j, j + 1)).tolist()
        return range(low, high)

    def symbol(self, ask: int) -> int:
        """Gives the symbol of an ask."""
        return int(self.cells[ask, entries.SYMBOL])

    def said(self, ask: int) -> Said | None:
        """Gives what the strategy says; it is asked once."""
        if ask not in self._said:
            self._said[ask] = self._judge(int(self.cells[ask, entries.CYCLE]), self.symbol(ask))
        return self._said[ask]

    def all_said(self, j: int, shut: Callable[[int], bool]) -> Iterator[Said]:
        """Gives what is said in a cycle, the hottest first; who is shut when it is his turn is not asked."""
        for ask in self.within(j):
            if (self._may_exit or not shut(self.symbol(ask))) and (said := self.said(ask)) is not None:
                yield said
