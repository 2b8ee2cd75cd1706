"""SQLite as counters and caches use it: shared by all processes, and not waited for until the disk has it."""

from pathlib import Path
from typing import TYPE_CHECKING

from engine.sqlite import sqlite

if TYPE_CHECKING:
    from sqlite3 import Connection


def open_shared(path: Path, schema: str, busy_s: float, *, shrinks: bool = False) -> "Connection":
    """Opens a file that threads and processes share, and makes its tables; raises sqlite.Error.

    What is in it outlives a process, not a power cut. A writer waits `busy_s` for another. With `shrinks` a new file
    can give back the space of what is deleted.
    """
    db: Connection = sqlite.connect(str(path), isolation_level=None, timeout=busy_s, check_same_thread=False)
    try:
        if shrinks:
            db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.executescript(schema)
    except BaseException:
        db.close()
        raise
    return db
