"""Backtests of real perpetuals: funding to the last digit from the recorded rates, margin, and the same everywhere."""

import csv
import gzip
import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

import pytest
from backtest_market import decisions, rows, summary
from hot_runs import HOT, ROOT, Hot, compared, env, run_hot

PERPS = ROOT / "tests" / "data" / "perps"
SHARED = Path(os.environ.get("HOT_SHARED", ROOT.parent / "shared")) / "data" / "binance" / "usdm"
HOUR_MS = 3_600_000
SETTINGS = {
    "signal.strategy": "ema_burst", "ema_burst.timeframe": "1h", "ema_burst.fast_bars": 5, "ema_burst.slow_bars": 12,
    "ema_burst.volume_ratio": 1.5, "ema_burst.stop_pct": 0, "ema_burst.hold_max_s": 172_800, "scan.pool": "all",
    "scan.cycle_s": 3600, "scan.window_s": 3600, "scan.hour_s": 14_400, "scan.baseline_windows": 24,
    "scan.silent_s": 14_400, "scan.min_quote_volume_24h": 10_000, "precheck.signal_ttl_s": 3600,
    "rules.max_positions.limit": 30, "size.equity_share_pct": 3, "rules.max_exposure.limit_pct": 600,
    "rules.max_symbol_exposure.limit_pct": 100,
}  # fmt: skip
WORDS = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
VENUE = ("--venue", "binance-usdm")
ON_MARGIN = ("--set", "desk.leverage=6")


