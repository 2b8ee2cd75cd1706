"""The venue's clock: wall time at speed 1; faster, market time runs ahead of the wall from the moment of the start."""

import time
from collections.abc import Callable


class VenueClock:
    """Tells venue time in ms."""

    def __init__(self, speed: float = 1.0, wall: Callable[[], float] = time.time, begins_at: int | None = None) -> None:
        """`wall` gives seconds since the epoch; `begins_at` is what the clock says at the start, in ms, if not that."""
        self.speed, self._wall, self._begins_at = speed, wall, begins_at
        self.started = wall()
        self.skew_ms = 0

    def now(self) -> int:
        """Gives venue time in ms, which is what the market, the books and GET time go by."""
        wall = self._wall()
        begins = self._begins_at / 1000 if self._begins_at is not None else self.started
        return int((begins + (wall - self.started) * self.speed) * 1000) + self.skew_ms

    def venue_name(self) -> str:
        """Names this venue, so that nobody takes the next one at its address for it."""
        return f"loopback venue of {int(self.started * 1e6)}"

    def wall_ms(self) -> int:
        """Gives wall time in ms (moved by a fault, where one moves the clock)."""
        return int(self._wall() * 1000) + self.skew_ms

    @property
    def is_its_own(self) -> bool:
        """Says whether venue time is another than the wall's: no exchange's is, so clients have to be told."""
        return self.speed != 1.0 or self._begins_at is not None

    def seconds_until(self, at: int) -> float:
        """Gives how many seconds of wall time pass until it is `at` ms at the venue."""
        return (at - self.now()) / 1000 / self.speed

    def up_s(self) -> float:
        """Gives how many seconds of wall time the venue has been up; no fault moves this one."""
        return self._wall() - self.started
