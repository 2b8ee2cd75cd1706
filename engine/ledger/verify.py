"""Verify: is the ledger what was written, row by row, and does what stands beside the rows fit them?"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import InvalidOperation
from functools import partial
from pathlib import Path

from engine.errors import BadRecord, LedgerError
from engine.ledger import checkpoints
from engine.ledger.chain import Head, seal
from engine.ledger.db import Database, connect
from engine.ledger.fold import Holdings
from engine.ledger.named import Chunk, Named, reserved_ids
from engine.ledger.parts import Parts
from engine.ledger.schema import OBJECTS, VERSION, Stamp, check_ours, schema_version
from engine.ledger.views import view_statements
from engine.ledger.walk import Problem, Row, Visits, Walked, walk
from engine.records.desk import Run
from engine.records.trades import Fill, FundingPayment, Position
from engine.records.wire import decode

Check = Callable[[], list[Problem]]
Walk = Callable[[Database, Head, str | None, Visits], Walked]

_ON_TABLE = re.compile(r" ON (\w+)")

#: Tables outside the chain, and the columns that each row's seal covers.
SEALED = {
    "meta": ("key", "value"),
    "reservations": ("client_id", "intent_key", "at", "window_ms", "state"),
    "operator_requests": ("id", "action", "reason", "wall_ms", "done"),
    "runtime": ("key", "value"),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: how many rows, the head they end in, what is wrong, and what is only worth knowing.

    `chunks` are those of the recording that the rows name; their files are not looked at here.
    """

    rows: int
    head: Head
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    chunks: tuple[Chunk, ...] = ()

    @property
    def ok(self) -> bool:
        """Says whether nothing is wrong."""
        return not self.problems


def verify(path: str | Path, head: str | Head | None = None) -> Verdict:
    """Checks a ledger as a whole, reading only, and gives what was found.

    With a `head` noted down earlier (`seq:hash`, or the hash alone) a cut tail is found too. Raises LedgerError where
    the file is no ledger at all.
    """
    # SQLite works on its pages without Python, so another core can do it meanwhile.
    with connect(Path(path), readonly=True) as db, ThreadPoolExecutor(max_workers=1) as beside:
        check_ours(db)
        pages = beside.submit(_pages, db.path)
        return _verify(db, str(head) if head is not None else None, pages.result)


@contextmanager
def verifying(path: str | Path, processes: int = 1) -> Iterator[Callable[[], Verdict]]:
    """Begins to check every row of a long ledger in so many processes beside, and gives who tells what was found.

    Checked are the rows, what they add up to and what stands beside them, but not SQLite's own pages and indexes:
    enough for who reads all rows in their order. Raises LedgerError where the file is no ledger at all.
    """
    with connect(Path(path), readonly=True) as db:
        check_ours(db)
        with Parts(db, _stamp(db).genesis, (*_Folded.KINDS, *Named.KINDS), processes) as parts:
            yield partial(_verify, db, None, list, parts.walk)


def _verify(db: Database, known: str | None, pages: Check, walk: Walk = walk) -> Verdict:
    problems: list[Problem] = []
    stamp = _stamp(db)
    # What another version keeps beside its rows, and in which columns, is not known here.
    is_known = _version(db) == VERSION
    folded, named = _Folded(), Named()

    visits = {**dict.fromkeys(_Folded.KINDS, folded.take), **dict.fromkeys(Named.KINDS, named.take)}
    try:
        reserved = reserved_ids(db) if is_known else set()
        walked = walk(db, Head(0, stamp.genesis), known, visits)
        problems += walked.problems
        rows, last = walked.rows, walked.head
        if is_known and not problems:
            problems += named.problems(reserved, reserved_ids(db))
    except LedgerError as error:
        problems.append(Problem("pages", None, str(error)))
        rows, last = 0, Head(0, stamp.genesis)
    problems += folded.problems
    checks: list[Check] = [pages, partial(_meta, db)]
    if is_known:
        checks += [partial(_objects, db), partial(_seals, db), partial(_checkpoints, db)]
    for check in checks:
        try:
            problems += check()
        except LedgerError as error:
            problems.append(Problem("pages", None, str(error)))
    return Verdict(rows, last, tuple(problems), tuple(_notes(db)), tuple(named.chunks))


