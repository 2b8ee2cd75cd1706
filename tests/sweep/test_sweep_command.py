"""hot sweep from the outside: its results, its resumption, its errors, and the same digits from hot backtest."""

import json
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

from hot_runs import HOT, env, run_hot
from sweep_market import VARY, results

SAME = ("trades", "net_profit", "sharpe", "calmar", "profit_factor", "max_drawdown_pct", "end_equity", "return_pct")


def test_every_trial_is_in_the_results_in_the_order_of_the_grid(swept: Path) -> None:
    rows = results(swept / "grid")["all"]
    assert [(one["hotcoin.stop_pct"], one["hotcoin.hold_max_s"]) for one in rows] == [
        (1, 600), (1, 3600), (5, 600), (5, 3600),
    ]  # fmt: skip
    assert rows == [json.loads(line) for line in (swept / "grid" / "trials.jsonl").read_text().splitlines()]


def test_nothing_is_recommended_of_a_day_and_each_reason_is_said(swept: Path) -> None:
    found = results(swept / "grid")
    assert found["recommends"] is None
    said = (swept / "stderr").read_text()
    assert "recommends nothing" in said
    assert found["reasons"] and all(reason in said for reason in found["reasons"])
    assert not (swept / "grid" / "winner.toml").exists()
    assert len(found["walk_forward"]["folds"]) == 2


def test_the_page_needs_no_network(swept: Path) -> None:
    page = (swept / "grid" / "sweep.html").read_text()
    assert "Map of sharpe" in page and "Walk-forward" in page
    assert "http" not in page.replace("http-equiv", "") and "<script" not in page


def test_a_backtest_of_the_best_gives_the_same_digits(swept: Path) -> None:
    done = run_hot(
        swept, "backtest", "--market", "market.jsonl", "--config", "grid/best.toml", "--out", "again", "--json", "-q"
    )
    summary = json.loads(done.stdout)
    best = results(swept / "grid")["best"]
    assert {name: summary[name] for name in SAME} == {name: best[name] for name in SAME}


def test_the_same_command_again_runs_nothing(swept: Path) -> None:
    before = (swept / "grid" / "sweep.json").read_bytes()
    words = ("sweep", "--market", "market.jsonl", *VARY, "--workers", "1", "--out", "grid", "--folds", "2")
    done = run_hot(swept, *words)
    assert b"goes on: 4 trials are done" in done.stderr
    assert (swept / "grid" / "sweep.json").read_bytes() == before


def test_another_sweep_in_the_folder_is_refused(swept: Path) -> None:
    words = ("sweep", "--market", "market.jsonl", *VARY, "--out", "grid", "--folds", "2")
    for more, what in ((("--set", "rank.top=3"), "settings"), (("--symbol", "ETCUSDT"), "market")):
        done = run_hot(swept, *words, *more)
        assert done.returncode == 2
        assert f"of another {what}".encode() in done.stderr


def test_an_unknown_setting_is_said_before_anything_runs(swept: Path) -> None:
    done = run_hot(swept, "sweep", "--market", "market.jsonl", "--vary", "hotcoin.stop_pc=1,2", "--out", "none")
    assert done.returncode == 78
    assert b"did you mean hotcoin.stop_pct" in done.stderr
    assert not (swept / "none").exists()


def test_settings_that_do_not_fit_together_are_a_trial_without_figures(swept: Path) -> None:
    words = ("--vary", "hotcoin.trail_share_pct=20,40", "--vary", "hotcoin.tiers=[[30,5]],[[80,5]]")
    words += ("--set", "hotcoin.trail_share_pct=20")
    done = run_hot(swept, "sweep", "--market", "market.jsonl", *words, "--out", "refused", "--workers", "1")
    assert done.returncode == 0, done.stderr
    found = results(swept / "refused")
    assert [bool(one["failed"]) for one in found["all"]] == [False, False, False, True]
    assert found["judgement"]["n_trials"] == 3


def test_interrupted_it_keeps_what_was_done_and_goes_on(swept: Path) -> None:
    words = ("sweep", "--market", "market.jsonl", *VARY, "--workers", "1", "--out", "cut", "--folds", "2", "-q")
    running = subprocess.Popen([*HOT, *words], cwd=swept, env=env(swept), stdout=subprocess.DEVNULL)
    while running.poll() is None and _count(swept / "cut" / "study.db") < 1:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    assert 1 <= _count(swept / "cut" / "study.db") < 4
    assert results(swept / "cut")["complete"] is False
    assert run_hot(swept, *words).returncode == 0
    assert results(swept / "cut") == results(swept / "grid")


def _count(study: Path) -> int:
    try:
        with sqlite3.connect(f"file:{study}?mode=ro", uri=True) as db:
            return int(db.execute("SELECT count(*) FROM trial").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
