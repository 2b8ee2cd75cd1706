"""The clock of a recorded market: which ticks must pass before a fact."""

import msgspec

from engine.records.base import Record
from engine.records.market import Bar, BookTop, Tick, Ticker, Trade
from engine.records.tickers import Tickers

#: More silent cycles than this in a row are one jump, not a march of empty ticks.
MAX_SILENT_CYCLES = 1440
#: What shows a price. It is asked of every fact, and a tuple answers soonest.
PRICED = (Bar, Ticker, BookTop, Trade, Tickers)


class ClockState(msgspec.Struct, kw_only=True):
    """The tick that is due, what caused it, and the last one that passed."""

    due: int = 0
    streaming: bool = False
    last: int = 0


class Clock:
    """Gives ticks at cycle boundaries: a bar market ticks at bar closes only, a stream of prices at each boundary."""

    def __init__(self, cycle_s: int, state: ClockState | None = None) -> None:
        """Ticks every `cycle_s` seconds of record time."""
        self.cycle_ms = cycle_s * 1000
        self.state = state if state is not None else ClockState()

    def before(self, fact: Record) -> list[Record]:
        """Gives the ticks that pass before a fact, and takes note of it.

        A tick that comes from outside takes the place of ours. Only facts with a price make ticks due.
        """
        state, at, kind = self.state, fact.at, type(fact)
        if kind is Tick:
            state.last = max(state.last, at)
            state.due = 0
            return []
        ticks: list[Record] = []
        if state.due and at > state.due:
            ticks = self._passed(at)
        if isinstance(fact, PRICED):
            # Most facts fall into the cycle whose tick is due already.
            if not state.due - self.cycle_ms < at <= state.due:
                due = -(-at // self.cycle_ms) * self.cycle_ms
                if due > state.last:
                    state.due = due
            state.streaming = kind is not Bar
        return ticks

    def _passed(self, now: int) -> list[Record]:
        state = self.state
        times = [state.due]
        if state.streaming:
            silent = (now - 1 - state.due) // self.cycle_ms
            if silent <= MAX_SILENT_CYCLES:
                times += [state.due + i * self.cycle_ms for i in range(1, silent + 1)]
            else:
                times.append((now - 1) // self.cycle_ms * self.cycle_ms)
        state.last, state.due = times[-1], 0
        return [Tick(at=at) for at in times]
