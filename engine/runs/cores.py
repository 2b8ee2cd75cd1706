"""How many cores a process may keep busy: all that it may use, or its share of them beside others of the same work."""

import os
import sys

_sharing = 1


def share(processes: int) -> None:
    """Takes note that so many processes work side by side."""
    global _sharing
    _sharing = processes


def cores() -> int:
    """Gives how many threads there is a core for; at least one."""
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, usable // _sharing)
