"""The walk along the chain: names the first row that is not what was written, and says what happened to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Literal, NamedTuple

from engine.errors import LedgerError
from engine.ledger.chain import Head, link
from engine.ledger.db import Database
from engine.records.wire import OPENING, kind_of_line

_BATCH = 1000
_ROWS = (
    "SELECT seq, coalesce(CAST(line AS BLOB), x''), coalesce(CAST(hash AS BLOB), x'') FROM records "
    "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
)
_JOINED = (
    "SELECT count(*), min(seq), max(seq), "
    "CAST(group_concat(seq || ' ' || line || x'0a' || hash, ' ') AS BLOB), "
    "CAST(group_concat(hash, x'0a') AS BLOB) FROM records WHERE seq > ? AND seq <= ?"
)
#: The numbers that SQLite's rows may have.
FIRST, LAST = -(2**63), 2**63 - 1
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

    @property
    def kind(self) -> str:
        """The kind that its line opens with."""
        return kind_of_line(self.line) or ""


_Raw = tuple[int, bytes, bytes]
#: By kind, who is shown its rows.
Visits = Mapping[str, Callable[[Row], None]]


class Walked(NamedTuple):
    """How far the chain holds, and what is wrong with it: at most the first broken row and the known head."""

    rows: int
    head: Head
    problems: list[Problem]


def walk(db: Database, start: Head, known: str | None, visits: Visits, upto: int = LAST) -> Walked:
    """Follows the chain from behind `start` to its end, the row `upto` or the first broken one, and looks for a head.

    `visits` gives, by kind, who is shown the good rows of it. Nothing may stand before the first row.
    """
    seq, last, known_seq = start.seq, start.hash.encode(), None
    wanted = known.rpartition(":")[2].encode() if known is not None else None
    if wanted == last:
        known_seq = seq
    openings = _openings(visits)
    while batch := _followed(db, seq, last, upto):
        # The line of a row stands behind the hash before it, its number, and two spaces.
        begin = len(last) + len(str(seq + 1)) + 2
        for i in [i for i, text in enumerate(batch.texts) if text.startswith(openings, begin)]:
            _show(visits, _row(seq + 1 + i, batch.texts[i][begin:], batch.hashes[i]))
        if wanted in batch.hashes:
            known_seq = seq + 1 + batch.hashes.index(wanted)
        seq, last = seq + len(batch.texts), batch.hashes[-1]
    for found, line, hash_ in _each(db, seq or FIRST, upto):
        if found != seq + 1 or link(last.decode("latin-1"), found, line).encode() != hash_:
            before = Head(seq, last.decode("latin-1"))
            return Walked(seq, before, [_name(db, before, _row(found, line, hash_))])
        if line.startswith(openings):
            _show(visits, _row(found, line, hash_))
        if hash_ == wanted:
            known_seq = found
        seq, last = found, hash_
    head = Head(seq, last.decode("latin-1"))
    return Walked(seq, head, _compare(head, known, known_seq))


def _openings(kinds: Iterable[str]) -> tuple[bytes, ...]:
    """Gives how lines of some kinds begin."""
    return tuple(b'%b%b"' % (OPENING, kind.encode()) for kind in kinds)


def _show(visits: Visits, row: Row) -> None:
    visits[row.kind](row)


class _Batch(NamedTuple):
    """Rows that follow each other: what each one's hash was made of, and the hashes."""

    texts: list[bytes]
    hashes: list[bytes]


def _followed(db: Database, seq: int, last: bytes, upto: int) -> _Batch | None:
    """Gives rows behind row `seq`, which ends in the hash `last`; None where one is not what was written, or none is.

    A ledger has more rows than its market has facts. SQLite joins many of them into one text, which falls apart at its
    ends of lines into what `link` hashes, since each row's hash stands before the next one's number.
    """
    # As far as the numbers have as many digits as the first.
    upto = min(upto, seq + _BATCH, 10 ** len(str(seq + 1)) - 1)
    try:
        count, first, final, text, stored = db.row(_JOINED, (seq or FIRST, upto))
    except LedgerError:  # too long to be joined: row by row is told what is wrong, if anything is
        return None
    if text is None or (first, final) != (seq + 1, seq + count):
        return None
    *texts, _ = (b"%b %b" % (last, text)).split(b"\n")
    made = b"".join([sha256(one).digest() for one in texts])
    if len(texts) != count or made.hex("\n", 32).encode() != stored:
        return None
    return _Batch(texts, stored.split(b"\n"))


def _each(db: Database, after: int, upto: int = LAST) -> Iterator[_Raw]:
    while batch := db.rows(_ROWS, (after, upto, _BATCH)):
        yield from batch
        after = batch[-1][0]


def _rows(db: Database, after: int) -> Iterator[Row]:
    return (_row(*one) for one in _each(db, after))


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
