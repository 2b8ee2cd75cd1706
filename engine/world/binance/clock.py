"""The exchange's time: measured now and then, carried on by the monotonic clock; steps of our own do not matter."""

import time
from collections.abc import Callable
from typing import NamedTuple

from engine.errors import VenueError
from engine.world.awake import awake_ns

#: Every ten minutes a signed call measures first; a quartz clock drifts less than 50 ms in that time.
MEASURE_AGAIN_MS = 600_000
#: Times before 2017 or after 2100 are no times of this exchange.
_EARLIEST_MS, _LATEST_MS = 1_483_228_800_000, 4_102_444_800_000

Milliseconds = Callable[[], int]


def wall_ms() -> int:
    """Gives this machine's wall clock in epoch ms."""
    return time.time_ns() // 1_000_000


def mono_ms() -> int:
    """Gives this machine's monotonic clock in ms, time asleep among them."""
    return awake_ns() // 1_000_000


class Reading(NamedTuple):
    """One measurement: the exchange's time at a monotonic instant, how far ours is ahead of it, and the way there."""

    venue_ms: int
    mono_ms: int
    skew_ms: int
    round_trip_ms: int


class VenueClock:
    """Tells the exchange's time. Until it was measured, that is our own.

    `speed` is how many times real time it runs, None for an exchange; a rehearsal's venue says it (see `Client`).
    """

    speed: float | None = None

    def __init__(self, wall: Milliseconds = wall_ms, mono: Milliseconds = mono_ms) -> None:
        """Takes the clocks of this machine."""
        self._wall = wall
        self._mono = mono
        self.reading: Reading | None = None

    def now_ms(self) -> int:
        """Gives the exchange's time, epoch ms."""
        reading = self.reading
        if reading is None:
            return self._wall()
        passed = self._mono() - reading.mono_ms
        return reading.venue_ms + (passed if self.speed is None else int(passed * self.speed))

    def limits_ms(self) -> int:
        """Gives the time that limits and bans are counted in: the exchange's; a rehearsal counts by the wall."""
        return self.now_ms() if self.speed is None else self._wall()

    @property
    def skew_ms(self) -> int | None:
        """How far this machine's clock was ahead when it was measured last; None where that says nothing."""
        return self.reading.skew_ms if self.reading is not None and self.speed is None else None

    @property
    def due(self) -> bool:
        """Says whether it was never measured, or too long ago."""
        return self.reading is None or self._mono() - self.reading.mono_ms >= MEASURE_AGAIN_MS

    def measure(self, ask: Callable[[], int]) -> Reading:
        """Asks the exchange for its time, which is taken to be that of half the way; raises VenueError for no time."""
        sent = self._mono()
        venue = ask()
        got, wall = self._mono(), self._wall()
        if not _EARLIEST_MS <= venue <= _LATEST_MS:
            raise VenueError(f"the exchange says that it is {venue} ms since 1970; look at its address")
        now = venue + int((got - sent) * (self.speed or 1.0)) // 2
        self.reading = Reading(now, got, wall - now, got - sent)
        return self.reading
