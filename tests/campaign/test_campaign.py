"""A short campaign, and the checker on books that are wrong."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Half a minute on a machine that has nothing else to do; a busy one may take its time.
pytestmark = pytest.mark.timeout(900)


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs a script of the campaign in a process of its own: it forks, which a test must not."""
    env = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    return subprocess.run(
        [sys.executable, str(HERE / words[0]), *words[1:]], capture_output=True, text=True, timeout=840, env=env
    )


@pytest.mark.skipif(sys.platform == "win32", reason="traders are forked")
def test_a_short_campaign_loses_and_doubles_nothing() -> None:
    """Kills, ambiguous answers, races, starts and full disks, some seconds of each, on both markets."""
    pytest.importorskip("websockets")
    done = run(
        "campaign.py", "--kills", "3", "--ambiguous", "2", "--races", "100", "--starts", "4", "--disks", "1",
        "--seed", "short", "--storm", "10", "--lanes", "5",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


def test_every_bug_has_a_place_in_the_code_as_it_is() -> None:
    pytest.importorskip("websockets")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)])}
    each = "import planted_bugs\nfor bug in planted_bugs.BUGS:\n    bug.plant()\nplanted_bugs.take_what_is_taken()"
    done = subprocess.run([sys.executable, "-c", each], capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="traders are forked")
def test_the_checker_tells_of_planted_bugs() -> None:
    """Two of them; all take minutes."""
    pytest.importorskip("websockets")
    done = run("planted_bugs.py", "--only", "resend on timeout", "no dedupe", "--storm", "10")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]


@pytest.mark.skipif(sys.platform == "win32", reason="traders are forked")
@pytest.mark.parametrize(
    ("row", "market", "storm_s"),
    [
        ("orders are turned away unread", "spot", 25),
        ("stops are refused at this endpoint", "usdm", 7),
        ("price jumps", "spot", 7),
        ("a symbol is halted", "usdm", 7),
        ("the account falls silent", "usdm", 7),
    ],
)
def test_one_fault_alone_loses_and_doubles_nothing(row: str, market: str, storm_s: int) -> None:
    """Some of the faults of campaign_rows; all take minutes."""
    pytest.importorskip("websockets")
    done = run("campaign_rows.py", "--only", row, "--market", market, "--storm", f"{storm_s}")
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
