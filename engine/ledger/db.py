"""The one door to SQLite: how a ledger file is opened, and what its errors mean to the operator."""

import os
import stat
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import LedgerError
from engine.sqlite import Code, code_of, refusal_of, sqlite

if TYPE_CHECKING:
    from sqlite3 import Connection

BUSY_S = 5.0
#: The WAL is cut back to this after a large transaction; a smaller one keeps its blocks, which makes commits cheaper.
WAL_KEEP_BYTES = 64 << 20
#: Releases whose WAL may, rarely, be reset under a second writer: from the first (inclusive) to the last (exclusive).
WAL_RESET_DEFECT = ((3, 7, 0), (3, 51, 3))

_MAGIC = b"SQLite format 3\0"
_MEANING: dict[int, str] = {
    Code.BUSY: f"another process has been writing to it for {BUSY_S:.0f} s; nothing was written; try again after it",
    Code.LOCKED: "another statement is using it; nothing was written; try again",
    Code.READONLY: "it is read-only; make the file and its folder writable, or work on a copy",
    Code.IOERR: "the disk refused (full, over its quota, or failing); nothing was written; free space, then run again",
    Code.CORRUPT: "its pages are damaged; run `hot ledger verify`, then go back to a backup",
    Code.FULL: "the disk is full; nothing was written; free space, then run again",
    Code.CANTOPEN: "it cannot be opened; look at its folder, its rights and the number of open files",
    Code.NOTADB: "it is not an SQLite file, so not a ledger; name another file with --ledger",
}
#: What a ledger is before its first commit.
EMPTY = "it has nothing in it yet: a run is about to make it a ledger, or was killed before; try again, or start one"


def version() -> tuple[int, int, int]:
    """Gives the version of the SQLite library in use."""
    major, minor, patch = sqlite.sqlite_version_info[:3]
    return major, minor, patch


def has_wal_reset_defect(release: tuple[int, int, int] | None = None) -> bool:
    """Says whether a release of SQLite, or the one in use, has the WAL-reset race."""
    first, after = WAL_RESET_DEFECT
    return first <= (release or version()) < after