class _Folded:
    """Folds fills and funding again while the rows pass by, and keeps the first disagreement."""

    #: What positions are made of: the run tells the leverage.
    KINDS = ("run", "fill", "funding_payment", "position")

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._holdings = Holdings()

    def take(self, row: Row) -> None:
        if self.problems:
            return
        try:
            record = decode(row.line)
            if isinstance(record, Fill):
                wrong = self._holdings.add(record)
            elif isinstance(record, FundingPayment):
                wrong = self._holdings.fund(record)
            elif isinstance(record, Position):
                wrong = self._holdings.check(record)
            elif isinstance(record, Run):
                self._holdings.leverage = int(record.settings.get("desk.leverage", 1))
                return
            else:
                return
        except (BadRecord, InvalidOperation, ArithmeticError, TypeError, ValueError) as error:
            wrong = f"cannot be read: {error}"
        if wrong is not None:
            self.problems.append(Problem("position", row.seq, f"row {row.seq}: {wrong}"))


def _pages(path: Path) -> list[Problem]:
    with connect(path, readonly=True) as db:
        # Unlike quick_check it also holds each index against its table.
        found = [text for (text,) in db.rows("PRAGMA integrity_check(5)") if text != "ok"]
    return [Problem("pages", None, f"SQLite: {text}") for text in found]


def _objects(db: Database) -> list[Problem]:
    """Compares tables, indexes and triggers with this version's; an added trigger could change what is written."""
    found = {name: rest for name, *rest in db.rows("SELECT name, type, tbl_name, sql FROM sqlite_schema")}
    problems = [
        Problem("schema", None, f"{name} is missing or was changed")
        for name, statement in OBJECTS.items()
        if found.get(name) != _entry(name, statement)
    ]
    for (name,) in db.rows("SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name"):
        if name not in OBJECTS:
            problems.append(Problem("schema", None, f"a trigger {name!r} was added"))
    return problems


def _version(db: Database) -> int | None:
    try:
        return schema_version(db)
    except LedgerError:
        return None


def _entry(name: str, statement: str) -> list[str]:
    """Gives what SQLite's own list says of an object: its type, its table, and the statement that made it."""
    table = _ON_TABLE.search(statement)
    words = statement.lower().split()
    return [words[2] if words[1] == "unique" else words[1], table[1] if table else name, statement]


def _stamp(db: Database) -> Stamp:
    values = dict(db.rows("SELECT key, value FROM meta"))
    return Stamp(*(str(values.get(key, "")) for key in Stamp._fields))


def _meta(db: Database) -> list[Problem]:
    values = dict(db.rows("SELECT key, value FROM meta"))
    if values.get("genesis") == _stamp(db).genesis and len(values) == len(Stamp._fields) + 1:
        return []
    return [Problem("stamp", None, "the stamp of mode, venue and account was edited")]


def _seals(db: Database) -> list[Problem]:
    problems = []
    for table, columns in SEALED.items():
        # Names come from the table above, values never stand in a statement.
        for *values, mark in db.rows(f"SELECT {', '.join(columns)}, seal FROM {table}"):
            if seal(*values) != mark:
                problems.append(Problem("sealed", None, f"{table}: the row of {values[0]!r} was changed"))
    return problems


def _checkpoints(db: Database) -> list[Problem]:
    damaged = [Problem("checkpoint", seq, f"the checkpoint at row {seq} is damaged") for seq in checkpoints.damaged(db)]
    beyond = [
        Problem("cut", last, f"a checkpoint stands at row {seq}, and the rows end at {last}: the tail was cut or lost")
        for seq, last in checkpoints.beyond_the_rows(db)
    ]
    return damaged + beyond[-1:]


def _notes(db: Database) -> list[str]:
    version = _version(db)
    try:
        found = {name: rest for name, *rest in db.rows("SELECT name, type, tbl_name, sql FROM sqlite_schema")}
    except LedgerError:
        return []
    notes = (
        []
        if version == VERSION
        else [f"schema {version}, and this hot knows {VERSION}: only rows, stamp and pages were checked"]
    )
    for kind, statement in view_statements().items():
        if found.get(kind) != ["view", kind, statement]:
            notes.append(f"view {kind} is not this version's; the next run makes it again")
    return notes
