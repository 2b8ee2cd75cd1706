"""Prune: gives back the space of what a ledger no longer needs; its rows and client ids stay for ever."""

from pathlib import Path
from typing import NamedTuple

from engine.ledger import checkpoints, requests
from engine.ledger.db import connect, wal_bytes
from engine.ledger.lease import take_lease
from engine.ledger.opening import check_before_lock
from engine.ledger.schema import check_not_newer, check_ours


class Pruned(NamedTuple):
    """What went: checkpoints, done requests, bytes on disk (ledger and write-ahead log).

    `facts_until` is the record time of the oldest checkpoint that stays: a restart needs no facts before it. None when
    there is no checkpoint, and every fact is still needed.
    """

    checkpoints: int
    requests: int
    freed_bytes: int
    facts_until: int | None


def prune(path: str | Path, *, keep_checkpoints: int = 2) -> Pruned:
    """Drops old checkpoints and done requests, empties the write-ahead log, and gives what that freed.

    Raises LedgerError while a run holds the lease.
    """
    path = Path(path).absolute()
    check_before_lock(path, create=False)
    lease = take_lease(path)
    try:
        with connect(path) as db:
            check_ours(db)
            check_not_newer(db)
            before = _bytes(path)
            with db.transaction():
                old = checkpoints.drop_old(db, keep_checkpoints)
                done = requests.drop_done(db)
            db.finish("PRAGMA incremental_vacuum")
            db.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            oldest = db.row("SELECT min(at) FROM checkpoints")[0]
            return Pruned(old, done, before - _bytes(path), oldest)
    finally:
        lease.release()


def _bytes(path: Path) -> int:
    return path.stat().st_size + wal_bytes(path)
