"""The watch: a thread that looks after what is open at the exchange, and what becomes of entries when it cannot."""

import threading
from typing import TYPE_CHECKING

from engine.errors import Bug

if TYPE_CHECKING:
    from engine.world.venues.live.venue import LiveVenue

WATCH_EVERY_S = 0.2
BROKEN_EVERY_S = 5.0
#: So often the watch is begun again.
MOST_DEATHS = 3


class Watch:
    """Looks after the orders, books and time of one venue, several times a second."""

    def __init__(self, venue: "LiveVenue") -> None:
        """Looks for this venue, once it has begun."""
        self._venue = venue
        self._thread: threading.Thread | None = None
        self._deaths, self._broke = 0, -BROKEN_EVERY_S

    def begin(self) -> None:
        """Begins to look."""
        self._thread = threading.Thread(target=self._run, name="hot-account", daemon=True)
        self._thread.start()

    def guard(self) -> None:
        """Begins the watch again where its thread has died; the last time entries are blocked, and then all ends."""
        if self._thread is None or self._thread.is_alive() or self._venue.stopping.is_set():
            return
        if self._deaths > MOST_DEATHS:
            raise Bug("what looks after the account's orders has died too often; stops rest at the exchange")
        self._deaths += 1
        if self._deaths > MOST_DEATHS:
            self._venue.tell_condition("watch", "blocked", "watch_died", needs_resume=True)
            return
        self._venue.tell_alert("error", "WATCH_DIED", "what looks after the account's orders died: it is begun again")
        self.begin()

    def _run(self) -> None:
        """Looks after what is open until the end."""
        venue = self._venue
        while not self._venue.stopping.wait(WATCH_EVERY_S):
            try:
                venue.lookups.look()
                venue.syncing.look()
                venue.syncing.strangers.look()
                venue.dead_man.look()
                venue.care.look()
            except Exception as error:
                # A watch that ended would leave orders in doubt for ever: it goes on, and entries stop.
                self.broken(error)

    def broken(self, error: BaseException) -> None:
        """A defect of ours must stop entries, and be heard of; one that lasts is told every few seconds."""
        if self._venue.mono() - self._broke < BROKEN_EVERY_S:
            return
        self._broke = self._venue.mono()
        self._venue.tell_condition("defect", "blocked", f"defect_{type(error).__name__}", needs_resume=True)

    def join(self) -> None:
        """Waits for the end of the look that was begun."""
        if self._thread is not None:
            self._thread.join(2 * WATCH_EVERY_S)
