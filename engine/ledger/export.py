"""Export: a ledger as JSONL, decisions alone or with the facts they were made from."""

from collections.abc import Collection, Iterable, Iterator
from heapq import merge
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.ledger.ledger import Ledger
from engine.records.wire import COMPARED, kind_of_line


class _Instant(msgspec.Struct):
    at: int


_instant = msgspec.json.Decoder(_Instant)


def export(
    path: str | Path, out: BinaryIO, *, kinds: Collection[str] | None = None, since: int | None = None,
    until: int | None = None, symbol: str | None = None, facts: Iterable[bytes] | None = None,
) -> int:  # fmt: skip
    """Writes a ledger's lines to `out` in their order and gives how many; by default the kinds that are compared.

    [since, until) is in record time. `facts` (of the recording, in their order) are woven in by time, each before the
    decisions of its instant.
    """
    wanted = COMPARED if kinds is None else kinds
    with Ledger.read(path) as ledger:
        decisions = (line for _, line in ledger.lines(kinds=wanted, since=since, until=until, symbol=symbol))
        count = 0
        for line in decisions if facts is None else _woven(decisions, facts):
            out.write(line + b"\n")
            count += 1
    return count


def _woven(decisions: Iterator[bytes], facts: Iterable[bytes]) -> Iterator[bytes]:
    # The ledger holds the tick that closed each cycle; one from the recording would close it twice.
    outside = (line for line in facts if kind_of_line(line) != "tick")
    keyed = merge(((_at(line), 0, line) for line in outside), _rising(decisions), key=lambda item: item[:2])
    return (line for _, _, line in keyed)


def _rising(decisions: Iterator[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Gives decisions with the latest time so far, since a late fact's decision must not overtake the one before it."""
    latest = 0
    for line in decisions:
        latest = max(latest, _at(line))
        yield latest, 1, line


def _at(line: bytes) -> int:
    return int(_instant.decode(line).at)
