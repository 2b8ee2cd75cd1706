"""A small market, and one sweep of it in a single process."""

from pathlib import Path

import pytest
from hot_runs import run_hot
from sweep_market import VARY, write_market


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with market.jsonl, and in `grid` the results of a grid of four points."""
    folder = tmp_path_factory.mktemp("swept")
    write_market(folder / "market.jsonl")
    done = run_hot(
        folder, "sweep", "--market", "market.jsonl", *VARY, "--workers", "1", "--out", "grid", "--folds", "2"
    )
    assert done.returncode == 0, done.stderr
    (folder / "stderr").write_bytes(done.stderr)
    return folder
