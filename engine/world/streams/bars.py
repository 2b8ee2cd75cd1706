"""The gate of closed candles: each symbol's pass in order, once, and not over a hole before somebody looked for it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from engine.records.market import Bar

STEP_MS = 60_000
#: Bars of a symbol that wait behind a hole; what comes after them is asked for again.
MOST_HELD = 120


class Hole(NamedTuple):
    """A stretch of a symbol's candles that is missing: the first and the last missing candle's opening, in ms."""

    symbol: str
    first: int
    last: int


class BarGate:
    """Lets minute candles through in order; those behind a hole wait until it is filled or given up."""

    def __init__(self) -> None:
        """Starts without symbols: `begin` names each with the first candle that is wanted of it."""
        self._next: dict[str, int] = {}
        self._held: dict[str, dict[int, Bar]] = {}

    def begin(self, symbol: str, first: int) -> None:
        """Waits for a symbol's candles from the one that opens at `first` on; one that has begun goes on as it is."""
        self._next.setdefault(symbol, first)

    def end(self, symbol: str) -> None:
        """Forgets a symbol."""
        self._next.pop(symbol, None)
        self._held.pop(symbol, None)

    def take(self, bar: Bar) -> list[Bar]:
        """Takes a candle; gives those that may pass now: none that passed, none of a symbol that has not begun."""
        due = self._next.get(bar.symbol)
        if due is None or bar.open_at < due or bar.step_s * 1000 != STEP_MS:
            return []
        if bar.open_at > due:
            held = self._held.setdefault(bar.symbol, {})
            if len(held) < MOST_HELD:
                held[bar.open_at] = bar
            return []
        self._next[bar.symbol] = due + STEP_MS
        return [bar, *self._follow(bar.symbol)]

    def _follow(self, symbol: str) -> Iterator[Bar]:
        held = self._held.get(symbol)
        while held and (bar := held.pop(self._next[symbol], None)) is not None:
            self._next[symbol] += STEP_MS
            yield bar
        if held is not None and not held:
            del self._held[symbol]

    def give_up(self, hole: Hole) -> list[Bar]:
        """Passes over a hole that nobody can fill; gives the candles that waited behind it.

        Who reads them sees that candles are missing, and starts the symbol's windows again.
        """
        if self._next.get(hole.symbol, hole.last + 1) > hole.last:
            return []
        self._next[hole.symbol] = hole.last + STEP_MS
        return list(self._follow(hole.symbol))

    def lose(self, bar: Bar) -> None:
        """Takes back that a candle passed: it could not be kept, and will be missed."""
        self._next[bar.symbol] = min(self._next.get(bar.symbol, bar.open_at), bar.open_at)

    def holes(self, now: int) -> list[Hole]:
        """Gives what is missing of the candles that closed up to `now`, by symbol."""
        last = now // STEP_MS * STEP_MS - STEP_MS
        return [
            Hole(symbol, due, min(min(self._held.get(symbol, (last + STEP_MS,))) - STEP_MS, last))
            for symbol, due in sorted(self._next.items())
            if due <= last
        ]

    def expected(self, closed_at: int) -> int:
        """Gives how many symbols can be waited for at the close of a minute: those that missed none before it."""
        return sum(1 for due in list(self._next.values()) if due >= closed_at - STEP_MS)

    def symbols(self) -> Iterable[str]:
        """Gives the symbols that have begun."""
        return self._next.keys()
