"""Waiting for what other threads and processes do: long enough for a machine that is busy with something else."""

import time
from collections.abc import Callable

#: Seconds after which something is taken never to come.
NEVER_S = 60.0


def until(happens: Callable[[], object], within_s: float = NEVER_S, every_s: float = 0.01) -> None:
    """Waits until something is so; fails the test when it takes too long."""
    end = time.monotonic() + within_s
    while not happens():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(every_s)
