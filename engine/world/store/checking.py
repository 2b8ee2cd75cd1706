"""Checking a store: whether files are what was written, whether rows can be a market, where bars lack or jump."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.errors import BadRecord, DirtyInput, LedgerError
from engine.records.market import SymbolRules, check_rules
from engine.records.wire import decode
from engine.world.imports.fields import moment
from engine.world.store.files import RULES, Header, SeriesFile, header_of, path_of, read_rules
from engine.world.store.store import Store
from engine.world.store.tables import Series, Table, insane, jumps_of
from engine.world.unbroken import said


class Finding(NamedTuple):
    """A gap, a jump, or damage, in one series. A gap is of the bars that should open from `from_at` up to, not
    including, `until_at` (ms); a jump is to the bar of `from_at`. `of` is None where a file does not say what it holds.
    """

    of: Series | None
    found: str
    from_at: int | None
    until_at: int | None
    missing: int | None
    reason: str


def check(store: Store) -> Iterator[Finding]:
    """Gives what is wrong, file by file, and the gaps between bars; raises ConfigError for a newer version."""
    for path in store.files():
        try:
            header = header_of(path)
            yield from _rules(path, header) if header.kind == RULES else _rows(store, path)
        except (DirtyInput, LedgerError) as error:
            yield _damage(None, str(error))


def _damage(of: Series | None, reason: str) -> Finding:
    return Finding(of, "damage", None, None, None, reason)


def _rules(path: Path, header: Header) -> Iterator[Finding]:
    for line in read_rules(path):
        try:
            rules = decode(line)
            if isinstance(rules, SymbolRules):
                check_rules(rules)
        except BadRecord as error:
            yield _damage(header.of, f"{path}: {error}")


def _rows(store: Store, path: Path) -> Iterator[Finding]:
    file = SeriesFile(path)
    of = file.header.of
    if file.sha256() != file.header.sha256:
        yield _damage(of, f"{path}: its data are not what was written; delete it and import them again")
        return
    reason = _why_damaged(file, path_of(store.root, of))
    if reason is not None:
        yield _damage(of, f"{path}: {reason}; delete it and import its data again")
    elif of.step_s:
        yield from gaps(file)
        yield from jumps(file)


def _why_damaged(file: SeriesFile, place: Path) -> str | None:
    """Says what cannot be in a file that is as it was written; None where all can."""
    key, header, table = file.key(), file.header, file.table()
    if file.path != place:
        return f"holds {header.of}, which belongs at {place}"
    if (np.diff(key) <= 0).any():
        return "its rows are out of order"
    if (int(key[0]), int(key[-1])) != (header.first, header.last):
        return "its header names another first or last time"
    return _why_no_candles(table) if header.step_s else None


def _why_no_candles(table: Table) -> str | None:
    if (table.at < table.key + 1000 * table.of.step_s).any():
        return "a bar was known before it closed"
    if insane(table).any():
        return "a bar's open, high, low, close and volume do not fit together"
    return None


def gaps(file: SeriesFile) -> Iterator[Finding]:
    """Gives the gaps between a series' bars; before the first and after the last there is none."""
    key, step_ms = file.key(), 1000 * file.header.step_s
    for row in np.flatnonzero(np.diff(key) > step_ms).tolist():
        start, end = int(key[row]) + step_ms, int(key[row + 1])
        missing = -(-(end - start) // step_ms)
        yield Finding(file.header.of, "gap", start, end, missing, f"{missing} bars missing")


def jumps(file: SeriesFile) -> Iterator[Finding]:
    """Gives the bars whose price does not follow from the bar before, as after a redenomination."""
    key = file.key()
    for row in jumps_of(file.table()).tolist():
        pair = slice(row - 1, row + 1)
        closed, opened = file.numbers("close", pair).floats()[0], file.numbers("open", pair).floats()[1]
        reason = f"at {moment(int(key[row]))} its price is {said(closed, opened)} than at the close before"
        yield Finding(file.header.of, "jump", int(key[row]), None, None, reason)
