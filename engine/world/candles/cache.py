"""The cache of candles: closed ones, in a file that all processes share, so that none is asked for twice.

It is a cache: a file that is lost, damaged or of another version is begun anew, a row that is not what was written is
asked for again, and a disk that takes nothing costs requests, never a run. Each row carries a sum over what it is and
what it holds, since SQLite itself does not see a value that changed.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from zlib import crc32

import msgspec

from engine.records.market import Bar
from engine.sqlite import sqlite
from engine.world.sqlite import open_shared

if TYPE_CHECKING:
    from sqlite3 import Connection

#: The file, in the data folder.
CACHE_FILE = "candles.db"
VERSION = 1
#: A day of minutes and what a long night without us lacks; a week of 5 minutes, eighty days of hours.
KEEP_CANDLES = 2000
MOST_MB = 512
PRUNE_EVERY_MS = 3_600_000
#: What was spared is counted of so many days.
SERVED_DAYS = 30

_BUSY_S = 2.0
_DAY_MS = 86_400_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS series(
    id INTEGER PRIMARY KEY, place TEXT, venue TEXT, symbol TEXT, step_s INTEGER, used_at INTEGER,
    UNIQUE(place, venue, symbol, step_s)
);
CREATE TABLE IF NOT EXISTS candle(
    series INTEGER, open_at INTEGER, cell BLOB, sum INTEGER, PRIMARY KEY(series, open_at)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS served(
    venue TEXT, step_s INTEGER, day INTEGER, asks INTEGER, hits INTEGER, candles INTEGER, kept INTEGER,
    requests INTEGER, plain_requests INTEGER, weight INTEGER, plain_weight INTEGER, PRIMARY KEY(venue, step_s, day)
) WITHOUT ROWID;
"""
#: What a row says of a candle that the exchange itself does not have.
_ABSENT = b""
_Cell = tuple[str, str, str, str, str, str | None, int | None]
_cells = msgspec.json.Decoder(_Cell)
_encode = msgspec.json.Encoder().encode

T = TypeVar("T")


class Series(NamedTuple):
    """Whose candles: the place they are asked at (an address), the venue, the symbol, and the step in seconds."""

    place: str
    venue: str
    symbol: str
    step_s: int


class Served(NamedTuple):
    """What asking for candles came to.

    `hits` are asks that needed no request; `kept` is how many of the `candles` given were in the cache. `plain_`
    requests and weight are what the same asks would have cost without it.
    """

    asks: int = 0
    hits: int = 0
    candles: int = 0
    kept: int = 0
    requests: int = 0
    plain_requests: int = 0
    weight: int = 0
    plain_weight: int = 0

    def plus(self, other: "Served") -> "Served":
        """Gives both together."""
        return Served(*(one + more for one, more in zip(self, other, strict=True)))

    def told(self) -> str:
        """Says it to people."""
        if not self.candles:
            return "no candles were asked for"
        share = 100 * self.kept // self.candles
        return (
            f"{self.candles} candles were asked for, {share} % of them came from the cache; requests: {self.requests} "
            f"of weight {self.weight}, without it {self.plain_requests} of weight {self.plain_weight}"
        )


