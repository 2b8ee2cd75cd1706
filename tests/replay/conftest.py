"""A small market cut from the bundled session, its ledger and its files."""

from pathlib import Path

import pytest
from hot_runs import SESSION, STAGES, run_hot
from replay_market import CUT


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
