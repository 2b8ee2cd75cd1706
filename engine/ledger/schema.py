"""The tables of a ledger file, its stamp, and what an opened file must be before it is touched."""

from typing import NamedTuple

from engine.errors import ConfigError, LedgerError
from engine.ledger.chain import genesis, seal
from engine.ledger.db import EMPTY, Database, start_wal
from engine.ledger.views import AT, KIND, SYMBOL, view_statements

#: "hotL": how a ledger is told from any other SQLite file.
APPLICATION_ID = 0x686F744C
VERSION = 1

#: Every object of this version by name. Rows outside `records` carry a seal, since the chain does not cover them.
OBJECTS: dict[str, str] = {
    "meta": "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL, seal TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "records": "CREATE TABLE records(seq INTEGER PRIMARY KEY, line TEXT NOT NULL, hash TEXT NOT NULL) STRICT",
    # One index, its keys growing with time inside each kind: a commit writes one page of it, not one a symbol.
    "records_by_kind": f"CREATE INDEX records_by_kind ON records({KIND}, {AT}, {SYMBOL})",
    # Also stops INSERT OR REPLACE, which asks no DELETE trigger.
    "records_follow": "CREATE TRIGGER records_follow BEFORE INSERT ON records "
    "WHEN new.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM records) "
    "BEGIN SELECT RAISE(ABORT, 'records are appended one after the other'); END",
    "records_stay": "CREATE TRIGGER records_stay BEFORE UPDATE ON records "
    "BEGIN SELECT RAISE(ABORT, 'records are never changed'); END",
    "records_last": "CREATE TRIGGER records_last BEFORE DELETE ON records "
    "BEGIN SELECT RAISE(ABORT, 'records are never deleted'); END",
    # A client id stands here for ever: venues keep ids unique among open orders only.
    "reservations": "CREATE TABLE reservations(client_id TEXT PRIMARY KEY, intent_key TEXT NOT NULL, "
    "at INTEGER NOT NULL, window_ms INTEGER NOT NULL, state TEXT NOT NULL, seal TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "reservations_standing": "CREATE UNIQUE INDEX reservations_standing ON reservations(intent_key) "
    "WHERE state <> 'freed'",
    "reservations_last": "CREATE TRIGGER reservations_last BEFORE DELETE ON reservations "
    "BEGIN SELECT RAISE(ABORT, 'client ids are never forgotten'); END",
    "checkpoints": "CREATE TABLE checkpoints(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, version TEXT NOT NULL, "
    "size INTEGER NOT NULL, blob BLOB NOT NULL, sha256 TEXT NOT NULL, seal TEXT NOT NULL) STRICT",
    "operator_requests": "CREATE TABLE operator_requests(id INTEGER PRIMARY KEY, action TEXT NOT NULL, "
    "reason TEXT NOT NULL, wall_ms INTEGER NOT NULL, done INTEGER NOT NULL, seal TEXT NOT NULL) STRICT",
    "runtime": "CREATE TABLE runtime(key TEXT PRIMARY KEY, value TEXT NOT NULL, seal TEXT NOT NULL) "
    "STRICT, WITHOUT ROWID",
}


class Stamp(NamedTuple):
    """Whose ledger a file is: paper or live, at which venue, for which account (a mark, never a key)."""

    mode: str
    venue: str
    account: str

    @property
    def genesis(self) -> str:
        """The hash that the first row's hash is made with."""
        return genesis(*self)


def is_new(db: Database) -> bool:
    """Says whether a file has nothing in it yet: just made, or left by a run that was killed while making it."""
    return application_id(db) == 0 and db.row("SELECT 1 FROM sqlite_schema") is None


def application_id(db: Database) -> int:
    """Gives the file's application id, 0 when nobody set one."""
    return int(db.row("PRAGMA application_id")[0])


def schema_version(db: Database) -> int:
    """Gives the schema version a file was written with."""
    return int(db.row("PRAGMA user_version")[0])


def make(db: Database, stamp: Stamp) -> None:
    """Makes the tables and the stamp in a new file, all in one transaction."""
    start_wal(db)
    with db.transaction():
        if not is_new(db):
            return
        for statement in (*OBJECTS.values(), *view_statements().values()):
            db.run(statement)
        values = {**stamp._asdict(), "genesis": stamp.genesis}
        db.run_each(
            "INSERT INTO meta(key, value, seal) VALUES (?, ?, ?)", [(k, v, seal(k, v)) for k, v in values.items()]
        )
        db.run(f"PRAGMA application_id={APPLICATION_ID}")
        db.run(f"PRAGMA user_version={VERSION}")


def check_ours(db: Database) -> None:
    """Raises LedgerError where the file is another program's, or nothing yet."""
    if is_new(db):
        raise LedgerError(f"{db.path}: {EMPTY}")
    if application_id(db) != APPLICATION_ID:
        raise LedgerError(f"{db.path}: it is an SQLite file, but not a ledger; name another file with --ledger")


def check_not_newer(db: Database) -> None:
    """Raises LedgerError where a newer `hot` wrote the file; reading it is no harm, writing would be."""
    have = schema_version(db)
    if have > VERSION:
        raise LedgerError(
            f"{db.path}: it has schema {have}, and this hot knows {VERSION}; "
            "write with the newer hot (verify, export and the other reading commands work)"
        )


def read_stamp(db: Database) -> Stamp:
    """Gives the stamp; raises LedgerError where it was edited or is not there."""
    values = {key: value for key, value, _ in db.rows("SELECT key, value, seal FROM meta")}
    stamp = Stamp(*(str(values.get(key, "")) for key in Stamp._fields))
    if values.get("genesis") != stamp.genesis:
        raise LedgerError(f"{db.path}: its stamp was edited; run `hot ledger verify`, then go back to a backup")
    return stamp


def check_stamp(db: Database, wanted: Stamp) -> Stamp:
    """Gives the stamp; raises ConfigError where the ledger is of another mode, venue or account."""
    found = read_stamp(db)
    for name, is_, should in zip(Stamp._fields, found, wanted, strict=True):
        if is_ != should:
            raise ConfigError(
                f"{db.path}: it is a ledger of {name} {is_!r}, not {should!r}; name another file with --ledger"
            )
    return found


def refresh_views(db: Database) -> None:
    """Makes the views that this version words differently; they hold no data, so no migration is needed."""
    wanted = view_statements()
    found = dict(db.rows("SELECT name, sql FROM sqlite_schema WHERE type='view'"))
    stale = [kind for kind, statement in wanted.items() if found.get(kind) != statement]
    if not stale:
        return
    with db.transaction():
        for kind in stale:
            db.run(f'DROP VIEW IF EXISTS "{kind}"')
            db.run(wanted[kind])
