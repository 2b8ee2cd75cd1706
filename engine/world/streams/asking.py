"""Asking by REST from the sockets' thread: calls that block, on threads that never keep the process from ending."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
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
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()

        def make() -> None:
            try:
                answer = call(*arguments)
            except Exception as error:
                _tell(loop, future, None, error)
            else:
                _tell(loop, future, answer, None)

        self._calls.put(make)
        return await future

    def stop(self) -> None:
        """Ends the threads, each after the call it is at."""
        for _ in range(self._threads):
            self._calls.put(None)

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()


def _tell(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]", answer: Any, error: Exception | None) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(answer)

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def ask_unless(call: Callable[[], Answer], stopped: Callable[[], bool]) -> Answer | None:
    """Gives what a call gives, and raises what it raises; None where `stopped` says so first: then nobody waits."""
    answer: Future[Answer] = Future()

    def make() -> None:
        try:
            answer.set_result(call())
        except Exception as error:
            answer.set_exception(error)

    Thread(target=make, name="hot-first", daemon=True).start()
    while not stopped():
        with suppress(TimeoutError):
            return answer.result(LOOK_S)
    return None
