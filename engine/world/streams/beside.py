"""Beside a live market: other sources (announcements, posts), each on a thread, whose facts go into the same inbox."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Literal, Protocol

from engine.plugs import Source
from engine.records.desk import Alert
from engine.world.streams.clock import Clock
from engine.world.streams.inbox import Inbox

STOP_WITHIN_S = 1.0
#: One that failed begins again after so long.
AGAIN_S = 60.0
#: A source waits so long, in seconds, while the inbox is full.
_WAIT_S = 0.02


class MakeSource(Protocol):
    """Makes a source whose facts carry the instants of `clock`, and that ends soon after `stopped` says so."""

    def __call__(self, *, clock: Clock, stopped: Callable[[], bool]) -> Source:
        """Gives the source."""
        ...


class Beside:
    """One source beside a market. Whatever goes wrong with it is told, and never ends the market's own stream."""

    def __init__(self, make: MakeSource, clock: Clock, inbox: Inbox, again_s: float = AGAIN_S) -> None:
        """Makes the source; raises what that raises."""
        self._over, self._clock, self._inbox, self._again_s = Event(), clock, inbox, again_s
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
        name = type(self._source).__name__.lower()
        while not self._over.is_set():
            try:
                self._pass_on()
            except Exception as error:
                # Whatever ails a side source, the market goes on; it is told, and tried again.
                again = f"tried again in {self._again_s:g} s"
                self._tell("error", "SOURCE_FAILED", f"{name}: {type(error).__name__}: {error}; {again}")
                self._over.wait(self._again_s)
                continue
            if not self._over.is_set():
                self._tell("info", "SOURCE_ENDED", f"{name}: nothing more comes of it")
            return

    def _pass_on(self) -> None:
        for entry in self._source.facts():
            while not self._inbox.roomy and not self._over.wait(_WAIT_S):
                pass
            if entry.record is not None:
                self._inbox.put([entry.record])

    def _tell(self, level: Literal["info", "error"], code: str, text: str) -> None:
        self._inbox.put([Alert(at=self._clock().at, level=level, code=code, text=text)])
