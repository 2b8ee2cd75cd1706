"""SIGINT ends every command alike, also one that a script's shell began with `&`, and while nothing comes on stdin."""

import fcntl
import json
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hot_runs import HOT, env
from patience import NEVER_S, until

ENDS = 128 + signal.SIGINT
#: Commands that wait for stdin, with the exit code of an end that was asked for.
WAITING = {
    "scan --market -": ENDS, "rank": ENDS, "signal": ENDS, "precheck": ENDS, "order --paper": ENDS, "import -": ENDS,
    "backtest --market -": ENDS, "run --market -": 0, "daemon --market -": 0, "record --market - --out tape": 0,
}  # fmt: skip
#: What a shell without job control does to a command behind which an `&` stands.
DEAF = ("sh", "-c", 'trap "" INT; exec "$@"', "sh")
LINE = b'{"kind":"candidate","at":1}\n'


def unread(pipe: int) -> int:
    """Gives how many bytes of a pipe nobody has taken."""
    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4))[0])


@pytest.mark.skipif(sys.platform != "linux", reason="asks the writing end what is unread")
@pytest.mark.parametrize("words", WAITING)
def test_a_command_that_was_begun_deaf_to_interrupts_ends_by_one(tmp_path: Path, words: str) -> None:
    with (
        (tmp_path / "said").open("wb") as said,
        subprocess.Popen(
            [*DEAF, *HOT, *words.split()], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said,
            env=env(tmp_path), cwd=tmp_path,
        ) as process,
    ):  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(LINE)
        process.stdin.flush()
        try:
            until(lambda: unread(process.stdin.fileno()) == 0)
            process.send_signal(signal.SIGINT)
            code = process.wait(NEVER_S)  # its stdin is open still
        finally:
            process.kill()

    assert (code, b"Traceback" in (tmp_path / "said").read_bytes()) == (WAITING[words], False)


def test_a_backtest_whose_stream_was_stopped_is_not_complete(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*HOT, "backtest", "--market", "-", "--out", "results"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env=env(tmp_path), cwd=tmp_path,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(LINE)
        process.stdin.flush()
        try:
            until(lambda: unread(process.stdin.fileno()) == 0)
            process.send_signal(signal.SIGINT)
            process.wait(NEVER_S)
        finally:
            process.kill()

    assert json.loads((tmp_path / "results" / "manifest.json").read_text())["complete"] is False
