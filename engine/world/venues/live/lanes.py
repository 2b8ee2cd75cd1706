"""Lanes: what concerns one symbol happens one after the other, different symbols at once."""

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

#: Requests at once: an emergency close of twenty positions must not wait for one that hangs.
THREADS = 24


class Lanes:
    """Work by lane, on a few threads."""

    def __init__(self, on_error: Callable[[BaseException], None], threads: int = THREADS) -> None:
        """`on_error` hears what work did not catch: that is a bug, and must not be silent."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hot-lane")
        self._waiting: dict[str, deque[Callable[[], None]]] = {}
        self._lock = Lock()
        self._on_error = on_error

    def put(self, lane: str, work: Callable[[], None]) -> None:
        """Has work done after all that was put into its lane before."""
        with self._lock:
            queue = self._waiting.get(lane)
            if queue is not None:
                queue.append(work)
                return
            self._waiting[lane] = deque([work])
        self._pool.submit(self._run, lane)

    def close(self, wait: bool = True) -> None:
        """Takes no more work; finishes what was begun."""
        with self._lock:
            for queue in self._waiting.values():
                queue.clear()
        self._pool.shutdown(wait=wait, cancel_futures=True)

    def _run(self, lane: str) -> None:
        while True:
            with self._lock:
                queue = self._waiting[lane]
                if not queue:
                    del self._waiting[lane]
                    return
                work = queue.popleft()
            try:
                work()
            except BaseException as error:
                self._on_error(error)
