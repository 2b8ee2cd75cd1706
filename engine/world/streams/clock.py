"""The clock of a live market: what stamps facts and ticks."""

import time
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

from engine.world.awake import awake_ns


class Stamp(NamedTuple):
    """An instant: epoch ms that never run backwards, and ms that no clock change touches."""

    at: int
    mono_ms: int


Clock = Callable[[], Stamp]


def wall_ms() -> float:
    """Gives this machine's wall clock in epoch ms."""
    return time.time_ns() / 1e6


def monotonic_ms() -> float:
    """Gives this machine's monotonic clock in ms, time asleep among them."""
    return awake_ns() / 1e6


class LiveClock:
    """Stamps instants from a wall clock and a monotonic one; threads may share it.

    `mono_ms` starts at the wall clock's time, so that stamps of a process that was started again, even after a
    reboot, follow those of the one before. When the wall clock is set back, `at` runs at half speed until it has caught
    up.
    """

    def __init__(self, wall: Callable[[], float] = wall_ms, mono: Callable[[], float] = monotonic_ms) -> None:
        """Starts now; `wall` may be the exchange's time, where that is known better."""
        self._wall, self._mono = wall, mono
        self._at, self._read = wall(), mono()
        self._ahead = self._at - self._read
        self._lock = Lock()

    def __call__(self) -> Stamp:
        """Gives the instant."""
        with self._lock:
            read = self._mono()
            self._at = max(self._wall(), self._at + (read - self._read) / 2)
            self._read = read
            return Stamp(int(self._at), int(read + self._ahead))
