"""A daemon tells whoever looks after it: ready after it recovered, at work while it works, silent when it hangs."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hot_runs import HOT, env
from patience import until

from engine.world.loopback.serving import Serving
from engine.world.supervisor import Supervisor

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets of a Unix")


class Ear:
    """Hears what a process tells its supervisor."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / "n")
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(self.path)
        self._line.setblocking(False)
        self.heard: list[str] = []

    def hear(self) -> list[str]:
        """Gives everything that was told so far."""
        while True:
            try:
                self.heard += self._line.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self.heard

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def ear(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ear]:
    made = Ear(tmp_path_factory.mktemp("n"))
    yield made
    made.close()


def test_it_is_ready_when_it_has_recovered_and_tells_half_as_often_as_it_must(ear: Ear) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": ear.path, "WATCHDOG_USEC": "200000"})
    supervisor.worked(False)
    assert ear.hear() == ["WATCHDOG=1"]
    supervisor.worked(True)
    supervisor.worked(True)
    assert ear.hear()[1:] == ["READY=1", "STATUS=trading"]
    time.sleep(0.11)
    supervisor.worked(True)
    supervisor.ends()
    assert ear.hear()[3:] == ["WATCHDOG=1", "STOPPING=1"]


def test_whoever_waits_says_why_in_one_line_and_asks_for_time(ear: Ear) -> None:
    Supervisor({"NOTIFY_SOCKET": ear.path}).waits("not reached\nREADY=1")
    assert ear.hear() == ["STATUS=waits: not reached READY=1", "WATCHDOG=1", "EXTEND_TIMEOUT_USEC=60000000"]


@pytest.mark.parametrize(
    "environ",
    [{}, {"NOTIFY_SOCKET": "/nowhere/at/all"}, {"NOTIFY_SOCKET": "@" + "x" * 300}, {"NOTIFY_SOCKET": "\udcff"}],
)
def test_without_anybody_who_listens_nothing_fails(environ: dict[str, str]) -> None:
    supervisor = Supervisor({**environ, "WATCHDOG_USEC": "1"})
    supervisor.worked(True)
    supervisor.ends()


@pytest.mark.parametrize("told", [{"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}, {}])
def test_a_watchdog_that_is_none_of_ours_hears_nothing(ear: Ear, told: dict[str, str]) -> None:
    Supervisor({"NOTIFY_SOCKET": ear.path, **told}).worked(False)
    assert ear.hear() == []


def test_a_daemon_that_hangs_falls_silent(venue: Serving, tmp_path: Path, ear: Ear) -> None:
    words = ["daemon", "--venue", "binance-spot", "--ledger", "paper.db", "--set", "scan.cycle_s=1", "-q"]
    where = env(
        tmp_path, HOT_LIVE__REST_URL=venue.rest_url, HOT_LIVE__STREAM_URL=venue.stream_url,
        NOTIFY_SOCKET=ear.path, WATCHDOG_USEC="1000000",
    )  # fmt: skip
    daemon = subprocess.Popen([*HOT, *words], env=where, cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        until(lambda: "READY=1" in ear.hear() and ear.heard.count("WATCHDOG=1") > 2)
        os.kill(daemon.pid, signal.SIGSTOP)
        time.sleep(0.2)
        before = len(ear.hear())
        time.sleep(2)
        assert len(ear.hear()) == before
        os.kill(daemon.pid, signal.SIGCONT)
        until(lambda: ear.hear()[before:].count("WATCHDOG=1") > 1)
        daemon.terminate()
        assert daemon.wait(60) == 0
        assert "STOPPING=1" in ear.hear()
    finally:
        daemon.kill()
        daemon.wait(60)
