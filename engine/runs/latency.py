"""How long cycles take by this machine's clock: kept in the status of a ledger, since no record carries a duration."""

import math

import msgspec

from engine.ledger.ledger import Ledger

#: The value of a ledger's status.
NOTE = "cycle_ms"
#: Durations are counted in so many steps a decade, from a hundredth of a millisecond to a quarter of an hour.
_STEPS, _LEAST_MS, _COUNT = 20, 0.01, 160


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long the cycles of the last run took, in ms: from the fact that closed one to its commit.

    Half of them took no longer than `p50`, 95 of a hundred no longer than `p95`; read off steps of 12 %.
    """

    cycles: int
    p50: float
    p95: float
    p99: float
    longest: float

    def __str__(self) -> str:
        """Says it to people."""
        return (
            f"p50 {self.p50:.3g} ms, p95 {self.p95:.3g} ms, p99 {self.p99:.3g} ms, longest {self.longest:.3g} ms, "
            f"of {self.cycles} cycles"
        )


class Latencies:
    """Durations counted by their size, so that a year of them needs no more room than a minute."""

    def __init__(self) -> None:
        """None yet."""
        self._counts = [0] * _COUNT
        self._cycles = 0
        self._longest = 0.0

    def add(self, seconds: float) -> None:
        """Counts one."""
        ms = 1000.0 * seconds
        place = math.ceil(_STEPS * math.log10(ms / _LEAST_MS)) if ms > _LEAST_MS else 0
        self._counts[min(place, _COUNT - 1)] += 1
        self._cycles += 1
        self._longest = max(self._longest, ms)

    def told(self) -> Latency | None:
        """Gives the quantiles; None of nothing."""
        if not self._cycles:
            return None
        p50, p95, p99 = (self._quantile(share) for share in (0.5, 0.95, 0.99))
        return Latency(cycles=self._cycles, p50=p50, p95=p95, p99=p99, longest=round(self._longest, 3))

    def _quantile(self, share: float) -> float:
        below, due = 0, share * self._cycles
        for place, count in enumerate(self._counts):
            below += count
            if below >= due:
                return round(min(_LEAST_MS * math.pow(10.0, place / _STEPS), self._longest), 3)
        raise AssertionError("every duration is counted")

    def note(self, ledger: Ledger) -> None:
        """Writes them into the status of a ledger, with its next commit."""
        latency = self.told()
        if latency is not None:
            ledger.note(NOTE, msgspec.json.encode(latency).decode())


def latency_of(ledger: Ledger) -> Latency | None:
    """Gives how long the cycles of the last run took; None where it told nothing."""
    try:
        return msgspec.json.decode(ledger.notes().get(NOTE, ""), type=Latency)
    except msgspec.DecodeError:
        return None
