"""How long cycles took: counted by size, kept in the ledger's status, told by status and report."""

import random
from pathlib import Path

import pytest
from made_session import session, write_ledger

from engine.ledger.ledger import Ledger
from engine.runs.latency import NOTE, Latencies, latency_of
from engine.runs.reporting.page import page
from engine.runs.reporting.reporting import latency_in, report_of
from engine.runs.reporting.status import standing_of


def counted(*seconds: float) -> Latencies:
    made = Latencies()
    for one in seconds:
        made.add(one)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_quantiles_are_right_to_a_step(seed: int) -> None:
    luck = random.Random(seed)
    took = sorted(luck.lognormvariate(-5, 1.5) for _ in range(5000))
    told = counted(*took).told()
    assert told is not None and told.cycles == 5000
    for share, found in ((0.5, told.p50), (0.95, told.p95), (0.99, told.p99)):
        exact = 1000 * took[int(share * 5000) - 1]
        assert exact * 0.999 <= found <= exact * 1.13
    assert told.longest == round(1000 * took[-1], 3)


def test_what_is_beyond_the_steps_is_counted_too() -> None:
    told = counted(0.0, 1e-9, 1e6).told()
    assert told is not None
    assert (told.cycles, told.p50, told.longest) == (3, 0.01, 1e9)


def test_no_cycle_says_nothing(tmp_path: Path) -> None:
    assert Latencies().told() is None
    path = write_ledger(tmp_path / "l.db", session())
    assert (latency_in(path), latency_in(tmp_path)) == (None, None)


def test_status_and_page_tell_what_the_run_noted_down(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "l.db", session())
    latencies = counted(0.001, 0.002, 0.004)
    with Ledger.open(path, mode="paper", venue="paper") as ledger:
        latencies.note(ledger)
    told = latencies.told()
    assert told is not None
    assert standing_of(path).cycle_ms == told == latency_in(path)
    assert str(told) in page(report_of(path), latency=told)
    assert "cycles took" not in page(report_of(path))


def test_a_note_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    path = write_ledger(tmp_path / "l.db", session())
    with Ledger.open(path, mode="paper", venue="paper") as ledger:
        ledger.note(NOTE, '{"cycles": "many"}')
        ledger.commit()
        assert latency_of(ledger) is None