class Database:
    """An open ledger file. Every error of SQLite leaves it as a LedgerError that names the file."""

    def __init__(self, connection: "Connection", path: Path) -> None:
        """Takes over a connection in autocommit mode."""
        self.path = path
        self._connection = connection

    @property
    def in_transaction(self) -> bool:
        """Says whether a transaction is open."""
        return bool(self._connection.in_transaction)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Runs a statement and gives all its rows; nothing stays open, so that no reader holds the WAL back."""
        with told(self.path):
            return self._connection.execute(sql, values).fetchall()

    def integers(self, sql: str, values: Sequence[Any] = ()) -> "array[int]":
        """Runs a statement and gives its first column, eight bytes a row."""
        with told(self.path):
            return array("q", (row[0] for row in self._connection.execute(sql, values)))

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Runs a statement and gives its first row, or None."""
        with told(self.path):
            return self._connection.execute(sql, values).fetchone()

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Runs a statement and gives how many rows it changed."""
        with told(self.path):
            return self._connection.execute(sql, values).rowcount

    def run_each(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs a statement once for each row of values."""
        with told(self.path):
            self._connection.executemany(sql, rows)

    def finish(self, sql: str) -> None:
        """Runs a statement to its end, for those that Python's own driver leaves after their first step."""
        with told(self.path):
            self._connection.executescript(sql)

    def begin(self) -> None:
        """Opens a transaction that holds the write lock from the start; waits for it at most five seconds.

        One that reads first and writes later would fail at once when another writer got in between.
        """
        self.run("BEGIN IMMEDIATE")

    def rollback(self) -> None:
        """Ends an open transaction without a trace; SQLite may have done so itself after an error."""
        if self._connection.in_transaction:
            with suppress(sqlite.Error):
                self._connection.execute("ROLLBACK")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Makes what is written inside durable as one, or undoes it all."""
        self.begin()
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self.rollback()
            raise

    def close(self) -> None:
        """Closes the file; what was not committed is gone."""
        self.rollback()
        with suppress(sqlite.Error):
            self._connection.close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(path: Path, *, readonly: bool = False, create: bool = False) -> Database:
    """Opens an SQLite file for writing (synchronous=FULL) or reading; makes it only with `create`.

    Raises LedgerError where there is no file, or where it is not SQLite's.
    """
    path = path.absolute()
    fresh = check_file(path, create)
    if readonly:
        return _connect_readonly(path)
    db = _connect(path, "mode=rwc" if fresh else "mode=rw")
    try:
        db.run("PRAGMA synchronous=FULL")
        db.run("PRAGMA foreign_keys=ON")
        db.run("PRAGMA cell_size_check=ON")
        db.run(f"PRAGMA journal_size_limit={WAL_KEEP_BYTES}")
    except BaseException:
        db.close()
        raise
    return db


def check_file(path: Path, create: bool) -> bool:
    """Says whether the file is still to be made, which `create` allows; touches nothing.

    Raises LedgerError where there is none, or where it is not SQLite's.
    """
    try:
        # A pipe would keep its reader waiting for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise LedgerError(f"{path}: it is a folder, a pipe or a device, not a file; name another with --ledger")
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except FileNotFoundError:
        if create:
            return True
        raise LedgerError(f"{path}: there is no ledger; name one with --ledger") from None
    except OSError as error:
        raise LedgerError(f"{path}: {_MEANING[Code.CANTOPEN]} ({error.strerror})") from error
    if not head and create:
        return True
    if not head:
        raise LedgerError(f"{path}: {EMPTY}")
    if head != _MAGIC:
        raise LedgerError(f"{path}: {_MEANING[Code.NOTADB]}")
    return False


def start_wal(db: Database) -> None:
    """Puts a new file into WAL mode, once for its life; a file system that cannot share memory raises LedgerError."""
    # Lets `prune` give pages back one by one: a full VACUUM would need the whole ledger twice.
    db.run("PRAGMA auto_vacuum=INCREMENTAL")
    mode = db.row("PRAGMA journal_mode=WAL")[0]
    if mode != "wal":
        raise LedgerError(f"{db.path}: its file system has no shared memory; keep the ledger on a local disk")


def wal_bytes(path: Path) -> int:
    """Gives the size of a ledger's write-ahead log, in bytes; it grows while a reader holds on."""
    try:
        return Path(f"{path}-wal").stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turns SQLite's errors into a LedgerError of one line: which file, what happened, what to do next."""
    try:
        yield
    except sqlite.ProgrammingError:
        raise
    except UnicodeDecodeError as error:
        # Damaged text, in a row or in SQLite's own message about it.
        raise LedgerError(f"{path}: {_MEANING[Code.CORRUPT]} ({error.reason})") from error
    except sqlite.DatabaseError as error:
        code = code_of(error)
        if code == Code.CANTOPEN and path.exists() and not os.access(path.parent, os.W_OK):
            code = Code.READONLY  # there is no place for its write-ahead log
        meaning = _MEANING.get(code, "SQLite refused; run `hot ledger verify`")
        raise refusal_of(code)(f"{path}: {meaning} ({error})") from error


def _connect(path: Path, query: str) -> Database:
    with told(path):
        # A URI keeps names with `?`, `#` and `%` whole, and `mode=rw` never makes a file.
        connection = sqlite.connect(f"{path.as_uri()}?{query}", uri=True, isolation_level=None, timeout=BUSY_S)
        return Database(connection, path)


def _connect_readonly(path: Path) -> Database:
    db = _connect(path, "mode=ro")
    try:
        db.row("SELECT 1 FROM sqlite_schema")
    except LedgerError as error:
        db.close()
        # In a folder that cannot be written there is no place for the WAL's index. Then nobody writes here either.
        if code_of(error.__cause__) not in (Code.CANTOPEN, Code.READONLY) or os.access(path.parent, os.W_OK):
            raise
        if wal_bytes(path):
            raise LedgerError(
                f"{path}: its newest rows are in {path.name}-wal; copy both to a writable folder"
            ) from error
        return _connect(path, "mode=ro&immutable=1")
    return db
