"""Jobs beside the crank: one run a job, no backlog, and a failure is told and costs no other run."""

import time
from itertools import pairwise
from pathlib import Path

import pytest

from engine.runs.run_settings import DaemonSettings
from engine.runs.schedule import Schedule

#: A job each second, the others not within a test.
BUSY = DaemonSettings(report_every_s=1, care_every_s=3600, heartbeat_s=3600)


def test_a_job_that_outlasts_its_period_runs_once_at_a_time_and_leaves_no_backlog(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    runs: list[tuple[float, float]] = []
    said: list[str] = []

    def slow(schedule: Schedule) -> None:
        begun = time.monotonic()
        time.sleep(2.5)
        runs.append((begun, time.monotonic()))

    monkeypatch.setattr(Schedule, "_report", slow)
    with Schedule(BUSY, tmp_path / "none.db", said.append) as schedule:
        time.sleep(5.2)
    assert 1 <= len(runs) <= 3
    assert all(later[0] >= earlier[1] for earlier, later in pairwise(runs))
    assert schedule.missed["report"] >= 2
    assert len(said) == 1 and "tick_skipped: the job report" in said[0]


def test_a_job_that_fails_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []

    def fails(schedule: Schedule) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Schedule, "_report", fails)
    with Schedule(BUSY, tmp_path / "none.db", said.append):
        time.sleep(2.6)
    assert len(said) >= 2
    assert all("the job report failed and will be tried again: no space left" in text for text in said)
