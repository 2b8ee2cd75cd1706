"""The wire's own lines (`.jsonl`): each is handed on as it came, together with its record."""

from collections.abc import Iterable, Iterator

from engine.errors import BadRecord
from engine.plugs import Entry
from engine.records.wire import decode, kind_of_line
from engine.world.imports.batches import Batch, Numbered, ordered_batches
from engine.world.imports.origin import Origin, suffix_of

_INDEX = b'{"chunk":"'


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file holds records: its first line opens as one does, or its name says so.

    The index of a recording has the same ending and is none.
    """
    return kind_of_line(head) is not None or (suffix_of(name) == ".jsonl" and not head.startswith(_INDEX))


def read(origin: Origin) -> Iterator[Batch]:
    """Gives a file's records in the order of time."""
    return in_order(origin.lines(), origin)


def in_order(lines: Iterable[tuple[int, bytes]], origin: Origin) -> Iterator[Batch]:
    """Gives lines' records in the order of time, each with its line."""
    return ordered_batches(_entries(lines, origin), origin.lateness_ms, origin.name, origin.notes)


def _entries(lines: Iterable[tuple[int, bytes]], origin: Origin) -> Iterator[Numbered]:
    for number, line in lines:
        try:
            yield number, Entry(decode(line), line)
        except BadRecord as error:
            origin.bad(number, str(error), line)
