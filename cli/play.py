"""Playing a session at the terminal: progress on stderr, decisions on stdout where they are wanted, signals obeyed."""

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType

from cli.options import utc
from cli.show import say
from engine.errors import Exit
from engine.records.base import Record
from engine.records.wire import COMPARED, encode
from engine.runs.progress import Progress
from engine.world.unbroken import Gaps

#: Progress is told this often where stderr is no terminal.
_LOG_EVERY_S = 15.0


class Stopped(BaseException):
    """An end was asked for while nothing was at stake yet."""


class Stop:
    """The first TERM or INT asks for an end in order; a second one ends at once."""

    def __init__(self) -> None:
        self.asked = False
        self._leaves = False
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        """Says whether an end was asked for."""
        return self.asked

    def __enter__(self) -> "Stop":
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.asked:
            os._exit(Exit.SIGNAL + number)
        self.asked = True
        if self._leaves:
            self._leaves = False
            raise Stopped

    @contextmanager
    def leaves(self) -> Iterator[None]:
        """Has the first signal break off what is done inside, with Stopped: a start that waits for a silent venue."""
        self._leaves = True
        try:
            yield
        finally:
            self._leaves = False

    def wait(self, seconds: float) -> bool:
        """Sleeps in small pieces; True when an end was asked for meanwhile."""
        until = time.monotonic() + seconds
        while not self.asked and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.2))
        return self.asked


def tell_market(command: str, empty: bool, gaps: Gaps, unheard: Sequence[str] = ()) -> None:
    """Tells what a market that was played lacked: all prices, those of `unheard` symbols, or candles between others."""
    if empty:
        say(f"{command}: the market has no prices, or none within --since, --until and --symbol")
    elif unheard:
        say(f"{command}: the market has no prices of {', '.join(unheard)}, which --symbol names")
    if gaps.holes:
        say(
            f"{command}: {gaps.missing} {'candle is' if gaps.missing == 1 else 'candles are'} missing, in {gaps.holes} "
            f"{'hole' if gaps.holes == 1 else 'holes'}; nothing is filled in, a symbol is cold after one"
        )


class Decisions:
    """Writes decisions to stdout as JSONL, in large writes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def __call__(self, record: Record) -> None:
        """Takes a record; facts are passed over."""
        kind = record.kind
        if kind in COMPARED:
            self._parts.append(encode(record))
            if kind == "tick":
                self.flush()

    def flush(self) -> None:
        """Hands on what has gathered."""
        if self._parts:
            sys.stdout.buffer.write(b"\n".join(self._parts) + b"\n")
            sys.stdout.buffer.flush()
            self._parts = []


class Bar:
    """A progress display: a live line on a terminal, a line now and then elsewhere, nothing with --quiet."""

    def __init__(self, name: str, quiet: bool, span: tuple[int, int] | None) -> None:
        self._name, self._quiet, self._span = name, quiet, span
        self._started = self._told = time.monotonic()
        self._live = not quiet and sys.stderr.isatty()
        self._progress: object = None
        self._task: object = None

    def __enter__(self) -> "Bar":
        if self._live:
            self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._progress is not None:
            self._progress.stop()  # type: ignore[attr-defined]

    def _open(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(), TextColumn("{task.fields[where]}", markup=False), console=Console(stderr=True),
            transient=True,
        )  # fmt: skip
        self._progress.start()
        total = self._span[1] - self._span[0] if self._span else None
        self._task = self._progress.add_task(self._name, total=total, where="")

    def show(self, now: Progress) -> None:
        """Shows where a session is."""
        self.tell(now.at, f"{now.ticks} cycles  {now.fills} fills{'  (recalling)' if now.catching_up else ''}")

    def tell(self, at: int, what: str) -> None:
        """Shows how far record time has come, and what was done until then."""
        if self._quiet:
            return
        clock = time.monotonic()
        if clock - self._told < (0.1 if self._live else _LOG_EVERY_S):
            return
        self._told = clock
        where = f"{utc(at)[:16]} UTC  {what}"
        if self._progress is not None:
            done = at - self._span[0] if self._span else None
            self._progress.update(self._task, completed=done, where=where)  # type: ignore[attr-defined]
        else:
            say(f"{self._name}: {self._percent(at)}{where}")

    def _percent(self, at: int) -> str:
        if not self._span or self._span[1] <= self._span[0]:
            return ""
        return f"{100 * (at - self._span[0]) // (self._span[1] - self._span[0])} %  "

    @property
    def seconds(self) -> float:
        """How long it has been."""
        return time.monotonic() - self._started


def drive(steps: Iterable[Progress], bar: Bar) -> Progress | None:
    """Runs a session to its end or stop, showing progress; gives where it ended."""
    last: Progress | None = None
    for last in steps:
        bar.show(last)
    return last
