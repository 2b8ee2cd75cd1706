"""The watch: a thread that looks after what is open at the exchange, and what becomes of entries when it cannot."""

import threading
from collections.abc import Sequence
from typing import Protocol

from engine.errors import Bug
from engine.world.venues.live.hub import Hub

WATCH_EVERY_S = 0.2
#: So often the watch is begun again.
MOST_DEATHS = 3


class Looks(Protocol):
    """A part of a live venue that looks after something."""

    def look(self) -> None:
        """Does what is due."""


class Watch:
    """Has the parts of one venue look, several times a second."""

    def __init__(self, hub: Hub, parts: Sequence[Looks]) -> None:
        """Looks once it has begun."""
        self._hub, self._parts = hub, parts
        self._thread: threading.Thread | None = None
        self._deaths = 0

    def begin(self) -> None:
        """Begins to look."""
        self._thread = threading.Thread(target=self._run, name="hot-account", daemon=True)
        self._thread.start()

    def guard(self) -> None:
        """Begins the watch again where its thread has died; the last time entries are blocked, and then all ends."""
        if self._thread is None or self._thread.is_alive() or self._hub.stopping.is_set():
            return
        if self._deaths > MOST_DEATHS:
            raise Bug("what looks after the account's orders has died too often; stops rest at the exchange")
        self._deaths += 1
        if self._deaths > MOST_DEATHS:
            self._hub.tell_condition("watch", "blocked", "watch_died", needs_resume=True)
            return
        self._hub.tell_alert("error", "WATCH_DIED", "what looks after the account's orders died: it is begun again")
        self.begin()

    def _run(self) -> None:
        """Looks after what is open until the end."""
        while not self._hub.stopping.wait(WATCH_EVERY_S):
            try:
                for part in self._parts:
                    part.look()
            except Exception as error:
                # A watch that ended would leave orders in doubt for ever: it goes on, and entries stop.
                self._hub.broken(error)

    def join(self) -> None:
        """Waits for the end of the look that was begun."""
        if self._thread is not None:
            self._thread.join(2 * WATCH_EVERY_S)
