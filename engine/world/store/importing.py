"""Importing: recorded files become series of a store; only what is new is written, and nothing is ever filled in."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.errors import BadRecord, ConfigError, DirtyInput, UsageError
from engine.records.base import Record
from engine.records.market import (
    LONGEST_STEP_S,
    Bar,
    Funding,
    OpenInterest,
    SymbolRules,
    amount,
    check_price,
    check_rules,
    check_symbol,
    signed,
)
from engine.records.wire import decode, encode
from engine.world.imports.candle_index import on_grid
from engine.world.imports.fields import EARLIEST_MS, LATEST_MS, moment
from engine.world.imports.formats import format_of
from engine.world.imports.lines import numbered_lines
from engine.world.imports.notes import Notes
from engine.world.imports.unpack import head, pieces
from engine.world.recording import is_recording
from engine.world.sources.recorded import STDIN, Recorded
from engine.world.store.files import PART, RULES, SUFFIX, path_of, read_rules, write_rules, write_table
from engine.world.store.lock import locked
from engine.world.store.numbers import Flags, Unstorable
from engine.world.store.store import Store, is_store
from engine.world.store.tables import LAYOUTS, Series, Table, aligned, appended, insane, table_of

#: So many records wait as objects; then they become columns.
_WAITING = 100_000
_QUIET_NAMES = ("readme", "license", "licence", "copying", "notice")


@dataclass
class Imported:
    """What an import did, in facts: read, new, there already (`equal`), replaced; series written; kinds left out.

    `jumps` counts the bars of the written series whose price does not follow from the bar before.
    """

    read: int = 0
    new: int = 0
    equal: int = 0
    replaced: int = 0
    written: int = 0
    jumps: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def import_files(
    store: Store, paths: Sequence[str], notes: Notes, *, venue: str | None = None, symbols: tuple[str, ...] = (),
    replace: bool = False, told: Callable[[str], None] = lambda name: None,
) -> Imported:  # fmt: skip
    """Imports files and folders, one file after another; a file is taken whole or not at all.

    Bars that are there already, alike, are merged; a differing one is a DirtyInput that names both values, unless
    `replace` takes the new one. `notes` count bad lines; `told` is told of each file. Raises LedgerError while another
    import runs.
    """
    done = Imported()
    with locked(store.root):
        for part in store.root.rglob(f"*{SUFFIX}{PART}"):
            part.unlink()  # an import that was killed left it; its series is as it was before
        for path in paths:
            for name in _files(path, notes):
                told(name)
                _File(store, name, notes, replace, done).take(Recorded(name, venue, symbols))
    return done


def _files(path: str, notes: Notes) -> Iterator[str]:
    root = Path(path)
    if path == STDIN or not root.is_dir() or is_recording(root):
        yield path
        return
    if is_store(root):
        raise UsageError(f"{root}: is a store already; import the files it was made of")
    count = 0
    for one in sorted(one for one in root.rglob("*") if one.is_file() and not one.name.startswith(".")):
        if format_of(one.name, head(one)) is not None:
            count += 1
            yield str(one)
        elif one.stem.lower() not in _QUIET_NAMES:
            notes.skip_file(str(one), "no market data")
    if not count:
        raise ConfigError(f"no market data in the folder {root}: it needs records (.jsonl) or candles (.csv)")


class _File:
    """The import of one file: gathered as tables, held against the store, and only then written."""

    def __init__(self, store: Store, name: str, notes: Notes, replace: bool, done: Imported) -> None:
        self._store, self._name, self._notes, self._replace, self._done = store, name, notes, replace, done
        self._waiting: dict[Series, list[Record]] = {}
        self._count = 0
        self._tables: dict[Series, Table] = {}
        self._rules: dict[str, dict[tuple[int, str], bytes]] = {}
        self._bad: dict[bytes, str] = {}

    def take(self, source: Recorded) -> None:
        """Reads the file and writes what is new; raises DirtyInput, and then has written nothing."""
        source.notes = self._notes
        for record, line in source.facts():
            if record is not None:
                self._gather(record, line)
        self._settle()
        self._tell_bad()
        tables = [self._sorted(table) for table in self._tables.values()]
        merged = [(table, self._merged(table)) for table in tables]
        rules = {venue: self._merged_rules(venue, found) for venue, found in self._rules.items()}
        for _, result in merged:
            if result is not None:
                header = write_table(self._store.root, result)
                self._done.written += 1
                self._done.jumps += header.jumps or 0
        for venue, lines in rules.items():
            if lines is not None:
                write_rules(self._store.root, venue, [at for at, _ in lines], list(lines.values()))
                self._done.written += 1

    def _gather(self, record: Record, line: bytes | None) -> None:
        if not isinstance(record, Bar | OpenInterest | Funding | SymbolRules):
            self._done.left_out[record.kind] += 1
            return
        if line is not None or isinstance(record, SymbolRules):
            # Lines of the wire are handed on unseen; what other formats gave was looked at when it was read.
            try:
                _check(record)
            except BadRecord as error:
                self._bad[line if line is not None else encode(record)] = str(error)
                return
        self._done.read += 1
        if isinstance(record, SymbolRules):
            self._rule(record)
            return
        of = Series(record.venue, record.kind, record.symbol, record.step_s if isinstance(record, Bar) else 0)
        waiting = self._waiting.get(of)
        if waiting is None:
            waiting = self._waiting[of] = []
            self._named(of)
        waiting.append(record)
        self._count += 1
        if self._count >= _WAITING:
            self._settle()

    def _named(self, of: Series) -> None:
        try:
            check_symbol(of.venue)
            check_symbol(of.symbol)
        except BadRecord as error:
            raise DirtyInput(f"{self._name}: {error}") from None
        if of.step_s > LONGEST_STEP_S:
            raise DirtyInput(f"{self._name}: {of}: no candle is longer than a month")

    def _rule(self, rules: SymbolRules) -> None:
        of = (rules.at, rules.symbol)
        line = encode(rules)
        if self._rules.setdefault(rules.venue, {}).setdefault(of, line) != line:
            raise DirtyInput(f"{self._name}: two differing rules of {rules.symbol} at {moment(rules.at)}")

    def _settle(self) -> None:
        """Makes columns of the records that wait."""
        for of, records in self._waiting.items():
            if not records:
                continue
            try:
                table = table_of(of, records)
                self._tables[of] = appended(self._tables[of], table) if of in self._tables else table
            except Unstorable as error:
                raise self._unstorable(of, records, error) from None
            records.clear()
        self._count = 0

    def _unstorable(self, of: Series, records: list[Record], error: Unstorable) -> DirtyInput:
        row = min(error.row, len(records) - 1)
        return self._error(of, int(getattr(records[row], LAYOUTS[of.kind].key)), str(error))

    def _error(self, of: Series, key: int, reason: str) -> DirtyInput:
        number = _line_of(self._name, of.symbol, key)
        where = self._name if number is None else f"{self._name}:{number}"
        return DirtyInput(f"{where}: {of} at {moment(key)}: {reason}")

    def _sorted(self, table: Table) -> Table:
        """Gives a table in order, each row once; raises DirtyInput for one that cannot be, or differs from its twin."""
        of, key = table.of, table.key
        for wrong, reason in self._wrongs(table):
            if wrong.any():
                raise self._error(of, int(key[np.flatnonzero(wrong)[0]]), reason)
        if (np.diff(key) > 0).all():
            return table
        table = table.pick(np.argsort(key, kind="stable"))
        twin = np.diff(table.key) == 0
        if twin.any():
            first, second = table.pick(np.append(twin, False)), table.pick(np.append(False, twin))
            self._refuse_difference(first, second, "is both {} and {}")
            self._notes.repeated += int(twin.sum())
            table = table.pick(np.append(True, ~twin))
        return table

    def _wrongs(self, table: Table) -> Iterator[tuple[Flags, str]]:
        key, step_ms = table.key, 1000 * table.of.step_s
        yield (key < EARLIEST_MS) | (key >= LATEST_MS), "not a time in epoch milliseconds"
        if step_ms:
            yield ~on_grid(key, step_ms), f"a bar of {table.of.step_s} s does not open there"
            yield table.at < key + step_ms, "known before it closed"
            yield insane(table), "open, high, low, close and volume do not fit together"

    def _merged(self, new: Table) -> Table | None:
        """Gives the series with the new rows, None where there is nothing new; raises DirtyInput for a difference."""
        file = self._store.opened(new.of)
        if file is None:
            self._done.new += len(new)
            return new
        try:
            old, new = aligned(file.table(), new)
        except Unstorable as error:
            raise DirtyInput(f"{self._name}: {new.of}: {error}") from None
        found = np.searchsorted(old.key, new.key)
        there = old.key[np.minimum(found, len(old) - 1)] == new.key
        before, again = old.pick(found[there]), new.pick(there)
        differs = np.logical_or.reduce(list(before.differing(again).values()))
        if not self._replace:
            self._refuse_difference(before, again, "is {} in the store and {} here; --replace takes the new")
        self._done.equal += int((~differs).sum())
        self._done.replaced += int(differs.sum())
        self._done.new += int((~there).sum())
        if there.all() and not differs.any():
            return None
        kept = np.ones(len(old), np.bool_)
        kept[found[there][differs]] = False
        fresh = ~there
        fresh[there] = differs
        both = appended(old.pick(kept), new.pick(fresh))
        return both.pick(np.argsort(both.key, kind="stable"))

    def _refuse_difference(self, old: Table, new: Table, says: str) -> None:
        """Raises DirtyInput for the first value that differs; `says` is how to tell it, with both values."""
        for name, differs in old.differing(new).items():
            if differs.any():
                row = int(np.flatnonzero(differs)[0])
                values = [getattr(one.pick(slice(row, row + 1)).records()[0], name) for one in (old, new)]
                raise self._error(old.of, int(old.key[row]), f"{name} {says.format(*values)}")

    def _merged_rules(self, venue: str, new: dict[tuple[int, str], bytes]) -> dict[tuple[int, str], bytes] | None:
        path = path_of(self._store.root, Series(venue, RULES, ""))
        old: dict[tuple[int, str], bytes] = {}
        if path.exists():
            for line in read_rules(path):
                rules = decode(line)
                assert isinstance(rules, SymbolRules)
                old[rules.at, rules.symbol] = line
        fresh = {of: line for of, line in new.items() if of not in old}
        changed = {of: line for of, line in new.items() if of in old and old[of] != line}
        if changed and not self._replace:
            at, symbol = min(changed)
            raise DirtyInput(
                f"{self._name}: the rules of {symbol} at {moment(at)} differ from those in the store; "
                f"{changed[at, symbol].decode()} would replace {old[at, symbol].decode()} with --replace"
            )
        self._done.equal += len(new) - len(fresh) - len(changed)
        self._done.new += len(fresh)
        self._done.replaced += len(changed)
        return dict(sorted((old | new).items())) if fresh or changed else None

    def _tell_bad(self) -> None:
        """Tells of lines that are no facts, with their numbers."""
        numbers = _numbers_of(self._name, self._bad) if self._bad else {}
        for line, reason in self._bad.items():
            self._notes.bad(self._name, numbers.get(line, 0), reason, line)


def _check(record: Record) -> None:
    if isinstance(record, Bar):
        check_price(record)
    elif isinstance(record, OpenInterest):
        amount(record.open_interest)
        amount(record.open_interest_value or "0")
    elif isinstance(record, Funding):
        signed(record.rate)
        amount(record.mark_price or "0")
    elif isinstance(record, SymbolRules):
        check_rules(record)


def _line_of(name: str, symbol: str, key: int) -> int | None:
    """Gives the number of the first line that names a symbol and a time; None where there is no such line."""
    if not Path(name).is_file():
        return None
    marks = (symbol.encode(), str(key).encode())
    lines = numbered_lines(pieces(Path(name)))
    return next((number for number, line in lines if line is not None and all(mark in line for mark in marks)), None)


def _numbers_of(name: str, wanted: dict[bytes, str]) -> dict[bytes, int]:
    if not Path(name).is_file():
        return {}
    return {line: number for number, line in numbered_lines(pieces(Path(name))) if line in wanted}
