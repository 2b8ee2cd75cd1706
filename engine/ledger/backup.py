"""Backup: a consistent copy of a ledger, also of one in use, checked before it gets its name."""

import os
from contextlib import suppress
from pathlib import Path

from engine.errors import LedgerError
from engine.ledger.db import connect
from engine.ledger.schema import check_ours
from engine.ledger.verify import Verdict, verify


def backup(path: str | Path, dest: str | Path) -> Verdict:
    """Copies a ledger to a new file and gives what `verify` says of the copy.

    The copy is one file, without a write-ahead log; the recording beside the ledger is not part of it. Raises
    LedgerError where `dest` exists or where the copy does not verify; then nothing is left of it.
    """
    source, dest = Path(path).absolute(), Path(dest).absolute()
    if dest.exists():
        raise LedgerError(f"{dest}: it exists, and a backup overwrites nothing; name another file")
    part = dest.with_name(f"{dest.name}.part-{os.getpid()}")
    try:
        with connect(source, readonly=True) as db:
            check_ours(db)
            _make(part, dest)
            db.run("VACUUM INTO ?", (str(part),))
        verdict = verify(part)
        if not verdict.ok:
            raise LedgerError(f"{source}: a copy does not verify: {verdict.problems[0].text}; no backup was made")
        _sync(part)
        _name(part, dest)
    finally:
        for leftover in (part, Path(f"{part}-wal"), Path(f"{part}-shm"), Path(f"{part}-journal")):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)
    return verdict


def _make(part: Path, dest: Path) -> None:
    # SQLite fills an empty file, and would name the source where it cannot make one.
    try:
        part.touch()
    except OSError as error:
        raise LedgerError(f"{dest}: it cannot be written ({error.strerror}); name another file") from None


def _name(part: Path, dest: Path) -> None:
    # A link, unlike a rename, fails when another backup took the name meanwhile.
    try:
        os.link(part, dest)
    except FileExistsError:
        raise LedgerError(f"{dest}: it exists, and a backup overwrites nothing; name another file") from None
    except OSError:
        part.rename(dest)
    if os.name == "posix":
        _sync(dest.parent)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
