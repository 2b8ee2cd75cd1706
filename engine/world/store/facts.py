"""The facts of a store as a source: records in wire order, byte for byte what was imported."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np

from engine.plugs import Entry
from engine.records.base import Record
from engine.records.wire import KIND_RANK, decode
from engine.world.imports.batches import Batch
from engine.world.store.files import RULES, Header, SeriesFile, read_rules
from engine.world.store.numbers import Ints
from engine.world.store.store import Store
from engine.world.store.tables import Series, jumps_of
from engine.world.unbroken import Gaps

#: Facts that are made into records in one go, over all series.
_BLOCK = 1 << 15
_EVER = 2**62


@dataclass
class Stored:
    """The facts of a store: of `symbols` and `venue` (all when not named), `at` from since up to, not including, until.

    Rules of symbols count whenever they were recorded. Of several steps at one instant the shortest comes first.
    """

    path: str
    venue: str | None = None
    symbols: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    store: Store = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ConfigError where `path` is no store, or one of a newer version."""
        self.store = Store.open(self.path)

    def facts(self) -> Iterator[Entry]:
        """Gives the facts in order of time, kind, venue and symbol; raises DirtyInput for a damaged file."""
        for _, entries in self.batches():
            yield from entries

    def batches(self) -> Iterator[Batch]:
        """Gives the facts as batches of one instant each; raises what `facts` raises."""
        runs = sorted(self._runs(), key=lambda run: run.place)
        while any(run.left for run in runs):
            each = max(1, _BLOCK // sum(1 for run in runs if run.left))
            horizon = min(run.horizon(each) for run in runs)
            yield from _block([run.upto(horizon) for run in runs])

    def manifest(self) -> dict[str, Any]:
        """Names the facts by one hash, of the headers of all files, which hold the hashes of their data."""
        digest, size = hashlib.sha256(), 0
        for path, header in self.store.headers():
            digest.update(f"{path.relative_to(self.store.root).as_posix()} {header.sha256}\n".encode())
            size += header.bytes
        return {"files": [{"path": self.path, "sha256": digest.hexdigest(), "bytes": size}]}

    def span(self) -> tuple[int, int] | None:
        """Gives the first and last time of the facts in ms, within since and until; None where there are none."""
        heads = [header for _, header in self.store.headers() if header.kind != RULES and self._wants(header.of)]
        if not heads:
            return None
        first = min(header.first + 1000 * header.step_s for header in heads)
        last = max(header.last + 1000 * header.step_s for header in heads)
        first = max(first, self.since_ms if self.since_ms is not None else first)
        last = min(last, self.until_ms if self.until_ms is not None else last)
        return (first, last) if first < last else None

    def gaps(self) -> Gaps:
        """Gives the holes between the wanted bars."""
        holes = missing = 0
        for path, header in self._wanted_bars():
            if header.gaps:
                lacking = np.diff(self._within(SeriesFile(path))) // (1000 * header.step_s) - 1
                holes += int((lacking > 0).sum())
                missing += int(lacking.sum())
        return Gaps(holes, missing)

    def broken(self) -> list[str]:
        """Gives the symbols that have a bar, wanted or not, whose price does not follow from the one before."""
        return sorted({
            header.symbol for path, header in self._wanted_bars()
            if (header.jumps if header.jumps is not None else len(jumps_of(SeriesFile(path).table())))
        })  # fmt: skip

    def _wanted_bars(self) -> Iterator[tuple[Path, Header]]:
        return ((path, header) for path, header in self.store.headers() if header.step_s and self._wants(header.of))

    def _within(self, file: SeriesFile) -> Ints:
        """Gives the open times of the bars that close within since and until."""
        key, step_ms = file.key(), 1000 * file.header.step_s
        low = 0 if self.since_ms is None else int(np.searchsorted(key, self.since_ms - step_ms))
        high = len(key) if self.until_ms is None else int(np.searchsorted(key, self.until_ms - step_ms))
        return key[low:high]

    def venues(self) -> set[str]:
        """Gives the venues whose facts are there."""
        return {header.venue for _, header in self.store.headers()}

    def _wants(self, of: Series) -> bool:
        return (self.venue is None or of.venue == self.venue) and (
            not self.symbols or of.symbol in self.symbols or of.kind == RULES
        )

    def _runs(self) -> Iterator["_Run"]:
        for path, header in self.store.headers():
            if not self._wants(header.of):
                continue
            if header.kind == RULES:
                yield _Lines(header.venue, path, frozenset(self.symbols))
            else:
                yield _Rows(self.store.read(path), self.since_ms, self.until_ms)


class _Run(ABC):
    """Facts of one file in order of time, taken from the front up to a horizon."""

    def __init__(self, place: tuple[int, str, str, int], times: Ints, shift: int = 0) -> None:
        """`times` plus `shift` are when the facts could be known, in ms; columns as long as a year are not copied."""
        self.place, self._times, self._shift, self._done = place, times, shift, 0

    @property
    def left(self) -> int:
        """How many facts are left."""
        return len(self._times) - self._done

    def horizon(self, count: int) -> int:
        """Gives the time up to which one may take without taking many more than `count`."""
        return int(self._times[self._done + count - 1]) + self._shift if self.left > count else _EVER

    def upto(self, horizon: int) -> tuple[Ints, list[Record]]:
        """Takes the facts up to and with the horizon: their times, and their records."""
        low = self._done
        self._done += int(np.searchsorted(self._times[low:], horizon - self._shift, side="right"))
        return self._times[low : self._done] + self._shift, self.records(low, self._done) if self._done > low else []

    @abstractmethod
    def records(self, low: int, high: int) -> list[Record]:
        """Gives the records of some of the facts."""


class _Rows(_Run):
    def __init__(self, file: SeriesFile, since: int | None, until: int | None) -> None:
        header, self._file, self._order = file.header, file, None
        at, shift = file.column("at"), 0
        if at is None:
            at, shift = file.key(), 1000 * header.step_s
        elif (np.diff(at) < 0).any():
            # Bars stand by open time; one that was received late became known after the next.
            self._order = np.argsort(at, kind="stable")
            at = at[self._order]
        self._low = 0 if since is None else int(np.searchsorted(at, since - shift))
        high = len(at) if until is None else int(np.searchsorted(at, until - shift))
        place = (KIND_RANK[header.kind], header.venue, header.symbol, header.step_s)
        super().__init__(place, at[self._low : max(self._low, high)], shift)

    def records(self, low: int, high: int) -> list[Record]:
        low, high = low + self._low, high + self._low
        if self._order is None:
            return self._file.table(low, high).records()
        return self._file.table().pick(self._order[low:high]).records()


class _Lines(_Run):
    def __init__(self, venue: str, path: Path, symbols: frozenset[str]) -> None:
        rules = [record for line in read_rules(path) if (record := decode(line)) is not None]
        self._rules = [one for one in rules if not symbols or getattr(one, "symbol", None) in symbols]
        super().__init__((KIND_RANK[RULES], venue, "", 0), np.array([one.at for one in self._rules], np.int64))

    def records(self, low: int, high: int) -> list[Record]:
        return self._rules[low:high]


def _block(parts: list[tuple[Ints, list[Record]]]) -> Iterator[Batch]:
    """Gives the facts of several series, sorted by place, as batches; those of one instant stay in that order."""
    times = np.concatenate([at for at, _ in parts])
    order = np.argsort(times, kind="stable")
    records = [record for _, part in parts for record in part]
    entries = list(map(Entry, map(records.__getitem__, order.tolist()), repeat(None)))
    times = times[order]
    ends = np.append(np.flatnonzero(np.diff(times)) + 1, len(times)).tolist()
    start = 0
    for end in ends:
        yield int(times[start]), entries[start:end]
        start = end
