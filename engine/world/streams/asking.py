"""Asking by REST from the sockets' thread: calls that block, on threads that never keep the process from ending."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

Answer = TypeVar("Answer")
#: Whoever waits for an answer outside of the sockets' thread looks so often whether it was told to stop.
LOOK_S = 0.1


class Asking:
    """A few daemon threads that make calls; one call more waits until a thread is free."""

    def __init__(self, threads: int = 6) -> None:
        """Starts the threads."""
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = threads
        for i in range(threads):
            Thread(target=self._work, name=f"hot-rest-{i}", daemon=True).start()

    async def ask(self, call: Callable[..., Answer], *arguments: Any) -> Answer:
        """Gives what a call gives; raises what it raises."""
        answer: Future[Answer] = Future()
        self._calls.put(partial(_settle, answer, partial(call, *arguments)))
        return await asyncio.wrap_future(answer)

    def stop(self) -> None:
        """Ends the threads, each after the call it is at."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _settle(answer: "Future[Answer]", call: Callable[[], Answer]) -> None:
    if not answer.set_running_or_notify_cancel():
        return
    try:
        answer.set_result(call())
    except Exception as error:  # whatever it is: who asked gets it, and this thread goes on with the next call
        answer.set_exception(error)


def ask_unless(call: Callable[[], Answer], stopped: Callable[[], bool]) -> Answer | None:
    """Gives what a call gives, and raises what it raises; None where `stopped` says so first: then nobody waits."""
    answer: Future[Answer] = Future()
    Thread(target=_settle, args=(answer, call), name="hot-first", daemon=True).start()
    while not stopped():
        with suppress(TimeoutError):
            return answer.result(LOOK_S)
    return None
