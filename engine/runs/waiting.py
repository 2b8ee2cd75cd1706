"""Waiting: a daemon that cannot go on tries again until it can, and begins each time as after a crash.

So it does where the venue cannot be reached at a restart, where the disk takes no more, and where another process
keeps the ledger from being written. Nothing is entered
meanwhile; stops rest at the exchange, and `hot flatten` closes what is held. A full disk gets room by the ballast of a
live ledger, and then only entries wait.
"""

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DiskRefused, LedgerBusy, LedgerError, VenueError
from engine.ledger.ledger import Ledger
from engine.records.desk import Alert
from engine.records.wire import encode
from engine.runs.ballast import Ballast

#: Seconds between two tries.
AGAIN_S = 5.0
#: The same where room was made.
SOON_S = 0.5
#: The note of a ledger whose daemon waits for its venue, for `hot status`.
WAITS_NOTE = "waits"
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def is_full(error: Exception) -> bool:
    """Says whether an error is the disk's, which may have room again later."""
    return isinstance(error, DiskRefused) or (isinstance(error, OSError) and error.errno in _DISK)


def has_begun(path: Path) -> bool:
    """Says whether a ledger has seen a run: then an outage is likelier than a wrong address, and is waited out."""
    try:
        with Ledger.read(path) as ledger:
            return next(ledger.lines(kinds=["run"]), None) is not None
    except LedgerError:
        return False


class Patience:
    """Decides whether to wait, and says so: once for each reason. `waits` are alerts that no ledger has yet."""

    def __init__(self, path: Path, open_ledger: Callable[[], Ledger], say: Callable[[str], None]) -> None:
        """`open_ledger` opens the ledger of the run, as its owner."""
        self._begun, self._open, self._say, self._path = has_begun(path), open_ledger, say, path
        self._told, self._ballast = "", Ballast(path)
        self.waits: list[Alert] = []

    def bears(self, error: Exception) -> bool:
        """Says whether the run may go on later, and tells why it cannot now."""
        if is_full(error):
            self._tell(
                "LEDGER_ERROR",
                f"ledger_error: {error}; blocked(ledger): nothing is entered until there is room, stops stay at the "
                "exchange, and hot flatten closes what is held",
            )
            return True
        if isinstance(error, LedgerBusy) and has_begun(self._path):
            self._tell(
                "LEDGER_ERROR",
                f"ledger_error: {error}; blocked(ledger): nothing is entered until it can be written again, stops stay "
                f"at the exchange; trying again every {AGAIN_S:g} s",
            )
            return True
        if isinstance(error, VenueError) and self._begun:
            self._tell("VENUE_AWAY", f"blocked(recovering): {error}; trying again every {AGAIN_S:g} s")
            return True
        return False

    def pause_s(self, error: Exception) -> float:
        """Gives the seconds until the next try; a full disk gets what was kept aside for it."""
        if is_full(error) and self._ballast.give_up():
            self._say("what was kept aside for a full disk is given up: ways out go on, entries wait for room")
            return SOON_S
        return AGAIN_S

    @contextmanager
    def noted(self, error: Exception) -> Iterator[None]:
        """Holds the ledger and leaves there what is waited for; one that cannot be written takes no note."""
        if is_full(error) or isinstance(error, LedgerBusy):
            yield
            return
        with self._open() as ledger:
            ledger.note(WAITS_NOTE, str(error))
            ledger.commit()
            try:
                yield
            finally:
                ledger.note(WAITS_NOTE, "")

    def keep(self, ledger: Ledger) -> None:
        """Leaves in a ledger that can be written again what was waited for."""
        for alert in self.waits:
            ledger.append(encode(alert))
        self.waits.clear()

    def _tell(self, code: str, text: str) -> None:
        if text != self._told:
            self._told = text
            self.waits.append(Alert(at=time.time_ns() // 1_000_000, level="error", code=code, text=text))
            self._say(text)
