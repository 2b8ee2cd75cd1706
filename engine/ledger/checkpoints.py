"""Checkpoints: the state of the stages at some row of the ledger, so that a restart need not begin at the beginning."""

from hashlib import sha256
from typing import Any, NamedTuple

from engine.ledger.chain import seal
from engine.ledger.db import Database

_COLUMNS = "seq, at, version, size, blob, sha256, seal"


class Checkpoint(NamedTuple):
    """A saved state: after row `seq`, at record time `at`, in the format `version`."""

    seq: int
    at: int
    version: str
    blob: bytes


def save(db: Database, checkpoint: Checkpoint, keep: int) -> None:
    """Stores a checkpoint, compressed, and drops all but the newest `keep`. Needs an open transaction."""
    import zstandard

    seq, at, version, blob = checkpoint
    packed = zstandard.ZstdCompressor(level=3).compress(blob)
    digest = sha256(blob).hexdigest()
    values = (seq, at, version, len(blob), packed, digest, seal(seq, at, version, len(blob), digest))
    db.run(f"INSERT OR REPLACE INTO checkpoints({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    drop_old(db, keep)


def load(db: Database, version: str, not_after_seq: int | None) -> Checkpoint | None:
    """Gives the newest checkpoint of a format, at or before a row; damaged ones and other formats are passed over."""
    bound = not_after_seq if not_after_seq is not None else 2**63 - 1
    found = db.rows("SELECT seq FROM checkpoints WHERE seq <= ? AND version = ? ORDER BY seq DESC", (bound, version))
    for (seq,) in found:
        checkpoint = unpack(db.row(f"SELECT {_COLUMNS} FROM checkpoints WHERE seq = ?", (seq,)))
        if checkpoint is not None:
            return checkpoint
    return None


def damaged(db: Database) -> list[int]:
    """Gives the `seq` of each checkpoint whose hash does not hold."""
    sequence = [seq for (seq,) in db.rows("SELECT seq FROM checkpoints ORDER BY seq")]
    return [s for s in sequence if unpack(db.row(f"SELECT {_COLUMNS} FROM checkpoints WHERE seq = ?", (s,))) is None]


def beyond_the_rows(db: Database) -> list[tuple[int, int]]:
    """Gives (seq, last row) of each checkpoint that stands behind the last row, in their order."""
    return db.rows(
        "WITH ends(last) AS (SELECT coalesce(max(seq), 0) FROM records) "
        "SELECT seq, last FROM checkpoints, ends WHERE seq > last ORDER BY seq"
    )


def drop_old(db: Database, keep: int) -> int:
    """Drops all but the newest `keep` checkpoints; gives how many."""
    return db.run(
        "DELETE FROM checkpoints WHERE seq NOT IN (SELECT seq FROM checkpoints ORDER BY seq DESC LIMIT ?)", (keep,)
    )


def unpack(row: tuple[Any, ...] | None) -> Checkpoint | None:
    """Gives a stored row as a checkpoint, or None where its seal or its hash does not hold."""
    import zstandard

    if row is None:
        return None
    seq, at, version, size, packed, digest, mark = row
    if seal(seq, at, version, size, digest) != mark:
        return None
    try:
        # The size is sealed, so a damaged frame cannot ask for more memory than the state once took.
        blob = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size) if size else b""
    except zstandard.ZstdError:
        return None
    return Checkpoint(seq, at, version, blob) if sha256(blob).hexdigest() == digest else None
