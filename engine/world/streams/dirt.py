"""Dirt: how many events could not be read, and when they are too many to believe the rest."""

from typing import NamedTuple

#: The share of events that may be bad, counted over so long; fewer events than `FEW` prove nothing.
DIRTY_SHARE = 0.05
WINDOW_MS = 60_000
FEW = 20


class Verdict(NamedTuple):
    """What the last minute was like: events, bad ones, an example of those, and whether they are too many."""

    rows: int
    dirty: int
    example: str
    too_dirty: bool


class Dirt:
    """Counts events and bad ones by the minute. Times are monotonic ms."""

    def __init__(self) -> None:
        """Starts clean."""
        self._since = 0
        self._rows = self._dirty = 0
        self._example = ""

    def count(self, rows: int, dirty: int, example: str = "") -> None:
        """Counts the events of a frame, and the bad ones."""
        self._rows += rows
        self._dirty += dirty
        if dirty and not self._example:
            self._example = example[:200]

    def minute(self, mono_ms: int) -> Verdict | None:
        """Gives the verdict on the last minute, once a minute; then counts anew."""
        if mono_ms - self._since < WINDOW_MS:
            return None
        too_dirty = self._rows >= FEW and self._dirty > DIRTY_SHARE * self._rows
        verdict = Verdict(self._rows, self._dirty, self._example, too_dirty)
        self._since, self._rows, self._dirty, self._example = mono_ms, 0, 0, ""
        return verdict