@pytest.fixture(scope="session")
def perps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of a backtest, with and without margin, and the ledger and output of a run."""
    folder = tmp_path_factory.mktemp("perps")
    for name, more in (("plain", ()), ("margin", ON_MARGIN)):
        done = run_hot(folder, "backtest", "--market", str(PERPS), *VENUE, *WORDS, *more, "--out", name)
        assert done.returncode == 0, done.stderr
        (folder / f"{name}.err").write_bytes(done.stderr)
    ran = run_hot(folder, "run", "--market", str(PERPS), *VENUE, *WORDS, *ON_MARGIN, "--ledger", "run.db", "-q")
    assert ran.returncode == 0, ran.stderr
    (folder / "run.jsonl").write_bytes(ran.stdout)
    return folder


def told(results: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in decisions(results)]


def payments(records: Iterable[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [(one["symbol"], one["due_at"], one["amount"]) for one in records if one["kind"] == "funding_payment"]


def expected(records: Iterable[dict[str, Any]], market: Path) -> list[tuple[str, int, str]]:
    """What the recorded rates make of the fills: -held x close x rate at each time that a position was held through."""
    rates, closes = recorded(market)
    deals = list(held(records))
    made = []
    for symbol, fills, until in deals:
        opened = fills[0][0]
        for due in sorted(at for at in rates[symbol] if opened < at <= until):
            qty = sum((size for at, size in fills if at < due), Decimal(0))
            amount = -qty * closes[symbol][due] * rates[symbol][due]
            rounded = amount.quantize(Decimal("1e-8"), ROUND_FLOOR)
            made.append((symbol, due, f"{rounded.normalize():f}" if rounded else "0"))
    return made


def recorded(market: Path) -> tuple[dict[str, dict[int, Decimal]], dict[str, dict[int, Decimal]]]:
    rates: dict[str, dict[int, Decimal]] = defaultdict(dict)
    closes: dict[str, dict[int, Decimal]] = defaultdict(dict)
    with (market / "usdm" / "funding-rate.csv").open() as file:
        for row in csv.DictReader(file):
            at = int(row["funding_time"])
            rates[row["symbol"]][at - at % HOUR_MS] = Decimal(row["funding_rate"])
    with (market / "usdm" / "candles-1h.csv").open() as file:
        for row in csv.DictReader(file):
            closes[row["symbol"]][int(row["close_time"]) + 1] = Decimal(row["close"])
    return rates, closes


def held(records: Iterable[dict[str, Any]]) -> Iterable[tuple[str, list[tuple[int, Decimal]], int]]:
    """Each holding: its symbol, its fills (time at the venue, signed quantity), and when it ended."""
    fills: dict[str, list[tuple[int, Decimal]]] = {}
    last_at = 0
    for one in records:
        last_at = max(last_at, one["at"])
        if one["kind"] == "fill":
            sign = 1 if one["side"] == "buy" else -1
            fills.setdefault(one["symbol"], []).append((one["venue_at"], sign * Decimal(one["qty"])))
        elif one["kind"] == "position" and one["status"] == "closed":
            done = fills.pop(one["symbol"])
            yield one["symbol"], done, done[-1][0]
    for symbol, open_ in fills.items():
        yield symbol, open_, last_at


@pytest.mark.parametrize("name", ["plain", "margin"])
def test_every_payment_is_what_the_recorded_rates_make_of_the_fills(perps: Path, name: str) -> None:
    records = told(perps / name)
    assert sorted(payments(records)) == sorted(expected(records, PERPS))
    assert len(payments(records)) > 10


def test_one_trade_by_hand(perps: Path) -> None:
    trade = next(row for row in rows(perps / "plain" / "trades.jsonl") if row["symbol"] == "DOTUSDT")
    # 16.1 coins were left after the first tier when, at 16:00, shorts paid 0.018279 % of 1.350.
    records = told(perps / "plain")
    (paid,) = [one for one in records if one["kind"] == "funding_payment" and one["symbol"] == "DOTUSDT"]
    assert (paid["qty"], paid["price"], paid["rate"]) == ("16.1", "1.35", "-0.00018279")
    assert Decimal(paid["amount"]) == Decimal("0.00397294")  # 16.1 x 1.35 x 0.00018279, down
    assert trade["funding"] == "0.00397294"
    bought = Decimal(trade["qty"]) * Decimal(trade["entry_price"])
    sold = sum((Decimal(one["notional"]) for one in records if one["kind"] == "fill" and one["symbol"] == "DOTUSDT"
                and one["side"] == "sell"), Decimal(0))  # fmt: skip
    assert Decimal(trade["pnl"]) == sold - bought - Decimal(trade["fees"]) + Decimal(trade["funding"])


def test_a_liquidation_costs_the_margin_and_the_fee_of_the_entry(perps: Path) -> None:
    trade = next(row for row in rows(perps / "margin" / "trades.jsonl") if row["reasons"] == "LIQUIDATION")
    records = told(perps / "margin")
    entry = next(one for one in records if one["kind"] == "fill" and one["symbol"] == trade["symbol"])
    margin = (Decimal(entry["notional"]) / 6).quantize(Decimal("1e-8"))
    assert abs(Decimal(trade["pnl"]) + margin + Decimal(entry["fee_quote"])) <= Decimal("1e-8")
    rows_of = (perps / "margin" / "equity.jsonl").read_bytes().splitlines()
    assert all(Decimal(json.loads(line)["equity"]) > 0 for line in rows_of)


def test_the_summary_and_the_trades_tell_funding(perps: Path) -> None:
    found = summary(perps / "plain")
    total = sum((Decimal(amount) for *_, amount in payments(told(perps / "plain"))), Decimal(0))
    assert (Decimal(found["funding"]), found["funding_payments"]) == (total, len(payments(told(perps / "plain"))))
    assert found["funding_missing"] == 0
    assert "<th class=n>funding</th>" in (perps / "plain" / "report.html").read_text()
    closed = sum((Decimal(row["funding"]) for row in rows(perps / "plain" / "trades.jsonl")), Decimal(0))
    still = sum((Decimal(one["funding"]) for one in found["open_positions"]), Decimal(0))
    assert closed + still == total
    assert (
        f"{found['funding_payments']} funding payments, {found['funding']} in all".encode()
        in (perps / "plain.err").read_bytes()
    )


def test_funding_times_without_a_rate_are_counted(hot: Hot, tmp_path: Path) -> None:
    (tmp_path / "usdm").mkdir()
    (tmp_path / "usdm" / "candles-1h.csv").write_bytes((PERPS / "usdm" / "candles-1h.csv").read_bytes())
    done = hot("backtest", "--market", "usdm", *WORDS, "--out", "results")
    found = summary(tmp_path / "results")
    assert (found["funding"], found["funding_payments"], found["funding_facts"]) == ("0", 0, 0)
    assert found["funding_missing"] >= 6  # the longest was held for two days
    assert f"{found['funding_missing']} funding times were held through".encode() in done.stderr
    assert "no rate" in (tmp_path / "results" / "report.html").read_text()


def test_run_and_backtest_and_pipe_decide_the_same(perps: Path) -> None:
    ran = compared((perps / "run.jsonl").read_bytes())
    assert ran == decisions(perps / "margin")
    scan = ("scan", "--market", str(PERPS), *VENUE, *WORDS, *ON_MARGIN)
    piped = b""
    for words in (scan, ("rank",), ("signal",), ("precheck",), ("order", "--paper", "--ledger", "pipe.db")):
        done = subprocess.run(
            [*HOT, *words], input=piped, capture_output=True, env=env(perps),
            cwd=perps, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        piped = done.stdout
    assert compared(piped) == ran


def test_the_ledger_holds_and_there_is_no_divergence(perps: Path) -> None:
    assert run_hot(perps, "ledger", "verify", "--ledger", "run.db").returncode == 0
    done = run_hot(perps, "report", "divergence", "run.db", "margin", "--json")
    assert json.loads(done.stdout)["total"]["same"] is True
    replayed = run_hot(perps, "replay", "run.db")
    assert replayed.returncode == 0, replayed.stderr
    found = json.loads(replayed.stdout)
    assert found["same"] is True
    assert found["kinds"]["funding_payment"]["same"] == len(payments(told(perps / "margin")))


def test_the_gap_that_funding_makes_is_its_share(perps: Path) -> None:
    folder = perps / "dear"
    (folder / "usdm").mkdir(parents=True, exist_ok=True)
    for name in ("candles-1h.csv", "funding-rate.csv"):
        text = (PERPS / "usdm" / name).read_text()
        if name.startswith("funding"):
            head, *lines = text.splitlines()
            text = "\n".join([head, *(f"{line.rsplit(',', 1)[0]},0.005" for line in lines)]) + "\n"
        (folder / "usdm" / name).write_text(text)
    words = ("backtest", "--market", "dear", *WORDS, "--out")
    assert run_hot(perps, *words, "dear-out").returncode == 0
    cheap = ("backtest", "--market", str(PERPS), *VENUE, *WORDS, "--out", "cheap-out")
    assert run_hot(perps, *cheap).returncode == 0
    found = json.loads(run_hot(perps, "report", "divergence", "cheap-out", "dear-out", "--json").stdout)
    cost = Decimal(summary(perps / "dear-out")["funding"]) - Decimal(summary(perps / "cheap-out")["funding"])
    assert Decimal(found["shares"]["funding"]) == cost < 0
    total = sum((Decimal(amount) for amount in found["shares"].values()), Decimal(0))
    assert total == Decimal(found["total"]["gap"])


def test_why_and_replay_tell_what_funding_cost(perps: Path) -> None:
    sent = (one for one in told(perps / "margin") if one["kind"] == "order_attempt")
    at = next(one["at"] for one in sent if one["symbol"] == "CYSUSDT")
    done = run_hot(perps, "why", "CYSUSDT", "--at", str(at), "--ledger", "run.db")
    assert b"Funding paid: -" in done.stdout and b"LIQUIDATION" in done.stdout and b"liquidated at" in done.stdout
    explained = run_hot(perps, "replay", "run.db", "--explain", "--symbol", "CYSUSDT")
    assert b'"kind":"funding_payment"' in explained.stdout


def test_a_store_with_funding_or_margin_is_played_fact_by_fact(perps: Path) -> None:
    (perps / "candles").mkdir(exist_ok=True)
    for name, files in (("both", PERPS), ("bars", PERPS / "usdm" / "candles-1h.csv")):
        done = run_hot(perps, "store", "import", str(files), "--store", name)
        assert done.returncode == 0, done.stderr
    done = run_hot(perps, "backtest", "--market", "both", *VENUE, *WORDS, *ON_MARGIN, "--out", "stored")
    assert b"fact by fact, since the market has funding rates" in done.stderr
    assert decisions(perps / "stored") == decisions(perps / "margin")
    done = run_hot(perps, "backtest", "--market", "bars", *WORDS, *ON_MARGIN, "--out", "stored")
    assert b"fact by fact, since positions on margin" in done.stderr
    assert run_hot(perps, "backtest", "--market", "bars", "--path", "blocks", *WORDS, *ON_MARGIN).returncode == 78


@pytest.mark.skipif(not SHARED.is_dir(), reason="the large recordings are not here")
def test_thirty_perps_pay_what_was_recorded(tmp_path: Path) -> None:
    market = tmp_path / "market"
    (market / "usdm").mkdir(parents=True)
    wanted = cut(SHARED / "klines-1h-2026-02-19_2026-03-09.csv.gz", market / "usdm" / "candles-1h.csv", None)
    cut(SHARED / "funding-rate.csv.gz", market / "usdm" / "funding-rate.csv", wanted)
    done = run_hot(tmp_path, "backtest", "--market", "market", *WORDS, "--out", "results")
    assert done.returncode == 0, done.stderr
    records = told(tmp_path / "results")
    assert sorted(payments(records)) == sorted(expected(records, market))
    assert len({symbol for symbol, *_ in payments(records)}) >= 20


def cut(source: Path, target: Path, wanted: set[str] | None) -> set[str]:
    """Copies the rows of forty symbols (every thirteenth of the file, or those wanted); gives which."""
    with gzip.open(source, "rt") as file:
        head, *lines = file.read().splitlines(True)
    names = sorted({line.split(",", 1)[0] for line in lines})
    chosen = wanted if wanted is not None else set(names[::13][:40])
    target.write_text(head + "".join(line for line in lines if line.split(",", 1)[0] in chosen))
    return chosen
