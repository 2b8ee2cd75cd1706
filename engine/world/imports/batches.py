"""Batches: the facts of one instant, by kind, venue and symbol; how streams are put in order and merged."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, Tick
from engine.records.wire import FACTS, KIND_RANK
from engine.world.imports.notes import Notes

Batch = tuple[int, list[Entry]]
Numbered = tuple[int, Entry]

#: What is no fact of the market stands behind the facts of its instant, before the tick that closes it.
_BETWEEN = KIND_RANK["tick"] - 0.5
#: An instant with more facts is handed on in parts, so that a stream whose time stands still fits in memory.
MAX_BATCH = 1 << 16


def place(entry: Entry) -> tuple[float, str, str]:
    """Gives an entry's place among those of its instant."""
    return place_of(entry.record) if entry.record is not None else (_BETWEEN, "", "")


def place_of(record: Record) -> tuple[float, str, str]:
    """Gives a record's place among those of its instant."""
    return KIND_RANK.get(record.kind, _BETWEEN), getattr(record, "venue", ""), getattr(record, "symbol", "")


def sorted_batches(records: Iterable[Record]) -> Iterator[Batch]:
    """Gives records that come in any order as batches in the order of time; holds all of them."""
    entries = sorted((Entry(record, None) for record in records), key=lambda entry: (_at(entry), place(entry)))
    for at, group in groupby(entries, key=_at):
        yield at, list(group)


def _at(entry: Entry) -> int:
    assert entry.record is not None
    return entry.record.at


def ordered_batches(stream: Iterable[Numbered], lateness_ms: int, name: str, notes: Notes) -> Iterator[Batch]:
    """Gives a stream that is in order, but for facts at most `lateness_ms` late, as batches in the order of time.

    An older fact is a bad line. What is no fact (decisions, trailers, kinds of newer versions) is never late: it stays
    with the instant it came in. A tick ends its batch at once where nothing may be late.
    """
    waiting: dict[int, list[Numbered]] = {}
    times: list[int] = []
    newest = 0
    for number, entry in stream:
        record = entry.record
        if record is None or record.kind not in FACTS:
            at = newest
        else:
            at = record.at
            if at < newest - lateness_ms:
                notes.bad(
                    name, number, f"time runs backwards by {newest - at} ms: {at} after {newest}", entry.line or b""
                )
                continue
        if at in waiting:
            waiting[at].append((number, entry))
        else:
            waiting[at] = [(number, entry)]
            heapq.heappush(times, at)
            newest = max(newest, at)
            while times[0] < newest - lateness_ms:
                yield _closed(heapq.heappop(times), waiting, name, notes)
        if lateness_ms == 0 and (isinstance(record, Tick) or len(waiting[at]) >= MAX_BATCH):
            yield _closed(heapq.heappop(times), waiting, name, notes)
    while times:
        yield _closed(heapq.heappop(times), waiting, name, notes)


def _closed(at: int, waiting: dict[int, list[Numbered]], name: str, notes: Notes) -> Batch:
    return at, distinct(waiting.pop(at), name, notes)


def distinct(found: list[Numbered], name: str, notes: Notes) -> list[Entry]:
    """Gives the entries of one instant in order, without the bars that were there already.

    Identical bars are counted, differing ones are bad lines. Numbers are those of lines, 0 where there is none.
    """
    if len(found) == 1:
        return [found[0][1]]
    found.sort(key=_place_of)
    entries = [entry for _, entry in found]
    if not any(map(_same_symbol, entries, entries[1:])):
        return entries
    kept: dict[tuple[str, str, int, int], Bar] = {}
    out = []
    for number, entry in found:
        bar = entry.record
        if isinstance(bar, Bar):
            first = kept.setdefault((bar.venue, bar.symbol, bar.step_s, bar.open_at), bar)
            if first is not bar:
                tell_repeated(first, bar, name, number, notes)
                continue
        out.append(entry)
    return out


def _place_of(one: Numbered) -> tuple[float, str, str]:
    return place(one[1])


def _same_symbol(one: Entry, other: Entry) -> bool:
    a, b = one.record, other.record
    return type(a) is Bar and type(b) is Bar and a.symbol == b.symbol and a.venue == b.venue


def tell_repeated(first: Bar, second: Bar, name: str, number: int, notes: Notes) -> None:
    """Counts a bar that was there already: a bad line where it differs from the first."""
    if first == second:
        notes.repeat()
    else:
        field, one, other = first_difference(first, second)
        reason = f"a second, differing bar of {first.symbol} at {first.open_at}: {field} is {one} and {other}"
        notes.bad(name, number, f"{reason}: the first is kept")


def first_difference(one: Record, other: Record) -> tuple[str, Any, Any]:
    """Gives the first field in which two records of a kind differ, with both values."""
    return next(
        (name, mine, yours) for name in one.__struct_fields__
        if (mine := getattr(one, name)) != (yours := getattr(other, name))
    )  # fmt: skip


def merged(streams: list[Iterator[Batch]], name: str, notes: Notes) -> Iterator[Batch]:
    """Gives the batches of several streams in the order of time; those of one instant become one."""
    heads = [(batch[0], i, batch[1]) for i, stream in enumerate(streams) if (batch := next(stream, None)) is not None]
    heapq.heapify(heads)
    while heads:
        at, i, entries = heads[0]
        _advance(heads, streams[i], i)
        # A stream may give one instant in parts, each closed by its own tick: those stay apart.
        if not heads or heads[0][0] != at or heads[0][1] == i:
            yield at, entries
            continue
        together = list(entries)
        used = {i}
        while heads and heads[0][0] == at and heads[0][1] not in used:
            _, i, entries = heads[0]
            used.add(i)
            _advance(heads, streams[i], i)
            together += entries
        yield at, distinct([(0, entry) for entry in together], name, notes)


def _advance(heads: list[tuple[int, int, list[Entry]]], stream: Iterator[Batch], i: int) -> None:
    batch = next(stream, None)
    if batch is None:
        heapq.heappop(heads)
    else:
        heapq.heapreplace(heads, (batch[0], i, batch[1]))
