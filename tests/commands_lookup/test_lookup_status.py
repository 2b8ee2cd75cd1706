"""hot status, halt and resume: where things stand, and the operator's word."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from made_session import at, change, cycle, operator, session, write_ledger

from engine.ledger.ledger import Ledger


def made(path: Path, *more: object) -> Path:
    return write_ledger(path, [*session(), *more])  # type: ignore[list-item]


def test_status_tells_everything_as_json(hot: Callable[..., object], ledger: Path) -> None:
    said = hot("status", "--ledger", ledger, "--json")
    standing = json.loads(said.out)
    assert said.code == 0
    assert list(standing) == [
        "ledger", "mode", "last_tick_at", "engine", "pending", "risk", "process", "pool", "signals", "open_positions",
        "precheck", "precheck_failure_pct", "anomalies", "alerts", "account", "cycle_ms",
    ]  # fmt: skip
    assert standing["engine"]["state"] == "tradeable"
    assert (standing["risk"]["level"], standing["risk"]["value"], standing["risk"]["limit"]) == ("L1", 3.5, 3)
    assert (standing["risk"]["equity"], standing["last_tick_at"]) == ("1024.33", at(7))
    assert standing["pool"] == {"by_status": {"hot": 1, "cooling": 1}, "hot": ["CUSDT"]}
    assert standing["precheck"]["by_precheck_code"] == {"BUY_MIN_NOTIONAL": 1}
    assert standing["process"] == {
        "alive": False, "pid": os.getpid(), "started_at": standing["process"]["started_at"], "heartbeat_at": None,
        "progress": "",
    }  # fmt: skip


def test_status_speaks_to_people(hot: Callable[..., object], ledger: Path) -> None:
    out = hot("status", "--ledger", ledger).out
    for line in (
        "engine     tradeable", "risk       L1, drawdown was 3.50 % at its last change, equity 1024.33",
        "last tick  2024-01-10 00:07 UTC", "run        none alive; the last one was pid", "pool       1 hot, 1 cooling",
        "Precheck: 1 refused this day, 25.0 % of those judged", "BUY_MIN_NOTIONAL      1", "Recent anomalies",
    ):  # fmt: skip
        assert line in out, line


@pytest.mark.parametrize(
    ("records", "state", "way_back"),
    [
        ([change(8, "engine", "tradeable", "degraded(feed_stale)", "feed_stale")], "degraded", "by itself"),
        ([change(8, "engine", "tradeable", "blocked(risk_L5)", "risk_L5", until=at(1448))], "blocked", "cool-down"),
        ([operator(8, "halt", "lunch"), change(8, "engine", "tradeable", "blocked(operator)", "operator")], "blocked",
         "hot resume"),
        ([change(8, "engine", "tradeable", "blocked(ledger)", "ledger")], "blocked", "the disk has room"),
        ([change(8, "engine", "tradeable", "blocked(tides)", "tides")], "blocked", "hot doctor"),
    ],
)  # fmt: skip
def test_check_is_3_with_the_way_back_when_entries_stop(
    hot: Callable[..., object], tmp_path: Path, records: list[object], state: str, way_back: str
) -> None:
    path = made(tmp_path / "l.db", *records, *cycle(8))
    engine = json.loads(hot("status", "--ledger", path, "--json").out)["engine"]
    assert engine["state"] == state
    assert way_back in engine["way_back"]
    assert hot("status", "--ledger", path).code == 0
    assert hot("status", "--ledger", path, "--check").code == 3


def test_the_operators_reason_is_told(hot: Callable[..., object], tmp_path: Path) -> None:
    records = (operator(8, "halt", "lunch \x1b[2J"), change(8, "engine", "tradeable", "blocked(operator)", "operator"))
    out = hot("status", "--ledger", made(tmp_path / "l.db", *records, *cycle(8))).out
    assert "blocked (operator: lunch \\u001b[2J) since 2024-01-10 00:08 UTC; way back: hot resume" in out


def test_a_run_that_is_alive_is_told(hot: Callable[..., object], ledger: Path) -> None:
    with Ledger.open(ledger, mode="paper", venue="paper") as owner:
        owner.note("heartbeat", str(at(7)))
        owner.commit()
        process = json.loads(hot("status", "--ledger", ledger, "--json").out)["process"]
        assert (process["alive"], process["pid"], process["heartbeat_at"]) == (True, os.getpid(), at(7))
        assert "alive, pid" in hot("status", "--ledger", ledger).out
        said = hot("halt", "--ledger", ledger, "--reason", "because")
        assert said.out == f"halt requested; the run with pid {os.getpid()} obeys at its next tick\n"
        assert [(one.action, one.reason) for one in owner.pending_requests()] == [("halt", "because")]


def test_a_damaged_lease_note_is_no_harm(hot: Callable[..., object], ledger: Path) -> None:
    for text in ("", "no json", "[1]", '{"pid":"x"}'):
        with Ledger.open(ledger, mode="paper", venue="paper") as owner:
            owner.note("lease", text)
        assert "run        none alive" in hot("status", "--ledger", ledger).out


def test_halt_without_a_run_is_in_force_from_the_next_one(hot: Callable[..., object], ledger: Path) -> None:
    said = hot("halt", "--ledger", ledger, "--reason", "night")
    assert (said.code, said.out) == (
        0, f"halt requested; no run is alive on {ledger}: it is in force from the next run on\n",
    )  # fmt: skip
    assert hot("resume", "--ledger", ledger).code == 0
    with Ledger.read(ledger) as opened:
        assert [(one.action, one.reason) for one in opened.pending_requests()] == [("halt", "night"), ("resume", "")]
    assert "pending    halt: night (in force from the next tick)" in hot("status", "--ledger", ledger).out


def test_halt_of_a_ledger_that_is_not_there_is_74(hot: Callable[..., object], tmp_path: Path) -> None:
    assert hot("halt", "--ledger", tmp_path / "none.db").code == 74
    assert hot("resume").code == 78
