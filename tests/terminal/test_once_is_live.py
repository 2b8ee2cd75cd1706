"""`hot scan --once` looks at the live market, whatever its stdin is: scripts and services often have a pipe there."""

from pathlib import Path

from hot_runs import run_hot


def test_one_cycle_is_of_the_live_market_also_behind_a_pipe(tmp_path: Path) -> None:
    nowhere = {"HOT_LIVE__REST_URL": "http://127.0.0.1:1", "HOT_LIVE__STREAM_URL": "ws://127.0.0.1:1"}
    done = run_hot(tmp_path, "scan", "--once", stdin=b"", **nowhere)

    assert (done.returncode, b"127.0.0.1:1" in done.stderr) == (69, True)
    assert run_hot(tmp_path, "scan", stdin=b"", **nowhere).returncode == 0
