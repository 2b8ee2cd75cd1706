"""Lanes: what concerns one symbol happens one after the other, different symbols at once."""

import threading
from collections import deque
from collections.abc import Callable

#: Requests at once: an emergency close of twenty positions must not wait for one that hangs.
THREADS = 24


class Lanes:
    """Work by lane, on a few threads. They keep no process from its end: a request that hangs may hang for long."""

    def __init__(self, on_error: Callable[[BaseException], None], threads: int = THREADS) -> None:
        """`on_error` hears what work did not catch: that is a bug, and must not be silent."""
        self._threads, self._on_error = threads, on_error
        self._waiting: dict[str, deque[Callable[[], None]]] = {}
        self._ready: deque[str] = deque()
        self._running = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, lane: str, work: Callable[[], None]) -> None:
        """Has work done after all that was put into its lane before."""
        with self._changed:
            if self._closed:
                return
            if lane in self._waiting:
                self._waiting[lane].append(work)
                return
            self._waiting[lane] = deque([work])
            self._ready.append(lane)
            if self._running == self._threads:
                return
            self._running += 1
        threading.Thread(target=self._run, name="hot-lane", daemon=True).start()

    def close(self, within_s: float = 5.0) -> bool:
        """Takes no more work; says whether what was begun came to its end within the time."""
        with self._changed:
            self._closed = True
            for queue in self._waiting.values():
                queue.clear()
            return self._changed.wait_for(lambda: not self._running, within_s)

    def _run(self) -> None:
        """Works through one lane after the other, until none is ready."""
        while (lane := self._next_lane()) is not None:
            while (work := self._next_work(lane)) is not None:
                try:
                    work()
                except BaseException as error:
                    self._on_error(error)

    def _next_lane(self) -> str | None:
        with self._changed:
            if self._ready:
                return self._ready.popleft()
            self._running -= 1
            self._changed.notify_all()
            return None

    def _next_work(self, lane: str) -> Callable[[], None] | None:
        with self._changed:
            queue = self._waiting[lane]
            if queue:
                return queue.popleft()
            del self._waiting[lane]
            return None
