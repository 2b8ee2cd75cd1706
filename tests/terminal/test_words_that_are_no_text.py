"""Words that are not UTF-8 are told in one line, whatever they are for: none of them could stand in a record."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BARS = str(ROOT / "examples" / "bars.jsonl")


def told(words: list[bytes], folder: Path, **more: bytes) -> "subprocess.CompletedProcess[bytes]":
    env = {name.encode(): value.encode() for name, value in os.environ.items() if not name.startswith("HOT_")}
    env |= {b"PYTHONPATH": str(ROOT).encode(), b"HOT_DATA__DIR": str(folder).encode()}
    env |= {name.encode(): value for name, value in more.items()}
    made = [sys.executable.encode(), b"-m", b"cli.main", *words]
    return subprocess.run(made, capture_output=True, env=env, cwd=folder, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize(
    "words",
    [
        [b"scan", b"--market", BARS.encode(), b"--symbol", b"\xff\xfe"],
        [b"run", b"--market", BARS.encode(), b"--ledger", b"\xffx.db"],
        [b"scan", b"--market", BARS.encode(), b"--venue", b"binance-\xc3"],
        [b"\xff"],
    ],
)
def test_a_word_of_the_command_line_is_refused(words: list[bytes], tmp_path: Path) -> None:
    done = told(words, tmp_path)
    assert done.returncode == 2 and b"the command line" in done.stderr and b"is not UTF-8" in done.stderr
    assert done.stderr.count(b"\n") == 1 and not done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_setting_of_the_environment_is_refused(tmp_path: Path) -> None:
    done = told([b"scan", b"--market", BARS.encode()], tmp_path, HOT_POSTS__PATH=b"\xff")
    assert done.returncode == 2 and b"HOT_POSTS__PATH" in done.stderr
