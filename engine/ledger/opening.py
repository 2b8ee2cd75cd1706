"""Opening: what a file must be, or is made into, before a ledger is written to."""

from pathlib import Path

from engine.errors import ConfigError, LedgerError
from engine.ledger import schema
from engine.ledger.chain import link
from engine.ledger.db import Database, check_file, connect

#: How many of the last rows are checked at each opening; `verify` checks them all.
TAIL_ROWS = 100


def make_folder(path: Path) -> None:
    """Makes the folder of a ledger; raises ConfigError where it cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"{path}: its folder cannot be made ({error.strerror}); name another with --ledger"
        ) from error


def check_before_lock(path: Path, create: bool) -> None:
    """Raises LedgerError for what is no ledger and cannot become one, before a lock is put beside it."""
    if check_file(path, create):
        return
    with connect(path, readonly=True) as db:
        if not schema.is_new(db):
            schema.check_ours(db)


def prepare(db: Database, wanted: schema.Stamp) -> schema.Stamp:
    """Makes a new file, or checks an old one: ours, not newer, stamped alike, its last rows whole. Gives the stamp."""
    if schema.is_new(db):
        schema.make(db, wanted)
    schema.check_ours(db)
    schema.check_not_newer(db)
    stamp = schema.check_stamp(db, wanted)
    if schema.schema_version(db) < schema.VERSION:
        from engine.ledger.migrate import migrate

        migrate(db)
    schema.refresh_views(db)
    _check_tail(db, stamp)
    return stamp


def _check_tail(db: Database, stamp: schema.Stamp) -> None:
    rows = db.rows("SELECT seq, CAST(line AS BLOB), hash FROM records ORDER BY seq DESC LIMIT ?", (TAIL_ROWS + 1,))
    rows.reverse()
    before = rows.pop(0)[2] if len(rows) > TAIL_ROWS else stamp.genesis
    for seq, line, hash_ in rows:
        if link(before, seq, line) != hash_:
            raise LedgerError(f"{db.path}: row {seq} is not what was written; run `hot ledger verify`")
        before = hash_
