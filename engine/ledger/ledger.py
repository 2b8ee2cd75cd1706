"""The ledger: one append-only, hash-chained file of wire lines, and the few tables that must be unique or shared."""

import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from engine.errors import BadRecord, Bug
from engine.ledger import checkpoints, reading, requests, reservations
from engine.ledger.chain import Head, link, seal
from engine.ledger.checkpoints import Checkpoint
from engine.ledger.db import Database, connect, wal_bytes
from engine.ledger.lease import Lease, take_lease
from engine.ledger.opening import check_before_lock, make_folder, prepare
from engine.ledger.requests import Inbox, Request
from engine.ledger.reservations import DuplicateIntent, Reservation
from engine.ledger.schema import Stamp, check_ours, read_stamp, schema_version
from engine.records.base import MAX_INTEGER
from engine.records.wire import MAX_LINE_BYTES, kind_of_line

__all__ = ["Checkpoint", "DuplicateIntent", "Head", "Ledger", "Request", "Reservation", "Stamp"]


class _Instant(msgspec.Struct):
    at: int


_instant = msgspec.json.Decoder(_Instant)


class Ledger:
    """An open ledger. Lines gather in memory; `commit` writes them, with all else since the last one, as one."""

    def __init__(self, db: Database, stamp: Stamp, lease: Lease | None) -> None:
        """Takes over an open file; `Ledger.open` and `Ledger.read` are the ways in."""
        self.path = db.path
        self.stamp = stamp
        self._db = db
        self._lease = lease
        self._inbox = Inbox(db)
        self._lines: list[tuple[bytes, str]] = []
        self._notes: dict[str, str] = {}

    @classmethod
    def open(
        cls, path: str | Path, *, mode: str = "paper", venue: str = "binance-spot", account: str = "",
        create: bool = True, lease: bool = True,
    ) -> "Ledger":  # fmt: skip
        """Gives a ledger to write to, made when there is none and `create` is set; an older one is migrated.

        It takes the lease: the second run on one ledger gets LedgerError. `lease=False` is for short writes beside the
        owner. Raises LedgerError for a file that is foreign, newer, damaged or not there, ConfigError for the stamp of
        another mode, venue or account.
        """
        path = Path(path).absolute()
        if create:
            make_folder(path)
        check_before_lock(path, create)
        with ExitStack() as undo:
            held = take_lease(path) if lease else None
            if held is not None:
                undo.callback(held.release)
            db = undo.enter_context(connect(path, create=create))
            opened = cls(db, prepare(db, Stamp(mode, venue, account)), held)
            if held is not None:
                opened.note("lease", json.dumps(held.holder._asdict()))
                opened.commit()
            undo.pop_all()
            return opened

    @classmethod
    def read(cls, path: str | Path) -> "Ledger":
        """Gives a ledger to read from, also a newer one and one on a read-only disk; raises LedgerError."""
        with ExitStack() as undo:
            db = undo.enter_context(connect(Path(path), readonly=True))
            check_ours(db)
            opened = cls(db, read_stamp(db), None)
            undo.pop_all()
            return opened

    def append(self, line: bytes) -> None:
        """Adds a line to what the next `commit` writes; raises BadRecord for what is not one line of the wire."""
        if kind_of_line(line) is None or len(line) > MAX_LINE_BYTES or b"\n" in line or b"\0" in line:
            raise BadRecord(f"not a line of the wire: {line[:60]!r}")
        try:
            text = line.decode()
            instant = _instant.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRecord(f"not a line of the wire: {error}") from None
        if not 0 <= instant.at <= MAX_INTEGER:
            raise BadRecord(f"time out of range: {instant.at}")
        self._lines.append((line, text))

    def commit(self) -> Head:
        """Makes everything since the last commit durable, as one, and gives the new head.

        Raises LedgerError with nothing written; what had gathered is dropped, as by `rollback`.
        """
        if not (self._lines or self._notes or self._db.in_transaction):
            return self.head
        try:
            self._begin()
            head = self._write_lines()
            self._write_notes()
            self._db.run("COMMIT")
        except BaseException:
            self.rollback()
            raise
        self._lines.clear()
        self._notes.clear()
        return head

    def rollback(self) -> None:
        """Drops everything since the last commit."""
        self._db.rollback()
        self._lines.clear()
        self._notes.clear()

    @property
    def head(self) -> Head:
        """The last committed row; (0, genesis) of a ledger without rows."""
        return reading.head(self._db, self.stamp.genesis)

    @property
    def schema(self) -> int:
        """The schema version of the file."""
        return schema_version(self._db)

    @property
    def wal_bytes(self) -> int:
        """The size of the write-ahead log; worth a warning above 64 MB, when a reader holds it back."""
        return wal_bytes(self.path)

    def reserve(self, intent_key: str, client_id: str, at_ms: int, window_ms: int) -> None:
        """Takes an intent for a client id, from the next commit on; raises DuplicateIntent naming the holder.

        A client id is taken once, for ever. An intent is taken until `release` (never executed), or, after `resolve`
        (the outcome is known), until `window_ms` of record time have passed since `at_ms`. This holds the write lock
        until the next `commit`, which should follow at once.
        """
        fresh = not self._db.in_transaction
        try:
            self._begin()
            reservations.reserve(self._db, intent_key, client_id, at_ms, window_ms)
        except DuplicateIntent:
            if fresh:
                self._db.rollback()
            raise
        except BaseException:
            self.rollback()
            raise

    def release(self, intent_key: str) -> bool:
        """Frees an intent at the next commit, after a definite failure: a retry under a new client id passes."""
        return self._settle(intent_key, "freed")

    def resolve(self, intent_key: str) -> bool:
        """Marks the outcome of an intent as known at the next commit; from then on only its window keeps others out."""
        return self._settle(intent_key, "settled")

    def reservation(self, intent_key: str) -> Reservation | None:
        """Gives who has an intent, or None."""
        return reservations.standing_for(self._db, intent_key)

    def unresolved(self) -> list[Reservation]:
        """Gives the reservations whose outcome is open, oldest first: what a restart looks up at the venue."""
        return reservations.held(self._db)

    def lines(
        self, *, kinds: Collection[str] | None = None, since: int | None = None, until: int | None = None,
        symbol: str | None = None, after_seq: int = 0,
    ) -> Iterator[tuple[int, bytes]]:  # fmt: skip
        """Gives (seq, line) of the committed rows that match, in their order; [since, until) is in record time."""
        return reading.lines(self._db, kinds=kinds, since=since, until=until, symbol=symbol, after_seq=after_seq)

    def last_tick(self) -> tuple[int, int] | None:
        """Gives (seq, at) of the last tick; the rows after it belong to a cycle that was not closed."""
        return reading.last_tick(self._db)

    def save_checkpoint(self, at: int, seq: int, version: str, blob: bytes, *, keep: int = 3) -> None:
        """Stores the stages' state after row `seq`, durable at once, and drops all but the newest `keep`."""
        if self._lines or self._db.in_transaction:
            raise Bug("a checkpoint is saved between two commits, never inside of one")
        with self._db.transaction():
            checkpoints.save(self._db, Checkpoint(seq, at, version, blob), keep)

    def load_checkpoint(self, version: str, *, not_after_seq: int | None = None) -> Checkpoint | None:
        """Gives the newest checkpoint of a format, at or before a row; a damaged one gives way to an older one."""
        return checkpoints.load(self._db, version, not_after_seq)

    def pending_requests(self) -> list[Request]:
        """Gives what the operator asked for and is not done yet; cheap where there is no news."""
        return self._inbox.pending()

    def mark_done(self, request_id: int) -> bool:
        """Marks a request as done at the next commit, together with the record that says so."""
        self._begin()
        return requests.mark_done(self._db, request_id)

    def note(self, key: str, value: str) -> None:
        """Sets a value of the run's status (heartbeat, lease), written with the next commit."""
        self._notes[key] = value

    def notes(self) -> dict[str, str]:
        """Gives the run's status as it was last written."""
        return dict(self._db.rows("SELECT key, value FROM runtime ORDER BY key"))

    def close(self) -> None:
        """Closes the file and frees the lease; what was not committed is gone."""
        self._db.close()
        if self._lease is not None:
            self._lease.release()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        """Commits what is left, unless an error ended the block; closes in any case."""
        try:
            if kind is None:
                self.commit()
        finally:
            self.close()

    def _begin(self) -> None:
        if not self._db.in_transaction:
            self._db.begin()

    def _write_lines(self) -> Head:
        seq, last = self.head
        rows = []
        for line, text in self._lines:
            seq += 1
            last = link(last, seq, line)
            rows.append((seq, text, last))
        if rows:
            self._db.run_each("INSERT INTO records(seq, line, hash) VALUES (?, ?, ?)", rows)
        return Head(seq, last)

    def _write_notes(self) -> None:
        rows = [(key, value, seal(key, value)) for key, value in self._notes.items()]
        if rows:
            self._db.run_each("INSERT OR REPLACE INTO runtime(key, value, seal) VALUES (?, ?, ?)", rows)

    def _settle(self, intent_key: str, state: "reservations.Ending") -> bool:
        self._begin()
        return reservations.settle(self._db, intent_key, state)
