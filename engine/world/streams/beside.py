"""Beside a live market: other sources (announcements, posts), each on a thread, whose facts go into the same inbox."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Protocol

from engine.plugs import Source
from engine.world.streams.clock import Clock
from engine.world.streams.inbox import Inbox

STOP_WITHIN_S = 1.0
#: A source waits so long, in seconds, while the inbox is full.
_WAIT_S = 0.02


class MakeSource(Protocol):
    """Makes a source whose facts carry the instants of `clock`, and that ends soon after `stopped` says so."""

    def __call__(self, *, clock: Clock, stopped: Callable[[], bool]) -> Source:
        """Gives the source."""
        ...


class Beside:
    """One source beside a market. What goes wrong with it that it does not tell itself ends the market's stream."""

    def __init__(self, make: MakeSource, clock: Clock, inbox: Inbox) -> None:
        """Makes the source; raises what that raises."""
        self._over, self._inbox = Event(), inbox
        self._source = make(clock=clock, stopped=self._over.is_set)
        self._thread = Thread(target=self._run, name="hot-beside", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the source; waits a second at most."""
        self._over.set()
        self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        try:
            for entry in self._source.facts():
                while not self._inbox.roomy and not self._over.wait(_WAIT_S):
                    pass
                if entry.record is not None:
                    self._inbox.put([entry.record])
        except Exception as error:
            self._inbox.fail(error)
