"""The lock that keeps two writers out of one folder; the system gives it back when its process ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import LedgerError

if sys.platform == "win32":
    import msvcrt

    def _take(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(root: Path, writer: str = "import") -> Iterator[None]:
    """Holds the lock of a folder; raises LedgerError at once when another writer has it."""
    with (root / ".lock").open("wb") as file:
        try:
            _take(file.fileno())
        except OSError:
            raise LedgerError(f"{root}: another {writer} is writing there; wait for it to end") from None
        yield
