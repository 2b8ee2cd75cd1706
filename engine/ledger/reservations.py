"""Reservations: an intent is taken at most once, and a client id is used at most once, for ever."""

from typing import Literal, NamedTuple

from engine.errors import Refused
from engine.ledger.chain import seal
from engine.ledger.db import Database

State = Literal["held", "settled", "freed"]
Ending = Literal["settled", "freed"]
_COLUMNS = "client_id, intent_key, at, window_ms, state"


class Reservation(NamedTuple):
    """Who has an intent. `at` is in record time; `held` until its outcome is known, `settled` once it is."""

    client_id: str
    intent_key: str
    at: int
    window_ms: int
    state: State

    def stands_at(self, at: int) -> bool:
        """Says whether it keeps others out: always while the outcome is open, then until its window is over."""
        return self.state == "held" or (self.state == "settled" and at < self.at + self.window_ms)


class DuplicateIntent(Refused):
    """The intent, or the client id, is taken; `holder` says by which reservation."""

    def __init__(self, holder: Reservation, wanted_id: str) -> None:
        """Names both."""
        taken = "the client id was used before" if holder.client_id == wanted_id else "the intent is taken"
        super().__init__(f"DUPLICATE: {taken} by {holder.client_id} ({holder.state}, at {holder.at})")
        self.holder = holder


def reserve(db: Database, intent_key: str, client_id: str, at: int, window_ms: int) -> None:
    """Takes an intent for a client id; raises DuplicateIntent. Needs an open transaction, which makes it atomic."""
    used = _find(db, "client_id = ?", client_id)
    if used is not None:
        raise DuplicateIntent(used, client_id)
    standing = standing_for(db, intent_key)
    if standing is not None:
        if standing.stands_at(at):
            raise DuplicateIntent(standing, client_id)
        _move(db, standing, "freed")
    new = Reservation(client_id, intent_key, at, window_ms, "held")
    db.run(f"INSERT INTO reservations({_COLUMNS}, seal) VALUES (?, ?, ?, ?, ?, ?)", (*new, seal(*new)))


def settle(db: Database, intent_key: str, state: Ending) -> bool:
    """Ends the open reservation of an intent; says whether there was one."""
    standing = standing_for(db, intent_key)
    if standing is None or standing.state != "held":
        return False
    _move(db, standing, state)
    return True


def standing_for(db: Database, intent_key: str) -> Reservation | None:
    """Gives the reservation of an intent that was not freed, or None."""
    return _find(db, "intent_key = ? AND state <> 'freed'", intent_key)


def held(db: Database) -> list[Reservation]:
    """Gives every reservation whose outcome is open, oldest first: what a restart has to look up."""
    found = db.rows(f"SELECT {_COLUMNS} FROM reservations WHERE state <> 'freed' AND state = 'held'")
    return sorted((Reservation(*row) for row in found), key=lambda r: (r.at, r.client_id))


def _find(db: Database, where: str, value: str) -> Reservation | None:
    row = db.row(f"SELECT {_COLUMNS} FROM reservations WHERE {where}", (value,))
    return Reservation(*row) if row is not None else None


def _move(db: Database, reservation: Reservation, state: State) -> None:
    moved = reservation._replace(state=state)
    db.run("UPDATE reservations SET state = ?, seal = ? WHERE client_id = ?", (state, seal(*moved), moved.client_id))
