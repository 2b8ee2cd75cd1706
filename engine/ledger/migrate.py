"""Migration: an older ledger is backed up beside itself, then brought to this version in one transaction."""

from collections.abc import Callable
from pathlib import Path

from engine.errors import Bug
from engine.ledger import schema
from engine.ledger.backup import backup
from engine.ledger.db import Database

Migration = Callable[[Database], None]

#: From a version to the next: each changes tables inside the transaction it is given, and never a row of `records`.
MIGRATIONS: dict[int, Migration] = {}


def migrate(db: Database) -> Path | None:
    """Brings an older ledger to this version and gives the path of its backup; None where nothing was to do."""
    have = schema.schema_version(db)
    if have >= schema.VERSION:
        return None
    missing = [version for version in range(have, schema.VERSION) if version not in MIGRATIONS]
    if missing:
        raise Bug(f"{db.path}: no migration from schema {missing[0]}")
    copy = _free_name(db.path, have)
    backup(db.path, copy)
    with db.transaction():
        # Another process may have been quicker.
        for version in range(schema.schema_version(db), schema.VERSION):
            MIGRATIONS[version](db)
        db.run(f"PRAGMA user_version={schema.VERSION}")
    return copy


def _free_name(path: Path, version: int) -> Path:
    number = 0
    while True:
        name = path.with_name(f"{path.name}.schema-{version}" + (f"-{number}" if number else ""))
        if not name.exists():
            return name
        number += 1
