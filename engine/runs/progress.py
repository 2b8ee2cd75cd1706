"""Where a run is."""

from typing import NamedTuple


class Progress(NamedTuple):
    """Where a session is: record time in ms, facts taken, cycles closed, fills made, and whether it is catching up."""

    at: int
    facts: int
    ticks: int
    fills: int
    catching_up: bool
