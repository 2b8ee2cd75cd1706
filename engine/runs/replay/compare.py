"""What was written against what is thought now: cycle by cycle, byte by byte, down to the first field that differs."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

import msgspec

from engine.records.desk import Operator
from engine.records.wire import COMPARED, KINDS, at_of, decode

#: The stages in their order; each owns what it says.
STAGES = ("scan", "rank", "signal", "precheck", "order")


class Row(NamedTuple):
    """A written line: its row in the ledger or its line in a file, and its kind."""

    number: int
    kind: str
    line: bytes


class Group(NamedTuple):
    """What was written of one cycle, up to its tick at `at`; None where the cycle was not closed."""

    at: int | None
    rows: list[Row]
    operators: list[Operator]


def groups(rows: Iterable[Row]) -> Iterator[Group]:
    """Gives written rows cycle by cycle."""
    gathered: list[Row] = []
    operators: list[Operator] = []
    for row in rows:
        if row.kind == "operator":
            record = decode(row.line)
            if isinstance(record, Operator):
                operators.append(record)
            continue
        gathered.append(row)
        if row.kind == "tick":
            yield Group(at_of(row.line), gathered, operators)
            gathered, operators = [], []
    if gathered:
        yield Group(None, gathered, operators)


class Wanted(NamedTuple):
    """Which decisions are compared: those of some stages or kinds, symbols, and times [since, until) in ms."""

    stages: frozenset[str] = frozenset(STAGES)
    kinds: frozenset[str] = COMPARED
    symbols: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None

    def wants(self, kind: str, line: bytes) -> bool:
        """Says whether a line is compared."""
        if kind not in self.kinds or stage_of(kind, line) not in self.stages:
            return False
        if self.symbols and _symbol(line) not in self.symbols:
            return False
        if self.since is None and self.until is None:
            return True
        at = at_of(line)
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


def stage_of(kind: str, line: bytes) -> str:
    """Gives the stage that made a decision; a refusal names its own."""
    return _refused.decode(line).stage if kind == "refusal" else KINDS[kind].OWNER


class _Refused(msgspec.Struct):
    stage: str


class _Named(msgspec.Struct):
    symbol: str = ""


_refused = msgspec.json.Decoder(_Refused)
_named = msgspec.json.Decoder(_Named)


def _symbol(line: bytes) -> str:
    return _named.decode(line).symbol


class Difference(NamedTuple):
    """The first record that differs. `field` is the path of the first field in it, with its two values.

    A record that is only written is `missing` now, one that is only thought was `added`; `moved` ones stand elsewhere
    in their cycle. `number` is the row or line of the written one, or of the one that stands in its place.
    """

    what: Literal["changed", "missing", "added", "moved"]
    number: int | None
    kind: str
    at: int
    symbol: str
    field: str = ""
    stored: Any = None
    now: Any = None
    stored_line: str = ""
    now_line: str = ""


class Tally(msgspec.Struct):
    """How many records of a kind are the same, changed, missing now, or added."""

    same: int = 0
    changed: int = 0
    missing: int = 0
    added: int = 0


class Comparison:
    """Holds cycles as they were written against cycles as they are thought now, and keeps the first difference."""

    def __init__(self, wanted: Wanted) -> None:
        """Looks at the wanted decisions only."""
        self._wanted = wanted
        self._everything = wanted == Wanted()
        self.tallies: dict[str, Tally] = {}
        self.first: Difference | None = None

    @property
    def compared(self) -> int:
        """How many written records were held against something."""
        return sum(tally.same + tally.changed + tally.missing for tally in self.tallies.values())

    def cycle(self, stored: Sequence[Row], now: Sequence[tuple[str, bytes]]) -> None:
        """Compares a cycle as a whole."""
        rows, thought = self._chosen(stored, now)
        self._compare(rows, thought)

    def open_cycle(self, stored: Sequence[Row], now: Sequence[tuple[str, bytes]]) -> None:
        """Compares a cycle that was cut: what was thought beyond the cut says nothing."""
        rows, thought = self._chosen(stored, now)
        self._compare(rows, thought[: len(rows)])

    def holds(self, stored: Sequence[Row], now: Sequence[tuple[str, bytes]]) -> bool:
        """Says whether what is thought begins with what was written."""
        rows, thought = self._chosen(stored, now)
        return [row.line for row in rows] == [line for _, line in thought[: len(rows)]]

    def _chosen(
        self, stored: Sequence[Row], now: Sequence[tuple[str, bytes]]
    ) -> tuple[Sequence[Row], Sequence[tuple[str, bytes]]]:
        if self._everything:
            return stored, now
        wants = self._wanted.wants
        return [row for row in stored if wants(row.kind, row.line)], [one for one in now if wants(*one)]

    def _compare(self, stored: Sequence[Row], now: Sequence[tuple[str, bytes]]) -> None:
        if len(stored) == len(now) and all(row.line == one[1] for row, one in zip(stored, now, strict=True)):
            for row in stored:
                self._tally(row.kind).same += 1
            return
        before, after = _keyed(stored, lambda row: row[1:]), _keyed(now, lambda one: one)
        if self.first is None:
            self.first = _first(before, after)
        for key, row in before.items():
            partner = after.get(key)
            tally = self._tally(row.kind)
            if partner is None:
                tally.missing += 1
            elif partner[1] == row.line:
                tally.same += 1
            else:
                tally.changed += 1
        for key, (kind, _) in after.items():
            if key not in before:
                self._tally(kind).added += 1

    def _tally(self, kind: str) -> Tally:
        tally = self.tallies.get(kind)
        if tally is None:
            tally = self.tallies[kind] = Tally()
        return tally


Key = tuple[str, str, str, int]


def _keyed(items: Sequence[Any], split: Callable[[Any], tuple[str, bytes]]) -> dict[Key, Any]:
    """Gives what a cycle says by what it is about: its kind, symbol and stage or reason, and the how manieth of such.

    Not by quantities, prices or ids, which may be what differs.
    """
    found: dict[Key, Any] = {}
    seen: dict[tuple[str, str, str], int] = {}
    for item in items:
        kind, line = split(item)
        value = msgspec.json.decode(line)
        about = str(value.get("stage") or value.get("scope") or value.get("purpose") or "")
        base = kind, str(value.get("symbol", "")), about
        count = seen[base] = seen.get(base, -1) + 1
        found[*base, count] = item
    return found


def _first(before: Mapping[Key, Row], after: Mapping[Key, tuple[str, bytes]]) -> Difference:
    for (key, row), (other, one) in _pairs(before, after):
        if row is not None and one is not None and row.line == one[1]:
            continue
        if row is not None and key not in after:
            return _about("missing", row.number, row.line, b"")
        if one is not None and other not in before:
            return _about("added", row.number if row is not None else None, b"", one[1])
        assert row is not None  # both sides hold the same keys from here on
        partner = after[key][1]
        return _about("changed" if partner != row.line else "moved", row.number, row.line, partner)
    raise AssertionError("two cycles that differ hold a first difference")


def _pairs(before: Mapping[Key, Row], after: Mapping[Key, tuple[str, bytes]]) -> Iterator[Any]:
    return zip_longest(before.items(), after.items(), fillvalue=(None, None))


def _about(what: Any, number: int | None, stored: bytes, now: bytes) -> Difference:
    value = msgspec.json.decode(stored or now)
    field, was, is_ = ("", None, None)
    if what == "changed":
        field, was, is_ = first_field(value, msgspec.json.decode(now))
    return Difference(
        what, number, str(value.get("kind")), int(value.get("at", 0)), str(value.get("symbol", "")), field, was, is_,
        stored.decode("utf-8", "replace"), now.decode("utf-8", "replace"),
    )  # fmt: skip


def first_field(stored: Any, now: Any, path: str = "", skip: Collection[str] = ()) -> tuple[str, Any, Any]:
    """Gives the path of the first field that differs with its two values, None for one that is not there.

    Where every field is the same only the way of writing differs: the path is then empty.
    """
    if isinstance(stored, dict) and isinstance(now, dict):
        for name in [*stored, *(name for name in now if name not in stored)]:
            if name not in skip and (name not in stored or name not in now or stored[name] != now[name]):
                deeper = f"{path}.{name}" if path else name
                return first_field(stored.get(name), now.get(name), deeper)
    if isinstance(stored, list) and isinstance(now, list):
        for i, (one, other) in enumerate(zip_longest(stored, now)):
            if one != other:
                return first_field(one, other, f"{path}[{i}]")
    return path, stored, now
