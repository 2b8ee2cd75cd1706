"""A backtest decides what `hot run` decides; its figures follow from its own trades and equity."""

import json
import shutil
import signal
import subprocess
import sys
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from backtest_market import decisions, rows, summary
from hot_runs import HOT, SESSION, Hot, compared, env, run_hot, start_hot
from patience import until

from engine.matching.units import plain
from engine.runs.backtest.outcome import Held, Result
from engine.runs.backtest.summary import STUCK_MS, stuck_of
from engine.statistics.performance import max_drawdown, trade_stats


def test_its_decisions_are_those_of_a_run_byte_by_byte(made: Path) -> None:
    stored = compared(run_hot(made, "ledger", "export", "--ledger", "run.db").stdout)
    assert len(stored) > 1000
    assert any(b'"kind":"fill"' in line for line in stored)
    assert decisions(made / "results") == stored


def test_its_trades_are_listed_as_hot_trades_lists_them(made: Path) -> None:
    listed = run_hot(made, "trades", "--ledger", "run.db", "--jsonl").stdout
    assert listed
    assert (made / "results" / "trades.jsonl").read_bytes() == listed


def test_replay_thinks_its_decisions_again(made: Path) -> None:
    done = run_hot(made, "replay", "results/decisions.jsonl.zst", "--market", "market.jsonl")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["compared"] == len(decisions(made / "results"))


def test_replay_knows_its_trades(made: Path) -> None:
    done = run_hot(made, "replay", "results/trades.jsonl", "--market", "market.jsonl")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("stored", [False, True])
def test_replay_finds_market_and_settings_of_results(stored: bool, made: Path, hot: Hot, tmp_path: Path) -> None:
    shutil.copy(made / "market.jsonl", tmp_path)
    market = "store" if stored else "market.jsonl"
    hot("store", "import", "market.jsonl", "--store", "store")
    done = hot("backtest", "--market", market, "--set", "hotcoin.stop_pct=3", "--out", "results")
    assert done.returncode == 0
    for name, least in (("trades.jsonl", 1), ("decisions.jsonl.zst", 20)):
        again = hot("replay", f"results/{name}")
        told = json.loads(again.stdout)
        assert (again.returncode, told["same"]) == (0, True), again.stderr
        assert told["compared"] >= least
    (tmp_path / "market.jsonl").rename(tmp_path / "moved.jsonl")
    (tmp_path / "store").rename(tmp_path / "moved")
    gone = hot("replay", "results/trades.jsonl")
    assert (gone.returncode, f"{market} is not there".encode() in gone.stderr) == (78, True)


def test_report_and_trades_read_the_results_folder(made: Path) -> None:
    of_results = json.loads(run_hot(made, "report", "--ledger", "results", "--json").stdout)
    of_ledger = json.loads(run_hot(made, "report", "--ledger", "run.db", "--json").stdout)
    # The curve of results has every mark of the desk, that of a ledger the prices that its records tell.
    assert of_results["equity"].pop("points") and of_ledger["equity"].pop("points")
    for part in ("summary", "trades", "refusals", "by_symbol", "equity", "heat", "cycles", "open_positions"):
        assert of_results[part] == of_ledger[part], part
    listed = run_hot(made, "trades", "--ledger", "results", "--jsonl").stdout
    assert listed == (made / "results" / "trades.jsonl").read_bytes()


def test_a_folder_that_is_neither_is_no_ledger(made: Path, hot: Hot) -> None:
    assert hot("report", "--ledger", str(made)).returncode == 74


def test_the_summary_follows_from_the_trades(made: Path) -> None:
    found, trades = summary(made / "results"), rows(made / "results" / "trades.jsonl")
    pnl = [Decimal(trade["pnl"]) for trade in trades]
    stats = trade_stats([float(one) for one in pnl])
    assert found["trades"] == len(trades) == stats.n
    assert found["wins"] == sum(one > 0 for one in pnl)
    assert found["win_rate_pct"] == pytest.approx(stats.win_rate * 100, abs=1e-6)
    assert found["profit_factor"] == pytest.approx(stats.profit_factor, abs=1e-6)
    assert Decimal(found["net_profit"]) == sum(pnl)
    assert Decimal(found["gross_profit"]) == sum(one for one in pnl if one > 0)
    assert Decimal(found["gross_loss"]) == sum(one for one in pnl if one < 0)
    assert Decimal(found["fees"]) == sum(Decimal(trade["fees"]) for trade in trades)
    assert found["ambiguous"] == sum(trade["ambiguous"] for trade in trades)
    assert sum(Decimal(group["net_profit"]) for group in found["by_symbol"]) == sum(pnl)
    assert {group["name"] for group in found["by_reason"]} == {trade["reasons"] for trade in trades}


