"""A clock that no change of the wall clock touches, and that goes on while the machine sleeps: ages grow in both."""

import time
from collections.abc import Callable


def _on_linux() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


#: Nanoseconds. Where the machine has no such clock, sleep is not counted.
awake_ns: Callable[[], int] = _on_linux if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic_ns


def awake_s() -> float:
    """Gives seconds since some instant, time asleep among them."""
    return awake_ns() / 1e9
