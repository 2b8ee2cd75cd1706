"""The lease: one writing run at a time on a ledger, and on an account; its lock dies with its process."""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from engine.errors import LedgerError

_TRIES = 4
_PAUSE_S = 0.05
_held: set[int] = set()


class Holder(NamedTuple):
    """Who holds a lease: its process and when it took the lease (epoch ms of the wall clock)."""

    pid: int
    started_ms: int

    @property
    def started(self) -> str:
        """The start in ISO 8601, UTC."""
        return datetime.fromtimestamp(self.started_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Lease:
    """A held lease; `release` or the end of the process frees it, also by SIGKILL."""

    def __init__(self, fd: int, holder: Holder) -> None:
        """Takes over an open, locked file."""
        self.holder = holder
        self._fd: int | None = fd
        _held.add(fd)

    def release(self) -> None:
        """Frees the lease; a second call does nothing."""
        if self._fd is not None:
            _held.discard(self._fd)
            os.close(self._fd)
            self._fd = None


def take_lease(ledger: Path) -> Lease:
    """Takes the lease of a ledger; raises LedgerError naming the process that holds it and since when."""
    return _take(
        _lock_path(ledger), f"{ledger}: another run is writing to it", "stop that one, or name another with --ledger"
    )


def take_account_lease(folder: Path, venue: str, mark: str) -> Lease:
    """Takes the lease of an account, whatever the ledger: two runs on one account would sell each other's positions.

    `folder` is one that all runs of this machine share. Raises LedgerError naming the process that holds it.
    """
    return _take(
        folder / f"{venue}-{mark}.lock", f"account {mark} of {venue}: another run trades on it",
        "stop that one first; an account is traded from one ledger",
    )  # fmt: skip


def _take(path: Path, busy: str, advice: str) -> Lease:
    """Locks a file; raises LedgerError that says what is busy, who holds it, and what to do."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o644)
    except OSError as error:
        raise LedgerError(f"{path}: the lock cannot be opened for writing ({error.strerror})") from error
    # Tried a few times, since `lease_holder` holds the lock for an instant when it looks.
    for attempt in range(_TRIES):
        if _lock(fd):
            break
        if attempt < _TRIES - 1:
            time.sleep(_PAUSE_S)
    else:
        holder = _read_holder(fd)
        os.close(fd)
        who = f"pid {holder.pid}, started {holder.started}" if holder else "another process"
        raise LedgerError(f"{busy} ({who}); {advice}")
    holder = Holder(os.getpid(), time.time_ns() // 1_000_000)
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{holder.pid} {holder.started_ms}\n".encode(), 0)
    return Lease(fd, holder)


def lease_holder(ledger: Path) -> Holder | None:
    """Gives who is writing to a ledger now, or None; a lock file that a killed run left behind counts for nothing."""
    try:
        fd = os.open(_lock_path(ledger), os.O_RDONLY)
    except OSError:
        return None
    try:
        return None if _lock(fd, shared=True) else (_read_holder(fd) or Holder(0, 0))
    finally:
        os.close(fd)


def _lock_path(ledger: Path) -> Path:
    # Two names of one file must meet at one lock.
    real = ledger.resolve()
    return real.with_name(real.name + ".lock")


def _read_holder(fd: int) -> Holder | None:
    try:
        os.lseek(fd, 0, os.SEEK_SET)
        pid, started_ms = os.read(fd, 64).split()
        return Holder(int(pid), int(started_ms))
    except (OSError, ValueError):
        return None


if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int, shared: bool = False) -> bool:
        # Windows locks bytes against reading too, so the locked byte lies far behind the text.
        os.lseek(fd, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(fd: int, shared: bool = False) -> bool:
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _forget_in_child() -> None:
        # A forked worker shares the lock and would keep it alive after its parent was killed.
        for fd in _held:
            os.close(fd)
        _held.clear()

    os.register_at_fork(after_in_child=_forget_in_child)
