"""Reading rows back: by kind, time and symbol, in the order they were written, with flat memory."""

from array import array
from collections.abc import Collection, Iterator
from typing import Any

from engine.ledger.chain import Head
from engine.ledger.db import Database
from engine.ledger.views import AT, KIND, SYMBOL

_BATCH = 512


def head(db: Database, genesis: str) -> Head:
    """Gives the last row, or the genesis with seq 0."""
    row = db.row("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1")
    return Head(*row) if row is not None else Head(0, genesis)


def last_tick(db: Database) -> tuple[int, int] | None:
    """Gives (seq, at) of the last tick: what stands after it belongs to a cycle that was not closed."""
    row = db.row(f"SELECT seq, {AT} FROM records WHERE {KIND}='tick' ORDER BY {AT} DESC, seq DESC LIMIT 1")
    return (int(row[0]), int(row[1])) if row is not None else None


def lines(
    db: Database, *, kinds: Collection[str] | None = None, since: int | None = None, until: int | None = None,
    symbol: str | None = None, after_seq: int = 0,
) -> Iterator[tuple[int, bytes]]:  # fmt: skip
    """Gives (seq, line) in the order of writing, up to the row that is last now.

    `since` is inclusive and `until` exclusive, both in record time (epoch ms). A filter costs eight bytes of memory a
    matching row; no statement stays open between rows, so that a slow reader does not hold the WAL back.
    """
    if kinds is None and since is None and until is None and symbol is None:
        return _walk(db, after_seq)
    return _fetch(db, _matching(db, kinds, since, until, symbol, after_seq))


def _walk(db: Database, after_seq: int) -> Iterator[tuple[int, bytes]]:
    last = int(db.row("SELECT coalesce(max(seq), 0) FROM records")[0])
    while after_seq < last:
        batch = db.rows(
            "SELECT seq, CAST(line AS BLOB) FROM records WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (after_seq, last, _BATCH),
        )
        if not batch:
            return
        yield from batch
        after_seq = batch[-1][0]


def _matching(
    db: Database, kinds: Collection[str] | None, since: int | None, until: int | None, symbol: str | None,
    after_seq: int,
) -> "array[int]":  # fmt: skip
    # One seek for each kind; none of the other columns leads an index, and none needs to.
    found: array[int] = array("q")
    for kind in sorted(kinds) if kinds is not None else _kinds_present(db):
        clauses, values = [f"{KIND} = ?", "seq > ?"], [kind, after_seq]
        for clause, value in ((f"{AT} >= ?", since), (f"{AT} < ?", until), (f"{SYMBOL} = ?", symbol)):
            if value is not None:
                clauses.append(clause)
                values.append(value)
        statement = f"SELECT seq FROM records INDEXED BY records_by_kind WHERE {' AND '.join(clauses)}"
        found.extend(db.integers(statement, values))
    return array("q", sorted(found))


def _kinds_present(db: Database) -> list[str]:
    """Gives each kind that the ledger holds, by jumping from one to the next in the index."""
    present: list[str] = []
    kind: Any = ""
    while True:
        kind = db.row(f"SELECT min({KIND}) FROM records INDEXED BY records_by_kind WHERE {KIND} > ?", (kind,))[0]
        if kind is None:
            return present
        present.append(kind)


def _fetch(db: Database, wanted: "array[int]") -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        marks = ",".join("?" * len(batch))
        yield from db.rows(f"SELECT seq, CAST(line AS BLOB) FROM records WHERE seq IN ({marks}) ORDER BY seq", batch)
