"""Pace: facts handed on when they are due, in real time or so many times faster."""

import time
from collections.abc import Callable, Iterable, Iterator

from engine.errors import UsageError
from engine.plugs import Entry

#: A longer wait is taken in parts, so that a clock that was set or a machine that slept does no harm.
_LONGEST_WAIT_S = 60.0
#: Less than this is not worth a system call.
_SHORTEST_WAIT_S = 0.001


def paced(
    facts: Iterable[Entry],
    speed: str,
    wait: Callable[[float], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Entry]:
    """Gives facts when they are due: at once (`max`), as they happened (`realtime`) or `speed` times faster.

    The first fact with a price starts the clock; rules and the like before it do not wait. `wait` sleeps so many
    seconds and says True when it was interrupted: then the facts end. Raises UsageError for what is no speed.
    """
    factor = factor_of(speed)
    if factor is None:
        yield from facts
        return
    start: tuple[int, float] | None = None
    for entry in facts:
        record = entry.record
        if record is not None and record.kind in _TIMED:
            if start is None:
                start = record.at, clock()
            due = start[1] + (record.at - start[0]) / 1000.0 / factor
            while (left := due - clock()) > _SHORTEST_WAIT_S:
                if wait(min(left, _LONGEST_WAIT_S)):
                    return
        yield entry


_TIMED = frozenset({"bar", "ticker", "book_top", "trade", "tick"})


def factor_of(speed: str) -> float | None:
    """Gives how many times real time a speed is, None for `max`; raises UsageError for what is no speed."""
    if speed == "max":
        return None
    try:
        factor = 1.0 if speed == "realtime" else float(speed.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0.0 < factor <= 1e9:
        raise UsageError(f"--speed {speed[:40]!r} is no speed: write max, realtime, or how many times real time, as 60")
    return factor
