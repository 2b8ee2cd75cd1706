"""Several recorded markets as one: facts in the order of time, what stands in two of them once, if they agree."""

import heapq
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Protocol

from engine.errors import DirtyInput
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, Fact, Funding, OpenInterest, SymbolRules
from engine.world.imports.batches import Batch, first_difference, place
from engine.world.imports.fields import moment

#: Of these there is one at an instant; of other kinds there may be many, and only what is alike is the same.
_ONE_AT_A_TIME = Bar | Funding | OpenInterest | SymbolRules


class Batched(Protocol):
    """A source that gives its facts instant by instant."""

    def batches(self) -> Iterator[Batch]:
        """Gives the facts as batches of one instant each, in the order of time."""
        ...

    def manifest(self) -> dict[str, Any]:
        """Names the facts."""
        ...


class Several:
    """A source made of others, each at a path; of an instant the facts stand by kind, venue, symbol, and source."""

    def __init__(self, sources: Sequence[tuple[str, Batched]]) -> None:
        """Reads nothing yet."""
        self._sources = sources

    def facts(self) -> Iterator[Entry]:
        """Gives the facts; raises DirtyInput where two markets say different things about one candle."""
        streams = [_numbered(i, source) for i, (_, source) in enumerate(self._sources)]
        for _, group in groupby(heapq.merge(*streams, key=itemgetter(0, 1)), key=itemgetter(0)):
            found = [(i, entry) for _, i, entries in group for entry in entries]
            if found[0][0] != found[-1][0]:
                found = sorted(self._once(found), key=lambda one: place(one[1]))
            yield from (entry for _, entry in found)

    def manifest(self) -> dict[str, Any]:
        """Names the files of all, each with the path of its market."""
        files = []
        for path, source in self._sources:
            for one in source.manifest()["files"]:
                name = path if one["path"] == path else f"{path}/{one['path']}"
                files.append({**one, "path": name})
        return {"files": files}

    def _once(self, found: list[tuple[int, Entry]]) -> Iterator[tuple[int, Entry]]:
        seen: dict[Any, tuple[int, Record]] = {}
        for i, entry in found:
            record = entry.record
            if not isinstance(record, Fact):
                yield i, entry
                continue
            of = _identity(record)
            before = seen.setdefault(of, (i, record))
            if before[0] == i:
                yield i, entry
            elif before[1] != record:
                self._refuse(*before, i, record)

    def _refuse(self, i: int, one: Record, j: int, other: Record) -> None:
        assert isinstance(one, Fact)
        field, first, second = first_difference(one, other)
        kind, paths = one.kind.replace("_", " "), f"{self._sources[i][0]} and {self._sources[j][0]}"
        raise DirtyInput(
            f"{paths} hold the same {kind} of {one.symbol} at {moment(one.at)} with another {field} ({first} and "
            f"{second}): take one of them out"
        )


def _numbered(i: int, source: Batched) -> Iterator[tuple[int, int, list[Entry]]]:
    return ((at, i, entries) for at, entries in source.batches())


def _identity(fact: Fact) -> Any:
    """Gives what is the same of two facts that must be alike; the fact itself where that may be chance."""
    if isinstance(fact, Bar):
        return fact.kind, fact.venue, fact.symbol, fact.step_s, fact.open_at
    return (fact.kind, fact.venue, fact.symbol) if isinstance(fact, _ONE_AT_A_TIME) else fact
