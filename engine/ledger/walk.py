"""The walk along the chain: names the first row that is not what was written, and says what happened to it."""

from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from typing import Literal, NamedTuple

from engine.ledger.chain import Head, link
from engine.ledger.db import Database
from engine.records.wire import OPENING

_BATCH = 1000
#: How many removed rows, at most, are recognised when the rows after them were numbered anew.
_MAX_SHIFT = 100

What = Literal[
    "altered", "removed", "inserted", "reordered", "cut", "stamp", "schema", "pages", "sealed", "checkpoint",
    "position", "reservation", "unreadable",
]  # fmt: skip


class Problem(NamedTuple):
    """One thing that is wrong: what kind of thing, at which row where there is one, and a sentence for people."""

    what: What
    seq: int | None
    text: str


class Row(NamedTuple):
    """A row as it stands in the file."""

    seq: int
    line: bytes
    hash: str


class Walked(NamedTuple):
    """How far the chain holds, and what is wrong with it: at most the first broken row and the known head."""

    rows: int
    head: Head
    problems: list[Problem]


def walk(db: Database, genesis: str, known: str | None, visits: Mapping[str, Callable[[Row], None]]) -> Walked:
    """Follows the chain to its end or its first broken row, and looks for a head.

    `visits` gives, by kind, who is shown the good rows of it.
    """
    seq, last, known_seq = 0, genesis.encode(), None
    wanted = known.rpartition(":")[2].encode() if known is not None else None
    if wanted == last:
        known_seq = 0
    shown = {kind.encode(): visit for kind, visit in visits.items()}
    for batch in _batches(db, -(2**63)):
        # A ledger has more rows than its market has facts: this loop does what `link` does, and nothing else.
        for found, line, hash_ in batch:
            if found != seq + 1 or sha256(b"%b %d " % (last, found) + line).hexdigest().encode() != hash_:
                before = Head(seq, last.decode("latin-1"))
                return Walked(seq, before, [_name(db, before, _row(found, line, hash_))])
            seq, last = found, hash_
            if last == wanted:
                known_seq = seq
            visit = shown.get(line[len(OPENING) : line.find(b'"', len(OPENING))])
            if visit is not None:
                visit(_row(found, line, hash_))
    head = Head(seq, last.decode("latin-1"))
    return Walked(seq, head, _compare(head, known, known_seq))


def _batches(db: Database, after: int) -> Iterator[list[tuple[int, bytes, bytes]]]:
    while True:
        batch = db.rows(
            "SELECT seq, coalesce(CAST(line AS BLOB), x''), coalesce(CAST(hash AS BLOB), x'') FROM records "
            "WHERE seq > ? ORDER BY seq LIMIT ?",
            (after, _BATCH),
        )
        if not batch:
            return
        yield batch
        after = batch[-1][0]


def _rows(db: Database, after: int) -> Iterator[Row]:
    for batch in _batches(db, after):
        for seq, line, hash_ in batch:
            yield _row(seq, line, hash_)


def _row(seq: int, line: bytes, hash_: bytes) -> Row:
    return Row(seq, line, hash_.decode("latin-1"))


def _compare(head: Head, known: str | None, known_seq: int | None) -> list[Problem]:
    if known is None:
        return []
    number, _, hash_ = known.rpartition(":")
    if known_seq is not None and (not number or number == str(known_seq)):
        return []
    if number.isdigit() and int(number) <= head.seq:
        return [
            Problem("altered", int(number), f"row {number} does not end in {hash_[:12]}: the chain was written anew")
        ]
    end = f"the known head {number or hash_[:12]} is not there; the ledger ends at row {head.seq}"
    return [Problem("cut", head.seq, f"{end}: its tail was cut or lost")]


def _name(db: Database, before: Head, row: Row) -> Problem:
    """Says, as well as can be told, what happened at the first row that does not fit."""
    due = before.seq + 1
    if row.seq < due:
        return Problem("inserted", row.seq, f"row {row.seq} stands before the first row")
    if row.seq > due:
        gone = f"row {due}" if row.seq == due + 1 else f"rows {due} to {row.seq - 1}"
        return Problem("removed", due, f"{gone} removed")
    elsewhere = _find(db, before, row)
    if elsewhere is not None:
        return _moved(db, before, row, elsewhere)
    after = next(_rows(db, row.seq), None)
    if after is not None and _is_shifted(row, after):
        return Problem("removed", due, f"row {due} removed, and the rows after it numbered anew")
    return Problem("altered", due, f"row {due} altered")


def _find(db: Database, before: Head, row: Row) -> Row | None:
    """Gives the row further on that belongs here, by its own hash or by the hash that stands here."""
    due = before.seq + 1
    for other in _rows(db, row.seq):
        if link(before.hash, due, other.line) in (other.hash, row.hash):
            return other
    return None


def _moved(db: Database, before: Head, row: Row, other: Row) -> Problem:
    due = before.seq + 1
    follows = link(other.hash, due + 1, row.line) == row.hash
    if other.seq == due + 1 and not follows and link(before.hash, due, other.line) == other.hash:
        return Problem("inserted", due, f"row {due} inserted; the row that belongs there stands at {other.seq}")
    return Problem("reordered", due, f"row {due} reordered; the row that belongs there stands at {other.seq}")


def _is_shifted(row: Row, after: Row) -> bool:
    return any(link(row.hash, after.seq + shift, after.line) == after.hash for shift in range(1, _MAX_SHIFT + 1))
