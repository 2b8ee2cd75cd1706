"""The walk along the chain: names the first row that is not what was written, and says what happened to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Literal, NamedTuple

from engine.ledger.chain import Head, link
from engine.ledger.db import Database
from engine.records.wire import OPENING, kind_of_line

_BATCH = 1000
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
    for batch in _batches(db, seq or FIRST, upto):
        good = _followed(seq, last, batch)
        for found, line, hash_ in batch[:good]:
            if line.startswith(openings):
                row = _row(found, line, hash_)
                visits[row.kind](row)
            if hash_ == wanted:
                known_seq = found
        if good:
            seq, _, last = batch[good - 1]
        if good < len(batch):
            before = Head(seq, last.decode("latin-1"))
            return Walked(seq, before, [_name(db, before, _row(*batch[good]))])
    head = Head(seq, last.decode("latin-1"))
    return Walked(seq, head, _compare(head, known, known_seq))


def _openings(kinds: Iterable[str]) -> tuple[bytes, ...]:
    """Gives how lines of some kinds begin."""
    return tuple(b'%b%b"' % (OPENING, kind.encode()) for kind in kinds)


def _followed(seq: int, last: bytes, batch: Sequence[_Raw]) -> int:
    """Gives how many rows of a batch are what was written behind row `seq`, which ends in the hash `last`.

    A ledger has more rows than its market has facts: this does what `link` does, for all of them in one go.
    """
    numbers, lines, hashes = zip(*batch, strict=True)
    # Rows come in the order of their numbers, so between the right first and the right last one none is wrong.
    if numbers[0] == seq + 1 and numbers[-1] == seq + len(batch):
        links = zip((last, *hashes), numbers, lines, strict=False)
        made = b"".join([sha256(b"%b %d %b" % one).digest() for one in links])
        if made.hex("\n", 32).encode() == b"\n".join(hashes):
            return len(batch)
    for good, (number, line, hash_) in enumerate(batch):
        seq += 1
        if number != seq or link(last.decode("latin-1"), seq, line).encode() != hash_:
            return good
        last = hash_
    raise AssertionError("rows that follow each other one by one follow each other")


def _batches(db: Database, after: int, upto: int = LAST) -> Iterator[list[_Raw]]:
    while True:
        batch = db.rows(
            "SELECT seq, coalesce(CAST(line AS BLOB), x''), coalesce(CAST(hash AS BLOB), x'') FROM records "
            "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
            (after, upto, _BATCH),
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
