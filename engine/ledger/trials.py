"""The trials of a sweep in one SQLite file: what they are trials of, and a row for each."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from engine.ledger.db import connect, start_wal

_TABLES = """
CREATE TABLE IF NOT EXISTS study (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS trial (
  point TEXT PRIMARY KEY, failed TEXT, figures TEXT, first_hour INTEGER,
  returns BLOB, trades TEXT, skipped INTEGER
) STRICT;
"""


class TrialRow(NamedTuple):
    """A trial as it is stored: JSON texts, and its hourly returns as float64; `failed` says why there are none."""

    point: str
    failed: str | None = None
    figures: str | None = None
    first_hour: int | None = None
    returns: bytes | None = None
    trades: str | None = None
    skipped: int | None = None


class TrialFile:
    """The file: rows are durable when they are added, and the first row of a point stays."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it. Raises LedgerError where it is another file or cannot be read."""
        is_new = not path.exists()
        self._db = connect(path, create=True)
        try:
            if is_new:
                start_wal(self._db)
            self._db.finish(_TABLES)
        except BaseException:
            self._db.close()
            raise

    def identity(self) -> dict[str, str]:
        """Gives what the trials are trials of; empty in a new file."""
        return dict(self._db.rows("SELECT key, value FROM study"))

    def claim(self, identity: Mapping[str, str]) -> None:
        """Writes what the trials are trials of."""
        with self._db.transaction():
            self._db.run_each("INSERT INTO study VALUES (?, ?)", identity.items())

    def rows(self) -> list[TrialRow]:
        """Gives all trials, in no order."""
        found = self._db.rows("SELECT point, failed, figures, first_hour, returns, trades, skipped FROM trial")
        return [TrialRow(*row) for row in found]

    def add(self, row: TrialRow) -> None:
        """Makes a trial durable. Another sweep on the same file found the same: the first one stays."""
        with self._db.transaction():
            self._db.run("INSERT OR IGNORE INTO trial VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    def close(self) -> None:
        """Closes the file."""
        self._db.close()
