"""Decisions that stand alone in a file, held against those that are heard, instant by instant."""

from collections.abc import Callable, Iterable

from engine.records.base import MAX_INTEGER, Record
from engine.records.wire import at_of, encode
from engine.runs.backtest.outcome import Marks
from engine.runs.replay.compare import Comparison, Row


class Heard:
    """Listens to a market that is played; `tell` is told all records, and is set before it begins."""

    tell: Callable[[Record], None]

    def hear(self, record: Record) -> None:
        """Takes what is decided now."""
        self.tell(record)

    def mark(self, marks: Marks) -> None:
        """The account stands in no record."""


class Decisions:
    """Decisions without their cycles: written ones held against those that are heard, instant by instant.

    What is heard before the first or after the last of them says nothing: they may be a part of what was decided.
    """

    def __init__(self, written: Iterable[Row], comparison: Comparison, kinds: frozenset[str]) -> None:
        """Takes what was written in the order of time, and hears of `kinds` only."""
        self._written, self._comparison, self._kinds = iter(written), comparison, kinds
        self._row = next(self._written, None)
        self._at = at_of(self._row.line) if self._row is not None else 0
        self._now: list[tuple[str, bytes]] = []

    def hear(self, record: Record) -> None:
        """Takes note of what is decided now."""
        if self._row is None or record.at < self._at or record.kind not in self._kinds:
            return
        if record.at > self._at:
            self._close(record.at)
        self._now.append((record.kind, encode(record)))

    def compare(self) -> None:
        """Compares what is left."""
        self._close(None)

    def _close(self, until: int | None) -> None:
        """Compares the instants before `until`, from the one that is open."""
        while self._row is not None and (until is None or self._at < until):
            rows = self._instant()
            now, self._now = self._now, []
            if self._row is None:
                self._comparison.open_cycle(rows, now)
                return
            self._comparison.cycle(rows, now)
            self._at = min(at_of(self._row.line), until if until is not None else MAX_INTEGER)

    def _instant(self) -> list[Row]:
        rows: list[Row] = []
        while self._row is not None and at_of(self._row.line) <= self._at:
            rows.append(self._row)
            self._row = next(self._written, None)
        return rows
