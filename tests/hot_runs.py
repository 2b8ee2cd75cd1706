"""`hot` as a new user has it: a process with no settings of ours, and its data in a folder of the test's own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from engine.records.wire import COMPARED, kind_of_line

Done = subprocess.CompletedProcess[bytes]
Hot = Callable[..., Done]
ROOT = Path(__file__).parent.parent
SESSION = ROOT / "examples" / "session"
#: The stages of a pipe behind the scan.
STAGES = ("rank", "signal", "precheck", "order")
HOT = (sys.executable, "-m", "cli.main")


class Said(NamedTuple):
    """What a command gave that was called in the test's own process: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


def env(folder: Path, **more: str) -> dict[str, str]:
    """Gives the environment of a new user whose data go to `folder`, with more variables of one's own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    return {**clean, "HOT_DATA__DIR": str(folder / "data"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **more}


def run_hot(folder: Path, *words: str, stdin: bytes | None = None, **more: str) -> Done:
    """Runs `hot` in a folder, behind a pipe where `stdin` is given; gives what it printed and its exit code."""
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    return subprocess.run(
        [*HOT, *words], capture_output=True, env=env(folder, **more), cwd=folder, timeout=280, **given
    )


def start_hot(folder: Path, *words: str, **more: str) -> "subprocess.Popen[bytes]":
    """Starts `hot` in a folder, with nothing on stdin and its output in pipes."""
    return subprocess.Popen(
        [*HOT, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=env(folder, **more), cwd=folder,
    )  # fmt: skip


def compared(lines: bytes) -> list[bytes]:
    """Gives the lines whose bytes must be the same everywhere."""
    return [line for line in lines.splitlines() if kind_of_line(line) in COMPARED]
