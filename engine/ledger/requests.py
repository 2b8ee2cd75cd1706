"""Operator requests: how another process tells the owner of a ledger to halt or to resume."""

from pathlib import Path
from typing import Literal, NamedTuple

from engine.ledger.chain import seal
from engine.ledger.db import Database, connect
from engine.ledger.schema import check_not_newer, check_ours

Action = Literal["halt", "resume"]


class Request(NamedTuple):
    """What the operator asks for; `wall_ms` is when, by the clock of the one who asked."""

    id: int
    action: Action
    reason: str
    wall_ms: int


def request(path: Path, action: Action, reason: str, wall_ms: int) -> int:
    """Leaves a request in a ledger, from any process, beside a running owner or without one; gives its id.

    Raises LedgerError where the ledger is not there or stays locked.
    """
    with connect(path) as db:
        check_ours(db)
        check_not_newer(db)
        with db.transaction():
            row = db.row("SELECT coalesce(max(id), 0) + 1 FROM operator_requests")
            new = Request(int(row[0]), action, reason, wall_ms)
            columns = "id, action, reason, wall_ms, done, seal"
            db.run(f"INSERT INTO operator_requests({columns}) VALUES (?, ?, ?, ?, 0, ?)", (*new, seal(*new, 0)))
    return new.id


class Inbox:
    """The owner's view of the requests; cheap enough to ask at each tick."""

    def __init__(self, db: Database) -> None:
        """Has seen nothing yet."""
        self._db = db
        self._seen: int | None = None
        self._pending: list[Request] = []

    def pending(self) -> list[Request]:
        """Gives the requests that are not done, in their order."""
        # Changes only when another connection committed: without news there is no query.
        version = int(self._db.row("PRAGMA data_version")[0])
        if version != self._seen or self._pending:
            found = self._db.rows(
                "SELECT id, action, reason, wall_ms FROM operator_requests WHERE done = 0 ORDER BY id"
            )
            self._pending = [Request(*row) for row in found]
            self._seen = version
        return list(self._pending)


def mark_done(db: Database, request_id: int) -> bool:
    """Marks a request as done, in the open transaction; says whether it was open."""
    row = db.row("SELECT id, action, reason, wall_ms FROM operator_requests WHERE id = ? AND done = 0", (request_id,))
    if row is None:
        return False
    db.run("UPDATE operator_requests SET done = 1, seal = ? WHERE id = ?", (seal(*row, 1), request_id))
    return True


def drop_done(db: Database) -> int:
    """Drops the requests that are done; gives how many."""
    return db.run("DELETE FROM operator_requests WHERE done = 1")
