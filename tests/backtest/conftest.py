"""A small market cut from the bundled session, its backtest and its ledger."""

from pathlib import Path

import pytest
from backtest_market import small_market
from hot_runs import run_hot


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small market, the ledger of `hot run` over it, and the results of a backtest of it."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "market.jsonl").write_bytes(small_market())
    ran = run_hot(folder, "run", "--market", "market.jsonl", "--ledger", "run.db", "-q")
    assert ran.returncode == 0, ran.stderr
    done = run_hot(folder, "backtest", "--market", "market.jsonl", "--out", "results")
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_bytes(done.stdout)
    (folder / "stderr").write_bytes(done.stderr)
    return folder
