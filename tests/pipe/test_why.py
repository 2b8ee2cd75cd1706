"""`hot why` explains a trade and a non-trade, and a ledger with one byte changed is not clean."""

import json
from pathlib import Path

import pytest
from hot_runs import SESSION, Hot
from small_market import CUT


@pytest.fixture
def ledger(hot: Hot, tmp_path: Path) -> str:
    assert hot("run", "--market", str(SESSION), *CUT, "--ledger", "why.db", "-q").returncode == 0
    return str(tmp_path / "why.db")


def test_a_trade_is_told_from_the_heat_to_the_way_out(hot: Hot, ledger: str) -> None:
    fill = json.loads(hot("trades", "--fills", "--ledger", ledger, "--jsonl").stdout.splitlines()[-1])
    entry = next(
        json.loads(line)
        for line in hot("ledger", "export", "--ledger", ledger, "--kinds", "intent").stdout.splitlines()
        if json.loads(line)["symbol"] == fill["symbol"]
    )
    told = hot("why", entry["symbol"], "--at", str(entry["at"]), "--ledger", ledger).stdout.decode()
    for word in (
        "ENTERED",
        "Heat",
        "momentum",
        "Signal of hotcoin: enter",
        "Intent: buy",
        "Filled: buy",
        "Filled: sell",
    ):
        assert word in told, told


def test_a_refused_signal_is_told_with_its_value_and_limit(hot: Hot, ledger: str) -> None:
    refusals = [
        json.loads(line)
        for line in hot("ledger", "export", "--ledger", ledger, "--kinds", "refusal").stdout.splitlines()
    ]
    one = next(r for r in refusals if r["code"] == "BELOW_EMA")
    told = hot("why", one["symbol"], "--at", str(one["at"]), "--ledger", ledger).stdout.decode()
    assert "ended as BELOW_EMA" in told and f"{one['value']} against 0" in told


def test_a_symbol_that_nobody_looked_at_is_told_with_figures_computed_again(hot: Hot, ledger: str) -> None:
    told = hot("why", "TRXUSDT", "--at", "2021-04-16T00:10", "--ledger", ledger)
    assert b"ended as QUIET" in told.stdout and b"change_5m_limit_pct" in told.stdout, told.stdout
    cold = hot("why", "TRXUSDT", "--at", "2021-04-15T10:10", "--ledger", ledger)
    assert b"ended as COLD" in cold.stdout and b"hours_seen               10.1" in cold.stdout


def test_a_symbol_that_was_never_scanned_is_refused(hot: Hot, ledger: str) -> None:
    done = hot("why", "NOSUCHUSDT", "--at", "2021-04-16T00:10", "--ledger", ledger)
    assert done.returncode == 3 and b"NOSUCHUSDT" in done.stderr


def test_verify_is_clean_and_not_after_one_byte_is_changed(hot: Hot, ledger: str) -> None:
    assert hot("ledger", "verify", "--ledger", ledger).returncode == 0
    data = bytearray(Path(ledger).read_bytes())
    at = data.find(b'"kind":"fill"')
    at = data.find(b'"price":"', at) + len(b'"price":"')
    data[at] = ord("9") if data[at] != ord("9") else ord("8")
    Path(ledger).write_bytes(bytes(data))
    done = hot("ledger", "verify", "--ledger", ledger)
    assert done.returncode == 74
    assert b"row" in done.stdout + done.stderr