class CandleCache:
    """The file. Threads and processes may share it; no method raises for what is wrong with it."""

    def __init__(self, path: Path, keep_candles: int = KEEP_CANDLES, most_mb: int = MOST_MB) -> None:
        """Opens nothing yet. Of a series the newest `keep_candles` are kept, of all as much as `most_mb` holds."""
        self.path = path
        self._keep_candles, self._most_bytes = keep_candles, most_mb << 20
        self._lock = threading.Lock()
        self._db: Connection | None = None
        self._pruned_at = 0
        #: What was wrong with the file, the last time that something was.
        self.trouble: str | None = None

    def known(self, of: Series, first: int, end: int) -> dict[int, Bar | None]:
        """Gives what is known of the candles that open from `first` up to, not including, `end` (epoch ms).

        None says that the exchange has no such candle.
        """
        return self._told(lambda db: self._known(db, of, first, end), {})

    def keep(self, of: Series, bars: Iterable[Bar], absent: Collection[int], now_ms: int) -> None:
        """Keeps closed candles, and the opening times of those that the exchange does not have.

        A candle that is told anew takes the place of the older one.
        """
        oldest = self.oldest(of, now_ms)
        rows = [(bar.open_at, _cell(bar)) for bar in bars if bar.open_at >= oldest]
        rows += [(open_at, _ABSENT) for open_at in absent if open_at >= oldest]
        if rows:
            self._told(lambda db: self._keep(db, of, rows, now_ms), None)

    def oldest(self, of: Series, now_ms: int) -> int:
        """Gives before which opening time nothing of a series is kept."""
        return now_ms - 1000 * of.step_s * self._keep_candles

    def note(self, venue: str, step_s: int, served: Served, now_ms: int) -> None:
        """Adds to what is counted of this day."""
        names = Served._fields
        sums = ", ".join(f"{name} = {name} + excluded.{name}" for name in names)
        marks = ", ".join("?" * (3 + len(names)))
        sql = f"INSERT INTO served VALUES ({marks}) ON CONFLICT DO UPDATE SET {sums}"
        self._told(lambda db: db.execute(sql, (venue, step_s, now_ms // _DAY_MS, *served)), None)

    def served(self) -> dict[tuple[str, int], Served]:
        """Gives what was counted in the last 30 days, by venue and step."""
        sums = ", ".join(f"sum({name})" for name in Served._fields)
        sql = f"SELECT venue, step_s, {sums} FROM served GROUP BY venue, step_s ORDER BY venue, step_s"
        rows: list[Any] = self._told(lambda db: db.execute(sql).fetchall(), [])
        return {(str(venue), int(step_s)): Served(*counts) for venue, step_s, *counts in rows}

    def contents(self) -> list[tuple[Series, int, int, int]]:
        """Gives each series with how many candles are kept, and when the first and the last one opened."""
        sql = (
            "SELECT place, venue, symbol, step_s, sum(cell <> x''), min(open_at), max(open_at) "
            "FROM series JOIN candle ON series = id GROUP BY id ORDER BY place, venue, step_s, symbol"
        )
        rows: list[Any] = self._told(lambda db: db.execute(sql).fetchall(), [])
        return [(Series(*row[:4]), *row[4:]) for row in rows]

    def used_bytes(self) -> int:
        """Gives how large what is kept is."""
        return self._told(_used_bytes, 0)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._close()

    def _known(self, db: "Connection", of: Series, first: int, end: int) -> dict[int, Bar | None]:
        row = db.execute("SELECT id FROM series WHERE (place, venue, symbol, step_s) = (?, ?, ?, ?)", of).fetchone()
        if row is None:
            return {}
        rows = db.execute(
            "SELECT open_at, cell, sum FROM candle WHERE series = ? AND open_at >= ? AND open_at < ? ORDER BY open_at",
            (row[0], first, end),
        )
        known: dict[int, Bar | None] = {}
        prefix = crc32(_encode(of))
        for open_at, cell, sum_ in rows:
            # Not what was written: the candle is unknown, and will be written anew.
            with suppress(msgspec.DecodeError, TypeError, ValueError, AttributeError):
                if _sum(prefix, open_at, cell) == sum_:
                    known[open_at] = _bar(of, open_at, cell) if cell != _ABSENT else None
        return known

    def _keep(self, db: "Connection", of: Series, rows: list[tuple[int, bytes]], now_ms: int) -> None:
        prefix = crc32(_encode(of))
        db.execute("BEGIN IMMEDIATE")
        (series,) = db.execute(
            "INSERT INTO series(place, venue, symbol, step_s, used_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at) RETURNING id",
            (*of, now_ms),
        ).fetchone()
        db.executemany(
            "INSERT OR REPLACE INTO candle VALUES (?, ?, ?, ?)",
            [(series, open_at, cell, _sum(prefix, open_at, cell)) for open_at, cell in rows],
        )
        db.execute("COMMIT")
        if now_ms - self._pruned_at >= PRUNE_EVERY_MS:
            self._pruned_at = now_ms
            self._prune(db, now_ms)

    def _prune(self, db: "Connection", now_ms: int) -> None:
        """Drops what is older than anybody asks for, then whole series, the one that grew least recently first."""
        rows = db.execute("SELECT id, place, venue, symbol, step_s FROM series ORDER BY used_at, id").fetchall()
        for number, *names in rows:
            oldest = self.oldest(Series(*names), now_ms)
            db.execute("DELETE FROM candle WHERE series = ? AND open_at < ?", (number, oldest))
        for number, *_ in rows:
            if _used_bytes(db) <= self._most_bytes:
                break
            db.execute("DELETE FROM candle WHERE series = ?", (number,))
            db.execute("DELETE FROM series WHERE id = ?", (number,))
        db.execute("DELETE FROM served WHERE day < ?", (now_ms // _DAY_MS - SERVED_DAYS,))
        db.execute("PRAGMA incremental_vacuum").fetchall()

    def _told(self, work: Callable[["Connection"], T], otherwise: T) -> T:
        """Gives what some work with the file comes to, `otherwise` where the file will not have it."""
        with self._lock:
            for _ in range(2):
                try:
                    return work(self._opened())
                except (sqlite.Error, OSError, ValueError, TypeError) as error:
                    self.trouble = str(error)
                    self._roll_back()
                    if not _is_damage(error):
                        break
                    self._discard()
        return otherwise

    def _opened(self) -> "Connection":
        if self._db is None:
            self._db = open_shared(self.path, _SCHEMA, _BUSY_S, shrinks=True)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise sqlite.DatabaseError(f"a cache of version {version}")
            self._db.execute(f"PRAGMA user_version = {VERSION}")
        return self._db

    def _roll_back(self) -> None:
        if self._db is not None and self._db.in_transaction:
            with suppress(sqlite.Error):
                self._db.execute("ROLLBACK")

    def _discard(self) -> None:
        """Takes the file away. A process that has it open goes on with what is its own from now on."""
        self._close()
        # The file itself goes last: whoever opens it meanwhile must not lose the log of a new one.
        for suffix in ("-wal", "-shm", ""):
            with suppress(OSError):
                self.path.with_name(self.path.name + suffix).unlink()

    def _close(self) -> None:
        if self._db is not None:
            with suppress(sqlite.Error):
                self._db.close()
            self._db = None


def _is_damage(error: Exception) -> bool:
    """Says whether the file is damaged or none of ours.

    SQLite says so with this class itself, or with values of a type that the tables do not have.
    """
    return type(error) is sqlite.DatabaseError or isinstance(error, ValueError | TypeError)


def _cell(bar: Bar) -> bytes:
    return _encode((bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume, bar.trades))


def _bar(of: Series, open_at: int, cell: bytes) -> Bar:
    open_, high, low, close, volume, quote_volume, trades = _cells.decode(cell)
    return Bar(
        at=open_at + 1000 * of.step_s, venue=of.venue, symbol=of.symbol, step_s=of.step_s, open_at=open_at, open=open_,
        high=high, low=low, close=close, volume=volume, quote_volume=quote_volume, trades=trades,
    )  # fmt: skip


def _sum(prefix: int, open_at: int, cell: bytes) -> int:
    return crc32(cell, crc32(b"%d" % open_at, prefix))


def _used_bytes(db: "Connection") -> int:
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
