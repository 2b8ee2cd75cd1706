"""Growing: candles added to the end of a series while old ones are dropped from its start."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.errors import DirtyInput, LedgerError
from engine.records.market import Bar
from engine.world.store.files import SUFFIX, header_of, path_of, write_table
from engine.world.store.numbers import Unstorable
from engine.world.store.store import Store
from engine.world.store.tables import Series, appended, table_of


class Extent(NamedTuple):
    """What there is of a series: its candles, and when the first and the last one opened."""

    candles: int
    first: int
    last: int


def extent_of(store: Store, of: Series) -> Extent | None:
    """Gives what there is of a series; None where that is nothing, or damaged: it is then to be had anew."""
    try:
        file = store.opened(of)
    except DirtyInput:
        path_of(store.root, of).unlink(missing_ok=True)
        return None
    return Extent(file.header.count, file.header.first, file.header.last) if file is not None else None


def symbols_of(store: Store, venue: str, step_s: int) -> list[str]:
    """Gives the symbols whose bars are there, sorted; a damaged series is removed, to be had anew."""
    found: list[str] = []
    for path in path_of(store.root, Series(venue, "bar", "X", step_s)).parent.glob(f"*{SUFFIX}"):
        try:
            found.append(header_of(path).symbol)
        except DirtyInput:
            path.unlink(missing_ok=True)
    return sorted(found)


def grow(store: Store, of: Series, bars: Sequence[Bar], oldest_ms: int) -> Extent | None:
    """Adds candles that open after those of a series, in order, and drops what opened before `oldest_ms`.

    Gives what there is of it then; a series without a candle is removed. Raises DirtyInput for candles that cannot be
    stored, LedgerError where the disk takes nothing.
    """
    old = extent_of(store, of)
    file = store.opened(of) if old is not None else None
    if file is None and not bars:
        return None
    if not bars and old is not None and old.first >= oldest_ms:
        return old
    try:
        tables = ([file.table()] if file is not None else []) + ([table_of(of, bars)] if bars else [])
        table = tables[0] if len(tables) == 1 else appended(*tables)
    except Unstorable as error:
        raise DirtyInput(f"{of}: {error}") from None
    table = table.pick(slice(int(np.searchsorted(table.key, oldest_ms)), None))
    if len(table):
        write_table(store.root, table)
        return Extent(len(table), int(table.key[0]), int(table.key[-1]))
    try:
        path_of(store.root, of).unlink(missing_ok=True)
    except OSError as error:
        raise LedgerError(f"{store.root}: {of} cannot be removed ({error.strerror})") from None
    return None
