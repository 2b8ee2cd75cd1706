"""Workers that die, that fail, and that are not there; the same sweep on one, two and a cluster."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hot_runs import run_hot
from sweep_market import VARY, results

from engine.errors import UsageError, VenueError
from engine.runs.market import MarketOptions
from engine.runs.sweep.trial import Job, Outcome
from engine.runs.sweep.workers import DaskWorkers, Failed, LocalWorkers

JOB = Job(MarketOptions("nowhere.jsonl"), "", {})


def die_once(job: Job) -> Outcome:
    """Stands for a trial: dies as its path says, for ever or until a file is there."""
    marker = Path(job.market.path)
    if marker.name == "always" or (marker.name == "once" and not marker.exists()):
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome({"pid": os.getpid()}, 0, [], [], 0)


@pytest.fixture
def dying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.runs.sweep.workers.run_trial", die_once)


def job(path: Path) -> Job:
    return JOB._replace(market=MarketOptions(str(path)))


@pytest.mark.usefixtures("dying")
def test_a_trial_whose_process_dies_is_tried_once_more_and_the_others_go_on(tmp_path: Path) -> None:
    workers = LocalWorkers(2)
    jobs = [job(tmp_path / name) for name in ("fine", "once", "always", "good")]
    try:
        answers = dict(workers.run(jobs, lambda: False))
    finally:
        workers.close()
    assert [type(answers[i]) for i in range(4)] == [Outcome, Outcome, Failed, Outcome]
    assert answers[2] == Failed("its process died, twice")


def test_what_a_trial_raises_is_its_answer() -> None:
    workers = LocalWorkers(1)
    try:
        ((index, answer),) = workers.run([JOB._replace(settings={"no.such": 1})], lambda: False)
    finally:
        workers.close()
    assert index == 0
    assert isinstance(answer, Failed) and "unknown setting" in answer.reason


def test_a_scheduler_that_is_not_there_is_said_within_seconds() -> None:
    pytest.importorskip("distributed")
    started = time.monotonic()
    with pytest.raises(VenueError, match="no Dask scheduler answers"):
        DaskWorkers("tcp://127.0.0.1:1")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("address", ["127.0.0.1", "tcp://127.0.0.1", "tcp://127.0.0.1:port", "tcp://:8786"])
def test_what_is_no_address_is_said_to_be_none(address: str) -> None:
    pytest.importorskip("distributed")
    with pytest.raises(UsageError, match="tcp://host:port"):
        DaskWorkers(address)


@pytest.mark.parametrize("hangs_up", [True, False])
def test_what_listens_there_and_is_no_scheduler_is_told_within_seconds(
    hangs_up: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("engine.runs.sweep.workers._ANSWER_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        if hangs_up:
            threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        with pytest.raises(VenueError, match="no Dask scheduler answers"):
            DaskWorkers(f"tcp://127.0.0.1:{server.getsockname()[1]}")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two worker processes on loopback."""
    distributed = pytest.importorskip("distributed")
    made = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    )
    yield made
    made.close()


def sweep(folder: Path, out: str, *how: str) -> dict[str, Any]:
    words = ("--search", "tpe", "--trials", "9", "--seed", "4", "--vary", "hotcoin.min_heat=50,55,60")
    done = run_hot(folder, "sweep", "--market", "market.jsonl", *VARY, *words, "--out", out, "-q", *how)
    assert done.returncode == 0, done.stderr
    return results(folder / out)


@pytest.mark.filterwarnings("ignore")
def test_one_worker_two_and_a_cluster_find_the_same(swept: Path, cluster: Any) -> None:
    pytest.importorskip("optuna")
    alone = sweep(swept, "one", "--workers", "1")
    assert len(alone["all"]) >= 9
    assert sweep(swept, "two", "--workers", "2") == alone
    assert sweep(swept, "dask", "--scheduler", cluster.scheduler_address) == alone
