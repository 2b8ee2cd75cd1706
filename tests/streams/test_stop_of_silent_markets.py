"""A stop of whoever watches a live market that takes questions and answers none."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hot_runs import start_hot
from patience import until

from engine.errors import VenueError
from engine.world.streams.asking import ask_unless

#: A machine that is busy with something else is slow to end a process; an answer is waited for 15 s.
SOON_S = 4.0
AFTER = {signal.SIGTERM: (0, -signal.SIGTERM), signal.SIGINT: (0, 128 + signal.SIGINT)}


class Hole:
    """A server that takes questions; it answers one for its time where it is told to, and nothing else."""

    def __init__(self) -> None:
        self.tells_time = False
        self.asked: list[bytes] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with suppress(OSError):
            while True:
                peer, _ = self._server.accept()
                self._open.append(peer)
                threading.Thread(target=self._hear, args=(peer,), daemon=True).start()

    def _hear(self, peer: socket.socket) -> None:
        with suppress(OSError):
            while asked := peer.recv(65_536):
                self.asked.append(asked.split(b"\r\n", 1)[0])
                if self.tells_time and b"/time " in self.asked[-1]:
                    body = b'{"serverTime":%d}' % (time.time_ns() // 1_000_000)
                    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    def close(self) -> None:
        for one in [self._server, *self._open]:
            one.close()


@pytest.fixture
def hole() -> Iterator[Hole]:
    server = Hole()
    yield server
    server.close()


@pytest.mark.parametrize("number", AFTER)
@pytest.mark.parametrize("tells_time", [False, True])
@pytest.mark.parametrize("words", ["scan", "run", "daemon --ledger d.db", "record --out tape"])
def test_a_stop_waits_for_no_answer(
    tmp_path: Path, hole: Hole, words: str, tells_time: bool, number: signal.Signals
) -> None:
    hole.tells_time = tells_time
    process = start_hot(
        tmp_path, *words.split(), HOT_LIVE__REST_URL=f"http://127.0.0.1:{hole.port}",
        HOT_LIVE__STREAM_URL=f"ws://127.0.0.1:{hole.port}",
    )  # fmt: skip
    try:
        until(lambda: any(b"/time " not in asked for asked in hole.asked) if tells_time else hole.asked)
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert time.monotonic() - began < SOON_S
        assert process.returncode in AFTER[number]
        assert b"Traceback" not in said
    finally:
        process.kill()
        process.wait()


def test_a_stop_of_a_comparison_waits_for_no_answer(tmp_path: Path, hole: Hole) -> None:
    process = start_hot(
        tmp_path, "sync", "--ledger", "live.db", HOT_LIVE__REST_URL=f"http://127.0.0.1:{hole.port}",
        HOT_LIVE__ACCOUNT_URL=f"ws://127.0.0.1:{hole.port}", HOT_BINANCE_API_KEY="aB3dE6gH" * 8,
        HOT_BINANCE_API_SECRET="zY9xW8vU" * 8,
    )  # fmt: skip
    try:
        until(lambda: hole.asked)
        process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        _, said = process.communicate(timeout=60)
        assert time.monotonic() - began < SOON_S
        assert (process.returncode, b"stopped before" in said) == (69, True), said
    finally:
        process.kill()
        process.wait()


def test_what_a_call_says_or_raises_is_had_unless_a_stop_comes_first() -> None:
    def fail() -> None:
        raise VenueError("no way")

    assert ask_unless(lambda: 7, lambda: False) == 7
    with pytest.raises(VenueError, match="no way"):
        ask_unless(fail, lambda: False)
    ended = threading.Event()
    assert ask_unless(ended.wait, lambda: True) is None
    ended.set()
