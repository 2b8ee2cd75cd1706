"""A small market cut from the bundled session, and `hot` as a process."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from small_market import CUT, ROOT, SESSION, STAGES


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of a new user: no settings of ours, data in a folder of the test's own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    return {**clean, "HOT_DATA__DIR": str(tmp_path / "data"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


@pytest.fixture
def hot(tmp_path: Path, env: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Runs `hot` in a folder of the test's own; gives what it printed and its exit code."""

    def run(*words: str, stdin: bytes | None = b"", timeout: float = 120) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *words], input=stdin, capture_output=True, env=env, cwd=tmp_path,
            timeout=timeout,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def piped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What each stage of the pipe wrote over the small market, stage by stage through files."""
    folder = tmp_path_factory.mktemp("piped")
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    env = {**clean, "HOT_DATA__DIR": str(folder), "PYTHONPATH": str(ROOT)}

    def stage(*words: str, stdin: bytes = b"") -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", "cli.main", *words],
            input=stdin,
            capture_output=True,
            env=env,
            cwd=folder,
            check=True,
        )
        return done.stdout

    out = {"scan": stage("scan", "--market", str(SESSION), *CUT)}
    before = out["scan"]
    for name in STAGES:
        more = ("--paper", "--ledger", str(folder / "pipe.db")) if name == "order" else ()
        before = out[name] = stage(name, *more, stdin=before)
    return out
