"""Who runs the trials: processes on this machine, or the workers of a Dask cluster; both run the same function."""

import os
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from engine.errors import ConfigError, HotError, UsageError, VenueError
from engine.runs.cores import share
from engine.runs.sweep.trial import Job, Outcome, run_trial

#: How often a stop is looked for while trials run.
_LOOK_S = 0.2
#: How long a scheduler, and its first worker, may take to answer.
_ANSWER_S = 5.0
#: A cluster without any worker for so long is given up.
_ALONE_S = 60.0


class Failed(NamedTuple):
    """A trial without figures, and why."""

    reason: str


Answer = tuple[int, Outcome | Failed]


class Workers(Protocol):
    """Runs jobs somewhere else."""

    def run(self, jobs: Sequence[Job], stopped: Callable[[], bool]) -> Iterator[Answer]:
        """Gives the index of each job with what came of it, as they end; ends early when `stopped` says so."""
        ...

    def close(self) -> None:
        """Lets go of whoever worked."""
        ...


def reason_of(error: BaseException) -> str:
    """Gives one line about what a trial raised."""
    text = " ".join(str(error).split())
    return text if isinstance(error, HotError) else f"{type(error).__name__}: {text}"


class _Running(NamedTuple):
    slot: int
    job: int
    again: bool


class LocalWorkers:
    """Processes of this machine; each has an executor of its own, so that a death tells which trial it was."""

    def __init__(self, count: int) -> None:
        """Starts nothing yet."""
        self._context = get_context("spawn")
        # Nothing is ever written: the end of this process, or `close`, ends the workers' reading.
        self._their_end, self._our_end = self._context.Pipe(duplex=False)
        self._count = count
        self._slots = [self._fresh() for _ in range(count)]

    def _fresh(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self._context, initializer=_begin, initargs=(self._their_end, self._count))

    def run(self, jobs: Sequence[Job], stopped: Callable[[], bool]) -> Iterator[Answer]:
        """Runs each job in the next free process; one whose process dies once more, in a fresh one."""
        waiting = deque((index, False) for index in range(len(jobs)))
        free = list(range(len(self._slots)))
        running: dict[Future[Outcome], _Running] = {}
        while waiting or running:
            while free and waiting:
                index, again = waiting.popleft()
                slot = free.pop(0)
                running[self._submit(slot, jobs[index])] = _Running(slot, index, again)
            done, _ = wait(running, _LOOK_S, FIRST_COMPLETED)
            for future in done:
                was = running.pop(future)
                free.append(was.slot)
                error = future.exception()
                if not isinstance(error, BrokenProcessPool):
                    yield was.job, Failed(reason_of(error)) if error is not None else future.result()
                    continue
                self._slots[was.slot] = self._fresh()
                if was.again:
                    yield was.job, Failed("its process died, twice")
                else:
                    waiting.appendleft((was.job, True))
            if stopped():
                return

    def _submit(self, slot: int, job: Job) -> Future[Outcome]:
        try:
            return self._slots[slot].submit(run_trial, job)
        except BrokenProcessPool:  # it died between two trials
            self._slots[slot] = self._fresh()
            return self._slots[slot].submit(run_trial, job)

    def close(self) -> None:
        """Ends the processes at once; what they were doing is lost."""
        self._our_end.close()
        for slot in self._slots:
            slot.shutdown(wait=True, cancel_futures=True)
        self._their_end.close()


def _begin(ours: "Connection[Any, Any]", workers: int) -> None:
    """Prepares one of so many workers: Ctrl-C is the parent's to hear, and no worker outlives the parent."""
    share(workers)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with, args=(ours,), daemon=True).start()


def _leave_with(ours: "Connection[Any, Any]") -> None:
    ours.poll(None)
    os._exit(0)


def _call(address: str) -> None:
    """Raises VenueError where nobody listens, or something else than Dask, and UsageError for what is no address.

    Dask itself would try for long, for ever where something else listens, and leave a stack on stderr.
    """
    url = urlsplit(address if "://" in address else f"tcp://{address}")
    try:
        host, port = url.hostname, url.port
    except ValueError:
        host, port = None, None
    if not host or not port:
        raise UsageError(f"--scheduler {address}: write it as tcp://host:port")
    try:
        with socket.create_connection((host, port), _ANSWER_S) as line:
            # A scheduler speaks first, but for TLS.
            spoken = url.scheme != "tcp" or line.recv(1)
    except OSError as error:
        raise _nobody(address, str(error.strerror or error)) from None
    if not spoken:
        raise _nobody(address, "what listens there hung up")


def _nobody(address: str, reason: str) -> VenueError:
    return VenueError(f"no Dask scheduler answers at {address} ({reason}): start one with dask scheduler")


class DaskWorkers:
    """The workers of a Dask cluster; a trial whose worker dies goes to another, as often as the scheduler allows."""

    def __init__(self, address: str) -> None:
        """Raises VenueError for a scheduler that does not answer or has no worker, ConfigError without distributed."""
        try:
            self._dask: Any = import_module("distributed")
        except ImportError:
            raise ConfigError("--scheduler needs Dask: pip install 'hotcoin[cluster]'") from None
        _call(address)
        try:
            self._client: Any = self._dask.Client(address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, ValueError, TypeError, MemoryError) as error:
            # Whatever else listens there answers with bytes that Dask takes for lengths and pickles.
            raise _nobody(address, reason_of(error)) from None
        try:
            self._client.wait_for_workers(1, timeout=_ANSWER_S)
        except TimeoutError:
            self.close()
            raise VenueError(f"{address} has no worker: start one with dask worker {address}") from None

    def run(self, jobs: Sequence[Job], stopped: Callable[[], bool]) -> Iterator[Answer]:
        """Hands all jobs to the scheduler; raises VenueError when it, or every worker, has gone."""
        running = {self._client.submit(run_trial, job, pure=False): index for index, job in enumerate(jobs)}
        alone = 0.0
        while running:
            done = self._done(running)
            alone = 0.0 if self._client.nthreads() else alone + _LOOK_S
            if alone > _ALONE_S:
                raise VenueError(f"no worker of the cluster is left; what was done is kept, {len(running)} trials wait")
            for future in done:
                yield running.pop(future), self._answer(future)
            if stopped():
                self._client.cancel(list(running))
                return

    def _done(self, running: dict[Any, int]) -> list[Any]:
        try:
            with self._client.as_current():
                done = self._dask.wait(list(running), timeout=_LOOK_S, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            done = set()
        if self._client.status != "running" or any(future.status in ("cancelled", "lost") for future in done):
            raise VenueError(f"the Dask scheduler has gone; what was done is kept, {len(running)} trials wait")
        return list(done)

    def _answer(self, future: Any) -> Outcome | Failed:
        error = future.exception()
        if isinstance(error, self._dask.KilledWorker):
            return Failed("its worker died, again and again")
        return Failed(reason_of(error)) if error is not None else future.result()

    def close(self) -> None:
        """Leaves the cluster."""
        self._client.close(timeout=_ANSWER_S)
