"""Heat against what the price did afterwards: every ranked candidate counts, entered or not."""

from collections import deque
from typing import Any, NamedTuple

from engine.errors import BadRecord
from engine.records.base import Record, figure
from engine.records.ideas import CandidateSnapshot
from engine.records.market import Bar, Ticker, Trade, check_price

#: How long after a candidate was ranked its price is looked at again.
AHEAD_MS = 3_600_000
#: Heat, 0 to 100, in so many steps.
STEPS = 10


class HeatStep(NamedTuple):
    """Candidates with a heat in [low, high): how many, their mean return after an hour, the share that rose."""

    low: int
    high: int
    ranked: int
    mean_pct: float
    rose_pct: float


class HeatAhead:
    """Waits for the first price of each ranked candidate an hour on; what no price comes for any more is not counted.

    A candidate is ranked at each cycle that it is hot, so neighbouring samples overlap: they are not independent.
    """

    def __init__(self) -> None:
        """Starts empty."""
        self._waiting: dict[str, deque[tuple[int, float, float]]] = {}
        self._sums = [[0, 0.0, 0] for _ in range(STEPS)]

    def ranked(self, snapshot: CandidateSnapshot) -> None:
        """Takes a ranked candidate."""
        seen = self._waiting.setdefault(snapshot.symbol, deque())
        seen.append((snapshot.at + AHEAD_MS, snapshot.heat, float(snapshot.price)))

    def price(self, fact: Record) -> None:
        """Takes a fact; prices that make no sense are passed over, as the stages do."""
        if not isinstance(fact, Bar | Ticker | Trade):
            return
        seen = self._waiting.get(fact.symbol)
        if not seen or seen[0][0] > fact.at:
            return
        try:
            check_price(fact)
        except BadRecord:
            return
        now = float(fact.close if isinstance(fact, Bar) else fact.last if isinstance(fact, Ticker) else fact.price)
        while seen and seen[0][0] <= fact.at:
            _, heat, then = seen.popleft()
            sums = self._sums[min(int(heat * STEPS / 100), STEPS - 1)]
            sums[0] += 1
            sums[1] += (now / then - 1.0) * 100.0
            sums[2] += now > then

    def steps(self) -> list[HeatStep]:
        """Gives the steps of heat that have candidates, the coldest first."""
        wide = 100 // STEPS
        return [
            HeatStep(
                i * wide, (i + 1) * wide, int(count), figure(total / count) or 0, figure(100.0 * rose / count) or 0
            )
            for i, (count, total, rose) in enumerate(self._sums)
            if count
        ]

    def plain(self) -> dict[str, Any]:
        """Gives the steps as plain JSON values."""
        return {"after_s": AHEAD_MS // 1000, "steps": [step._asdict() for step in self.steps()]}
