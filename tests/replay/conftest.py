"""A small market cut from the bundled session, its ledger and its files, and `hot` as a process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from replay_market import CUT, ROOT, SESSION, STAGES

Hot = Callable[..., "subprocess.CompletedProcess[bytes]"]


def run_hot(folder: Path, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    env = {**clean, "HOT_DATA__DIR": str(folder / "data"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words], input=stdin, capture_output=True, env=env, cwd=folder, timeout=120
    )


@pytest.fixture
def hot(tmp_path: Path) -> Hot:
    """Runs `hot` in a folder of the test's own; gives what it printed and its exit code."""
    return lambda *words, stdin=b"": run_hot(tmp_path, *words, stdin=stdin)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what each stage of a pipe wrote, the pipe's ledger, and the ledger of one process."""
    folder = tmp_path_factory.mktemp("made")
    before = run_hot(folder, "scan", "--market", str(SESSION), *CUT).stdout
    (folder / "scan.jsonl").write_bytes(before)
    for name in STAGES:
        more = ("--paper", "--ledger", "pipe.db") if name == "order" else ()
        before = run_hot(folder, name, *more, stdin=before).stdout
        (folder / f"{name}.jsonl").write_bytes(before)
    done = run_hot(folder, "run", "--market", str(SESSION), *CUT, "--ledger", "run.db", "-q")
    assert done.returncode == 0, done.stderr
    return folder
