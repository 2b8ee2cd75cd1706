"""Supervisor: whoever looks after a daemon is told when it is ready, that it works, and that it ends (sd_notify(3))."""

import os
import socket
import time
from collections.abc import Mapping

#: A daemon that waits for its venue or its disk asks for so many more seconds at each try.
PATIENCE_S = 60


class Supervisor:
    """Tells the supervisor that NOTIFY_SOCKET names; without one nobody is told.

    It is fed by finished work alone: a daemon that hangs falls silent, and is killed after WATCHDOG_USEC, which harms
    nothing.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Takes the environment that the supervisor started the process with."""
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._every_s = _microseconds(environ) / 2_000_000
        self._ready, self._told = False, 0.0

    def worked(self, recovered: bool) -> None:
        """Takes note that a cycle was finished; one that still `recovered` nothing of the past makes nobody ready."""
        if recovered and not self._ready:
            self._ready = True
            self._tell("READY=1\nSTATUS=trading")
        now = time.monotonic()
        if self._every_s and now - self._told >= self._every_s:
            self._told = now
            self._tell("WATCHDOG=1")

    def waits(self, why: str) -> None:
        """Tells that it waits, and that this is no hang."""
        self._tell(f"STATUS=waits: {' '.join(why.split())}\nWATCHDOG=1\nEXTEND_TIMEOUT_USEC={PATIENCE_S * 1_000_000}")

    def ends(self) -> None:
        """Tells that it ends in order."""
        self._tell("STOPPING=1")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.setblocking(False)
                line.sendto(text.encode(), self._address)
        except OSError:
            return  # who looks after us does not listen: that is its trouble, not that of what is held


def _microseconds(environ: Mapping[str, str]) -> int:
    """Gives how long the supervisor bears silence, 0 for ever: what it says of another process is not for this one."""
    told, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not told.isdecimal() or not told.isascii() or pid not in ("", str(os.getpid())):
        return 0
    return int(told[:18])
