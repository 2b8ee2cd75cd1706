"""SQLite's driver, and which of its errors pass: for ledgers, and for the counters and caches that processes share."""

from enum import IntEnum

from engine.errors import DiskRefused, LedgerBusy, LedgerError

try:
    # The system library is often years older, with the WAL-reset race.
    import pysqlite3.dbapi2 as sqlite
except ImportError:
    import sqlite3 as sqlite

__all__ = ["Code", "code_of", "refusal_of", "sqlite"]


class Code(IntEnum):
    """SQLite's primary result codes that mean something to an operator ("Result and Error Codes" in its manual)."""

    BUSY = 5
    LOCKED = 6
    READONLY = 8
    IOERR = 10
    CORRUPT = 11
    FULL = 13
    CANTOPEN = 14
    NOTADB = 26


#: What passes by itself, or when somebody makes room.
_PASSES: dict[int, type[LedgerError]] = {
    Code.IOERR: DiskRefused, Code.FULL: DiskRefused,
    Code.BUSY: LedgerBusy, Code.LOCKED: LedgerBusy, Code.CANTOPEN: LedgerBusy,
}  # fmt: skip


def code_of(error: BaseException | None) -> int:
    """Gives the primary result code of an error; 0 where it has none."""
    return int(getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def refusal_of(code: int) -> type[LedgerError]:
    """Gives the error that says of a result code whether to wait, and for what."""
    return _PASSES.get(code, LedgerError)