def test_the_summary_follows_from_the_equity(made: Path) -> None:
    found, curve = summary(made / "results"), rows(made / "results" / "equity.jsonl")
    equity = [float(row["equity"]) for row in curve]
    assert (found["start_equity"], found["end_equity"]) == (curve[0]["equity"], curve[-1]["equity"])
    assert (found["first_at"], found["last_at"]) == (curve[0]["at"], curve[-1]["at"])
    assert found["max_drawdown_pct"] == pytest.approx(max_drawdown(equity).depth * 100, abs=1e-6)
    held = sum(after["at"] - row["at"] for row, after in pairwise(curve) if row["positions"])
    whole = curve[-1]["at"] - curve[0]["at"]
    assert found["exposure"]["time_held_pct"] == pytest.approx(100 * held / whole, abs=1e-6)


def test_what_was_earned_and_what_is_open_make_the_end(made: Path) -> None:
    found = summary(made / "results")
    closed = Decimal(found["start_equity"]) + Decimal(found["net_profit"])
    assert not found["open_positions"] or closed != Decimal(found["end_equity"])
    if not found["open_positions"]:
        assert closed == Decimal(found["end_equity"])


def test_the_refusals_are_counted_by_code(made: Path) -> None:
    counted: dict[str, int] = {}
    for line in decisions(made / "results"):
        if line.startswith(b'{"kind":"refusal"'):
            code = json.loads(line)["code"]
            counted[code] = counted.get(code, 0) + 1
    assert summary(made / "results")["refusals"] == counted


def test_in_a_pipe_the_summary_is_one_line_of_json(made: Path) -> None:
    out = (made / "stdout").read_bytes()
    assert out.count(b"\n") == 1
    assert json.loads(out) == summary(made / "results")
    assert b"results results" in (made / "stderr").read_bytes()


def test_the_manifest_names_what_was_run(made: Path) -> None:
    found = json.loads((made / "results" / "manifest.json").read_bytes())
    assert found["complete"] is True
    assert found["market"]["path"] == "market.jsonl"
    assert found["counts"]["facts"] == len((made / "market.jsonl").read_bytes().splitlines())
    assert found["settings"]["scan.cycle_s"] == 60
    assert len(found["data_hash"]) == len(found["settings_hash"]) == 64


def test_the_page_tells_the_rest(made: Path) -> None:
    page = (made / "results" / "report.html").read_text(encoding="utf-8")
    for words in ("<h1>Backtest</h1>", "Risk and exposure", "Heat and what came of it", "Equity and drawdown"):
        assert words in page


