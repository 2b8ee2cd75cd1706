"""The budget of connections: never more attempts than the exchange allows, and longer waits after each failure."""

from collections import deque
from collections.abc import Callable

#: Binance allows 300 attempts in 5 minutes per address, and bans those who go on. Others live on the address too.
ATTEMPTS = 60
WINDOW_MS = 300_000
#: Two attempts of one process are at least this far apart.
FLOOR_MS = 250
#: After a failure: at least the first, doubled each time up to the last, and up to as much again by chance.
WAIT_MIN_S = 1.0
WAIT_MAX_S = 60.0


class ConnectBudget:
    """Says when the next attempt may be made. Shared by all connections of a process. Times are monotonic ms."""

    def __init__(self, attempts: int = ATTEMPTS, window_ms: int = WINDOW_MS, floor_ms: int = FLOOR_MS) -> None:
        """Allows so many attempts in any window, `floor_ms` apart."""
        self._attempts, self._window_ms, self._floor_ms = attempts, window_ms, floor_ms
        self._made: deque[int] = deque()

    def reserve(self, mono_ms: int) -> int:
        """Takes the next place; gives how many ms to wait for it."""
        at = mono_ms
        if self._made:
            at = max(at, self._made[-1] + self._floor_ms)
        if len(self._made) >= self._attempts:
            at = max(at, self._made[-self._attempts] + self._window_ms)
        self._made.append(at)
        while len(self._made) > self._attempts:
            self._made.popleft()
        return at - mono_ms


def wait_s(failures: int, chance: Callable[[], float]) -> float:
    """Gives how long to wait after so many failures in a row: floor, doubling and jitter; `chance` is in [0, 1)."""
    least = min(WAIT_MIN_S * 2.0 ** max(0, failures - 1), WAIT_MAX_S)
    return least * (1.0 + chance())
