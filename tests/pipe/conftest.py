"""The small market, piped."""

import pytest
from hot_runs import SESSION, STAGES, run_hot
from small_market import CUT


@pytest.fixture(scope="session")
def piped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What each stage of the pipe wrote over the small market, stage by stage through files."""
    folder = tmp_path_factory.mktemp("piped")

    def stage(*words: str, stdin: bytes = b"") -> bytes:
        done = run_hot(folder, *words, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    out = {"scan": stage("scan", "--market", str(SESSION), *CUT)}
    before = out["scan"]
    for name in STAGES:
        more = ("--paper", "--ledger", "pipe.db") if name == "order" else ()
        before = out[name] = stage(name, *more, stdin=before)
    return out