def test_the_same_backtest_gives_the_same_bytes(made: Path, hot: Hot, tmp_path: Path) -> None:
    (tmp_path / "market.jsonl").write_bytes((made / "market.jsonl").read_bytes())
    hot("backtest", "--market", "market.jsonl", "--out", "again", "-q")
    for path in sorted((made / "results").iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_without_a_folder_a_new_one_is_made_and_told(made: Path, hot: Hot, tmp_path: Path) -> None:
    for number in (1, 2):
        done = hot("backtest", "--market", str(made / "market.jsonl"), "--until", "2021-04-15T01:00")
        assert f"data/backtest-000{number}".encode() in done.stderr
    found = summary(tmp_path / "data" / "backtest-0001")
    assert (found["trades"], found["profit_factor"], found["sharpe"]) == (0, None, None)


def test_a_folder_of_something_else_is_left_alone(made: Path, hot: Hot, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").write_text('{"kind":"holiday"}')
    done = hot("backtest", "--market", str(made / "market.jsonl"), "--out", "mine")
    assert done.returncode == 2
    assert b"holds no results of a backtest" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["manifest.json"]


def test_older_results_are_replaced(made: Path, hot: Hot, tmp_path: Path) -> None:
    words = ("backtest", "--market", str(made / "market.jsonl"), "--out", "results", "-q")
    hot(*words, "--until", "2021-04-15T03:00")
    (tmp_path / "results" / "lookahead.jsonl").write_text("old\n")
    hot(*words, "--until", "2021-04-15T01:00")
    assert summary(tmp_path / "results")["last_at"] <= 1_618_448_400_000
    assert not (tmp_path / "results" / "lookahead.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 78, b"no market"), (("--market", "nowhere"), 2, b"no market at nowhere"),
        (("--market", "{market}", "--since", "noon"), 2, b"is no time"),
        (("--market", "{market}", "--set", "scan.cycle=60"), 78, b"did you mean"),
        (("--market", "-", "--check-lookahead"), 2, b"many times"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(
    made: Path, hot: Hot, words: tuple[str, ...], code: int, told: bytes
) -> None:
    done = hot("backtest", *(word.format(market=made / "market.jsonl") for word in words))
    assert (done.returncode, done.stdout) == (code, b"")
    assert told in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_bad_lines_are_skipped_counted_and_end_with_65(made: Path, hot: Hot, tmp_path: Path) -> None:
    good = (made / "market.jsonl").read_bytes().splitlines(True)[:500]
    (tmp_path / "bad.jsonl").write_bytes(b"".join([*good, b"nonsense\n"]))
    done = hot("backtest", "--market", "bad.jsonl", "--out", "results")
    assert done.returncode == 65
    assert json.loads((tmp_path / "results" / "manifest.json").read_bytes())["counts"]["skipped_lines"] == 1
    assert hot("backtest", "--market", "bad.jsonl", "--out", "results", "--strict").returncode == 65


def test_a_market_on_stdin_will_do(made: Path, hot: Hot, tmp_path: Path) -> None:
    done = hot("backtest", "--market", "-", "--out", "results", stdin=(made / "market.jsonl").read_bytes())
    assert done.returncode == 0, done.stderr
    assert decisions(tmp_path / "results") == decisions(made / "results")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_was_done(tmp_path: Path, number: signal.Signals) -> None:
    process = start_hot(tmp_path, "backtest", "--market", str(SESSION), "--out", "results")
    decided = tmp_path / "results" / "decisions.jsonl.zst"
    until(lambda: decided.exists() and decided.stat().st_size > 0)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    found = summary(tmp_path / "results")
    assert (found["complete"], found["reached_at"]) == (False, json.loads(out)["reached_at"])
    assert json.loads((tmp_path / "results" / "manifest.json").read_bytes())["complete"] is False
    assert b"not complete" in err
    assert len(decisions(tmp_path / "results")) > 0


def test_a_symbol_that_vanishes_while_it_is_held_is_told_as_stuck(made: Path, hot: Hot, tmp_path: Path) -> None:
    trade = rows(made / "results" / "trades.jsonl")[0]
    kept = [
        line
        for line in (made / "market.jsonl").read_bytes().splitlines(True)
        if trade["symbol"].encode() not in line or json.loads(line)["at"] <= trade["opened_at"] + 60_000
    ]
    (tmp_path / "market.jsonl").write_bytes(b"".join(kept))
    done = hot("backtest", "--market", "market.jsonl", "--out", "results")
    found = summary(tmp_path / "results")
    assert [one["symbol"] for one in found["stuck_positions"]] == [trade["symbol"]]
    assert Decimal(found["stuck_value"]) > 0
    assert b"stuck: " + trade["symbol"].encode() in done.stderr
    assert "Stuck positions" in (tmp_path / "results" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("stored", [False, True])
def test_a_redenomination_is_no_trade_but_stuck_until_it_is_said_to_be_a_move(
    stored: bool, made: Path, hot: Hot, tmp_path: Path
) -> None:
    trade = rows(made / "results" / "trades.jsonl")[0]
    jumped = b"".join(
        split(line) if (told := json.loads(line))["symbol"] == trade["symbol"] and told["kind"] == "bar"
        and told["at"] > trade["opened_at"] + 60_000 else line
        for line in (made / "market.jsonl").read_bytes().splitlines(True)
    )  # fmt: skip
    (tmp_path / "market.jsonl").write_bytes(jumped)
    market = "store" if stored else "market.jsonl"
    if stored:
        assert hot("store", "import", "market.jsonl", "--store", market).returncode == 0
    done = hot("backtest", "--market", market, "--out", "results")
    found = summary(tmp_path / "results")
    assert done.returncode == 65
    assert trade["symbol"].encode() + b" at " in done.stderr and b"1000 times higher" in done.stderr
    assert [one["symbol"] for one in found["stuck_positions"]] == [trade["symbol"]]
    left = Decimal(found["end_equity"]) - Decimal(found["stuck_value"])
    assert 800 < left == Decimal(found["end_equity_without_stuck"]) < 1100
    kept = hot("backtest", "--market", market, "--out", "kept", "--keep-jumps")
    assert (kept.returncode, Decimal(summary(tmp_path / "kept")["end_equity"]) > 10_000) == (0, True)


def split(line: bytes) -> bytes:
    """Gives a bar after one coin for a thousand."""
    told = json.loads(line)
    told |= {name: plain(Decimal(told[name]) * 1000) for name in ("open", "high", "low", "close")}
    return json.dumps(told).encode() + b"\n"


def test_a_run_leaves_out_what_a_backtest_does_and_replay_finds_the_same(made: Path, hot: Hot, tmp_path: Path) -> None:
    lines = (made / "market.jsonl").read_bytes().splitlines(True)
    half = len(lines) * 3 // 4
    market = [
        *lines[:half],
        *(split(line) if b'"bar"' in line and b"ETCUSDT" in line else line for line in lines[half:]),
    ]
    (tmp_path / "market.jsonl").write_bytes(b"".join(market))
    for flags in ((), ("--keep-jumps",)):
        ledger = f"run{len(flags)}.db"
        ran = hot("run", "--market", "market.jsonl", "--ledger", ledger, *flags)
        assert ran.returncode == (0 if flags else 65)
        done = hot("backtest", "--market", "market.jsonl", "--out", "results", *flags)
        assert done.returncode == ran.returncode
        assert decisions(tmp_path / "results") == compared(ran.stdout)
        again = hot("replay", ledger)
        assert (again.returncode, json.loads(again.stdout)["same"]) == (ran.returncode, True)


def test_holes_are_told_and_stand_in_the_summary(made: Path, hot: Hot, tmp_path: Path) -> None:
    lines = (made / "market.jsonl").read_bytes().splitlines(True)
    bars = [line for line in lines if b"ETCUSDT" in line and b'"bar"' in line]
    (tmp_path / "market.jsonl").write_bytes(b"".join(line for line in lines if line not in bars[100:140]))
    assert b"40 candles are missing, in 1 hole;" in hot("backtest", "--market", "market.jsonl", "--out", "out").stderr
    assert summary(tmp_path / "out")["gaps"] == {"holes": 1, "missing": 40}
    assert hot("store", "import", "market.jsonl", "--store", "store").returncode == 0
    hot("backtest", "--market", "store", "--out", "blocks")
    assert summary(tmp_path / "blocks")["gaps"] == {"holes": 1, "missing": 40}


def test_a_market_that_breaks_off_leaves_what_was_done(made: Path, hot: Hot, tmp_path: Path) -> None:
    packed = zstandard.ZstdCompressor().compress((made / "market.jsonl").read_bytes())
    (tmp_path / "market.jsonl.zst").write_bytes(packed[: len(packed) * 9 // 10])
    done = hot("backtest", "--market", "market.jsonl.zst", "--out", "results")
    assert done.returncode == 65
    assert b"what was done is kept" in done.stderr and b"cut off" in done.stderr
    found = summary(tmp_path / "results")
    assert (found["complete"], found["reached_at"] > 0) == (False, True)
    assert decisions(tmp_path / "results") == decisions(made / "results")[: len(decisions(tmp_path / "results"))]


def test_a_market_without_prices_is_told(made: Path, hot: Hot, tmp_path: Path) -> None:
    done = hot("backtest", "--market", str(made / "market.jsonl"), "--since", "2030-01-01", "--out", "results")
    assert (done.returncode, b"no prices" in done.stderr) == (0, True)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process")
def test_a_full_disk_is_told_and_nothing_else_is_done(made: Path, tmp_path: Path) -> None:
    words = [*HOT, "backtest", "--market", str(made / "market.jsonl"), "--out", "results"]
    limited = (
        "import os, resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)); "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", limited, *words], capture_output=True, env=env(tmp_path), cwd=tmp_path)
    assert done.returncode == 74
    assert b"cannot be written (File too large)" in done.stderr and b"Traceback" not in done.stderr
    assert json.loads((tmp_path / "results" / "manifest.json").read_bytes())["complete"] is False


def test_a_position_whose_trading_has_ended_is_stuck_even_with_a_price() -> None:
    now = 10 * STUCK_MS
    held = (
        Held("HALTED", 0, "2", "1.5", now, "BREAK"), Held("SILENT", 0, "1", "3", now - STUCK_MS - 1, "TRADING"),
        Held("WELL", 0, "1", "3", now - STUCK_MS, "TRADING"),
    )  # fmt: skip
    stuck = stuck_of(Result(1, 1, now, True, held))
    assert [(one["symbol"], one["value"]) for one in stuck] == [("HALTED", "3"), ("SILENT", "3")]


def test_rates_of_another_market_are_counted_and_not_charged(made: Path, hot: Hot, tmp_path: Path) -> None:
    lines = (made / "market.jsonl").read_bytes().splitlines(True)[:300]
    last = json.loads(lines[-1])
    funding = {
        "kind": "funding",
        "at": last["at"] + 1,
        "venue": last["venue"],
        "symbol": last["symbol"],
        "rate": "0.01",
    }
    (tmp_path / "market.jsonl").write_bytes(b"".join([*lines, json.dumps(funding).encode() + b"\n"]))
    done = hot("backtest", "--market", "market.jsonl", "--out", "results")
    found = summary(tmp_path / "results")
    assert (found["funding_facts"], found["funding_payments"], found["funding_missing"]) == (1, 0, 0)
    assert b"funding" not in done.stderr  # spot has none
