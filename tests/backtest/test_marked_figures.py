"""One equity: what the desk marked at the last tick is what every page, table and JSON says, on either path."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from backtest_market import summary
from hot_runs import SESSION, Said, run_hot

#: In the middle of several positions; the coin of one of them is no candidate any more.
UNTIL = "2021-04-16T10:01:30"
COINS = ("COMPUSDT", "DOGEUSDT", "UTKUSDT", "XTZUSDT", "BTCUSDT")


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of a few coins, a ledger that ends amid positions, and backtests by both paths."""
    folder = tmp_path_factory.mktemp("cut")
    span = ["--until", UNTIL, "-q", *(word for coin in COINS for word in ("--symbol", coin))]
    assert run_hot(folder, "store", "import", str(SESSION), "--store", "store", "-q").returncode == 0
    assert run_hot(folder, "run", "--market", str(SESSION), "--ledger", "run.db", *span).returncode == 0
    for path in ("records", "blocks"):
        done = run_hot(folder, "backtest", "--market", "store", "--out", path, "--path", path, *span)
        assert done.returncode == 0, done.stderr
    return folder


def told(hot_here: Callable[..., Said], name: Path, *words: str) -> dict[str, Any]:
    return json.loads(hot_here("report", "--ledger", name, "--json", *words).out)


def test_every_report_ends_at_the_equity_that_the_desk_marked(cut: Path, hot_here: Callable[..., Said]) -> None:
    last = json.loads((cut / "records" / "equity.jsonl").read_text().splitlines()[-1])
    for name in ("run.db", "records", "blocks"):
        assert told(hot_here, cut / name)["equity"]["end"] == last["equity"], name
    marked = f"equity {float(last['equity']):.2f}"
    assert marked in hot_here("status", "--ledger", cut / "run.db").out


def test_open_positions_are_valued_alike_and_make_up_the_equity(cut: Path, hot_here: Callable[..., Said]) -> None:
    held = [told(hot_here, cut / name)["open_positions"] for name in ("run.db", "records", "blocks")]
    assert held[0]
    assert held[0] == held[1] == held[2] == summary(cut / "blocks")["open_positions"]
    equity = told(hot_here, cut / "blocks")["equity"]
    made_of = Decimal(equity["start"]) + Decimal(equity["realised"]) + Decimal(equity["unrealised"])
    assert abs(made_of - Decimal(equity["end"])) < Decimal("0.000001")


def test_positions_are_listed_from_results_as_from_a_ledger(cut: Path, hot_here: Callable[..., Said]) -> None:
    listed = [hot_here("positions", "--ledger", cut / name, "--jsonl").out for name in ("run.db", "records", "blocks")]
    assert listed[0]
    assert listed[0] == listed[1] == listed[2]


def test_a_report_of_results_has_the_drawdown_of_their_summary(cut: Path, hot_here: Callable[..., Said]) -> None:
    for name in ("records", "blocks"):
        found, made = summary(cut / name), told(hot_here, cut / name)
        assert made["equity"]["max_drawdown"] == found["max_drawdown"]
        assert made["equity"]["max_drawdown_pct"] == found["max_drawdown_pct"]
    assert told(hot_here, cut / "blocks")["cycles"]["count"] == told(hot_here, cut / "records")["cycles"]["count"]


def test_a_span_of_results_starts_and_ends_where_the_account_stood(cut: Path, hot_here: Callable[..., Said]) -> None:
    since, until = 1618560000000, 1618563600000
    rows = [json.loads(line) for line in (cut / "blocks" / "equity.jsonl").read_text().splitlines()]
    first = [row["equity"] for row in rows if row["at"] < since][-1]
    last = [row["equity"] for row in rows if row["at"] < until][-1]
    for name in ("records", "blocks"):
        equity = told(hot_here, cut / name, "--since", str(since), "--until", str(until))["equity"]
        assert (equity["start"], equity["end"]) == (first, last)


def test_runs_by_any_path_are_the_same_to_a_comparison(cut: Path, hot_here: Callable[..., Said]) -> None:
    for other in ("records", "blocks"):
        said = hot_here("report", "divergence", cut / "run.db", cut / other, "--table")
        assert (said.code, said.out.startswith("the same: both earned")) == (0, True), said.out
