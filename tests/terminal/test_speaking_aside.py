"""Whoever trades is not held up by whoever listens: a stderr that nobody reads, or whose reader has gone."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hot_runs import HOT, env
from patience import until

from cli.aside import MOST_LINES, Aside
from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.world.loopback.serving import Serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes of a Unix")


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe's two ends; what is still open at the end is closed."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            try:
                os.close(end)
            except OSError:
                continue


def fill(writing: int) -> None:
    """Leaves no room in a pipe."""
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x" * 512)
    except BlockingIOError:
        os.set_blocking(writing, True)


def test_what_a_slow_reader_missed_is_counted_and_the_newest_is_kept() -> None:
    with pipe() as (reading, writing), os.fdopen(os.dup(writing), "w") as below:
        aside = Aside(below)
        aside.write("first\n")
        fill(writing)
        began = time.monotonic()
        for number in range(MOST_LINES + 10):
            aside.write(f"line {number} {'.' * 300}\n")
        assert time.monotonic() - began < 5
        heard = b""
        while b"line 509 " not in heard:
            heard += os.read(reading, 1 << 16)
            aside.flush()
    lines = heard.replace(b"x" * 512, b"").decode().splitlines()
    assert lines[0] == "first"
    assert "10 messages were not read in time" in heard.decode()
    assert [line.split(" ")[1] for line in lines if line.startswith("line")] == [str(n) for n in range(10, 510)]


def test_a_reader_that_has_gone_is_no_error() -> None:
    with pipe() as (reading, writing), os.fdopen(os.dup(writing), "w") as below:
        os.close(reading)
        aside = Aside(below)
        aside.write("to nobody\n")
        aside.flush()
        aside.end()


def ticks(path: Path) -> int:
    try:
        with Ledger.read(path) as ledger:
            return len(list(ledger.lines(kinds=["tick"])))
    except LedgerError:  # there is none yet
        return 0


def gone(reading: int, _: int) -> None:
    os.close(reading)


@pytest.mark.parametrize("befalls", [gone, lambda _, writing: fill(writing)], ids=["gone", "full"])
def test_a_daemon_goes_on_without_a_listener(
    venue: Serving, tmp_path: Path, befalls: Callable[[int, int], None]
) -> None:
    path = tmp_path / "paper.db"
    words = ["daemon", "--venue", "binance-spot", "--ledger", str(path), "--set", "scan.cycle_s=1"]
    where = env(tmp_path, HOT_LIVE__REST_URL=venue.rest_url, HOT_LIVE__STREAM_URL=venue.stream_url)
    with pipe() as (reading, writing):
        befalls(reading, writing)
        daemon = subprocess.Popen([*HOT, *words], env=where, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=writing)
        try:
            until(lambda: ticks(path) > 2)
            assert daemon.poll() is None
            daemon.terminate()
            assert daemon.wait(60) == 0
        finally:
            daemon.kill()
            daemon.wait(60)
