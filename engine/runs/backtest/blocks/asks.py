"""What a block's cycles ask of the desk: the cells in which a strategy may enter, and what it says of each."""

from collections.abc import Callable, Iterator
from itertools import pairwise
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

    def spans(self, reach: int, end: int) -> Iterator[tuple[int, Array, Array]]:
        """Gives, symbol by symbol, the cycles (from, to) that follow within so many of an ask, up to an end."""
        if not len(self.cells):
            return
        cycles, symbols = self.cells[:, entries.CYCLE], self.cells[:, entries.SYMBOL]
        order = np.lexsort((cycles, symbols))
        cycles, symbols = cycles[order], symbols[order]
        apart = np.ones(len(cycles) + 1, np.bool_)
        apart[1:-1] = (symbols[1:] != symbols[:-1]) | (cycles[1:] - cycles[:-1] > reach)
        edges = np.flatnonzero(apart)
        lows, highs, of = cycles[edges[:-1]], np.minimum(cycles[edges[1:] - 1] + reach, end), symbols[edges[:-1]]
        turns = [0, *(np.flatnonzero(of[1:] != of[:-1]) + 1).tolist(), len(of)]
        for low, high in pairwise(turns):
            yield int(of[low]), lows[low:high], highs[low:high]

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
