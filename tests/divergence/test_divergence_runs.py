"""hot report divergence over runs of a small market: one setting changed at a time, and input that does not fit."""

import csv
import io
import json
import shutil
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hot_runs import SESSION, Hot, run_hot

#: Five hours of the hot day on three coins, with a day of windows before it.
COINS = ("--symbol", "ETCUSDT", "--symbol", "DOGEUSDT", "--symbol", "BCHUSDT")
CUT = (*COINS, "--until", "2021-04-16T05:00")
#: So much less that a position is still held at its end.
SHORT = (*COINS, "--until", "2021-04-16T01:30")
CHANGED = {
    "base": "paper.taker_fee_rate=0.001",
    "fee": "paper.taker_fee_rate=0.002",
    "slippage": "paper.slippage_bps=6",
    "latency": "paper.latency_ms=60000",
    "participation": "paper.participation=0.00002",
    "threshold": "hotcoin.min_heat=60",
    "received": "paper.fee_in=received",
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the ledger and the output of a run for each changed setting."""
    folder = tmp_path_factory.mktemp("divergence")
    for name, setting in CHANGED.items():
        words = ("run", "--market", str(SESSION), *CUT, "--ledger", f"{name}.db", "-q", "--set", setting)
        done = run_hot(folder, *words)
        assert done.returncode == 0, done.stderr
        (folder / f"{name}.jsonl").write_bytes(done.stdout)
    short = run_hot(folder, "run", "--market", str(SESSION), *SHORT, "--ledger", "short.db", "-q")
    assert short.returncode == 0, short.stderr
    return folder


@pytest.fixture
def hot(made: Path) -> Hot:
    return lambda *words: run_hot(made, *words)


def split(hot: Hot, a: str, b: str) -> dict[str, Any]:
    done = hot("report", "divergence", a, b, "--json")
    assert done.returncode == 1, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def exact(texts: Any) -> Decimal:
    with localcontext(Context(prec=100)):
        return sum(map(Decimal, texts), Decimal(0))


def shares(found: dict[str, Any]) -> set[str]:
    return {name for name, part in found["shares"].items() if part != "0"}


@pytest.mark.parametrize("other", ["base.db", "base.jsonl"])
def test_a_run_against_itself_is_the_same(hot: Hot, other: str) -> None:
    done = hot("report", "divergence", "base.db", other, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["total"]["same"] and found["total"]["trades_a"] > 3
    assert not shares(found) and found["trades"] == [] and found["settings"] == {}


def test_another_fee_is_fee_and_the_sizes_that_follow_from_it(hot: Hot) -> None:
    found = split(hot, "base.db", "fee.db")
    assert found["settings"] == {"paper.taker_fee_rate": [0.001, 0.002]}
    assert Decimal(found["shares"]["fee"]) < 0
    # Less equity makes smaller entries: that, and nothing else, is the rest.
    assert shares(found) <= {"fee", "fill"}
    assert {one["cause"] for one in found["causes"] if one["share"] == "fill"} == {"ASKED"}


def test_another_slippage_is_price(hot: Hot) -> None:
    found = split(hot, "base.db", "slippage.db")
    assert Decimal(found["shares"]["price"]) < 0
    assert max(found["shares"], key=lambda name: abs(Decimal(found["shares"][name]))) == "price"
    entries = [one for one in found["causes"] if one["share"] == "price" and one["cause"] == "ENTRY"]
    assert entries and Decimal(entries[0]["amount"]) < 0


def test_latency_is_timing(hot: Hot) -> None:
    found = split(hot, "base.db", "latency.db")
    assert Decimal(found["shares"]["timing"]) != 0
    late = [one for one in found["causes"] if one["share"] == "timing" and one["cause"] == "ENTRY"]
    assert late[0]["trades"] == sum(one["taken_by"] == "both" for one in found["trades"])


def test_participation_is_fill(hot: Hot) -> None:
    found = split(hot, "base.db", "participation.db")
    assert ("fill", "FILLED") in {(one["share"], one["cause"]) for one in found["causes"]}


def test_a_changed_threshold_is_signal_with_the_code_of_the_refusal(hot: Hot) -> None:
    found = split(hot, "base.db", "threshold.db")
    assert max(found["shares"], key=lambda name: abs(Decimal(found["shares"][name]))) == "signal"
    assert ("signal", "LOW_HEAT") in {(one["share"], one["cause"]) for one in found["causes"]}
    assert shares(found) & {"timing", "price"} == set()


@pytest.mark.parametrize("name", [name for name in CHANGED if name != "base"])
def test_shares_sum_to_the_gap_and_change_sign_with_the_runs(hot: Hot, name: str) -> None:
    there, back = split(hot, "base.db", f"{name}.db"), split(hot, f"{name}.db", "base.db")
    gap = Decimal(there["total"]["gap"])
    assert exact(there["shares"].values()) == gap
    assert exact(one["amount"] for one in there["causes"]) == gap
    assert exact(part for one in there["trades"] for part in one["shares"].values()) == gap
    assert exact(one["gap"] for one in there["by_symbol"]) == gap
    assert {key: -Decimal(part) for key, part in back["shares"].items()} == {
        key: Decimal(part) for key, part in there["shares"].items()
    }


@pytest.mark.parametrize("name", ["short", "participation", "received"])
def test_the_net_result_is_that_of_the_plain_report(hot: Hot, name: str) -> None:
    found = json.loads(hot("report", "divergence", f"{name}.db", f"{name}.db", "--json").stdout)
    equity = json.loads(hot("report", "--ledger", f"{name}.db", "--json").stdout)["equity"]
    earned = Decimal(equity["end"]) - Decimal(equity["start"])
    # The plain report rounds an average entry price, and the desk the cost of coins that were kept as a fee.
    assert abs(Decimal(found["total"]["net_a"]) - earned) < Decimal("0.000001")


def test_a_folder_of_results_is_read(hot: Hot, made: Path) -> None:
    (made / "results").mkdir()
    packed = zstandard.ZstdCompressor().compress((made / "base.jsonl").read_bytes())
    (made / "results" / "decisions.jsonl.zst").write_bytes(packed)
    assert hot("report", "divergence", "base.db", "results").returncode == 0


def test_the_table_tells_the_total_first_then_shares_then_the_worst_trades(hot: Hot) -> None:
    done = hot("report", "divergence", "base.db", "fee.db", "--table")
    text = done.stdout.decode()
    assert done.returncode == 1
    assert text.startswith("gap -")
    assert text.index("Shares of the gap") < text.index("Trades that differ, the worst first")
    assert "paper.taker_fee_rate" in text


def test_csv_lists_the_trades_that_differ_with_the_columns_asked_for(hot: Hot) -> None:
    done = hot("report", "divergence", "base.db", "fee.db", "--csv", "--columns", "symbol,gap,fee,fill", "-n", "2")
    rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
    assert len(rows) == 2 and list(rows[0]) == ["symbol", "gap", "fee", "fill"]
    assert all(exact([row["fee"], row["fill"]]) == Decimal(row["gap"]) for row in rows)


def test_jsonl_is_one_line(hot: Hot) -> None:
    done = hot("report", "divergence", "base.db", "fee.db", "--jsonl")
    assert done.stdout.count(b"\n") == 1


def test_a_shorter_run_says_what_was_after_its_end_and_what_it_still_held(hot: Hot) -> None:
    found = split(hot, "base.db", "short.db")
    assert {"NOT_RUN", "OPEN"} <= {one["cause"] for one in found["causes"]}
    assert found["open_positions"] and {one["run"] for one in found["open_positions"]} == {"b"}
    text = hot("report", "divergence", "base.db", "short.db", "--table").stdout.decode()
    assert "Still held, at the last known price" in text


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        (b"", 65, b"it is empty"),
        (b"hello\n", 65, b"neither a ledger nor decisions"),
        (b'{"kind":"tick","at":1}\n', 65, b"it holds no cycle"),
        (b'{"kind":"cycle","at":1,"codes":{"OK":["XUSDT"]}}\n', 2, b"no symbol in common"),
        (b'{"kind":"cycle","at":1,"codes":{"OK":["ETCUSDT"]}}\n', 2, b"no time in common"),
        (b'{"kind":"cycle","at":1,"codes":{}}\n{"kind":"fill","at":"x"}\n', 65, b"bad.jsonl:2:"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(
    hot: Hot, made: Path, text: bytes, code: int, words: bytes
) -> None:  # fmt: skip
    (made / "bad.jsonl").write_bytes(text)
    done = hot("report", "divergence", "base.db", "bad.jsonl")
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (code, b"", 1)
    assert words in done.stderr


def test_another_venue_is_refused(hot: Hot, made: Path) -> None:
    other = (made / "base.jsonl").read_bytes().replace(b'"venue":"binance-spot"', b'"venue":"elsewhere"')
    (made / "other.jsonl").write_bytes(other)
    done = hot("report", "divergence", "base.db", "other.jsonl")
    assert done.returncode == 2 and b"no venue in common" in done.stderr


def test_another_quote_asset_is_refused(hot: Hot, made: Path) -> None:
    run = hot("ledger", "export", "--ledger", "base.db", "--kinds", "run").stdout
    euro = run.replace(b'"desk.quote_asset":"USDT"', b'"desk.quote_asset":"EUR"')
    (made / "euro.jsonl").write_bytes(euro + (made / "base.jsonl").read_bytes())
    done = hot("report", "divergence", "base.db", "euro.jsonl")
    assert done.returncode == 2 and b"counts in USDT" in done.stderr


def test_a_file_that_begins_in_the_middle_of_a_trade_is_refused(hot: Hot, made: Path) -> None:
    lines = (made / "base.jsonl").read_bytes().splitlines(keepends=True)
    first = next(i for i, line in enumerate(lines) if line.startswith(b'{"kind":"fill"'))
    (made / "tail.jsonl").write_bytes(b"".join(lines[first + 1 :]))
    done = hot("report", "divergence", "base.db", "tail.jsonl")
    assert (done.returncode == 65 and b"the whole run is needed" in done.stderr) or b"without fills" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.db", "base.db"), b"is not there"),
        (("data", "base.db"), b"holds no results of a backtest"),
        (("base.db",), b"Missing argument"),
        (("base.db", "fee.db", "--columns", "colour"), b"there is no column"),
    ],
)
def test_a_wrong_command_line_exits_2(hot: Hot, made: Path, words: tuple[str, ...], said: bytes) -> None:
    (made / "data").mkdir(exist_ok=True)
    done = hot("report", "divergence", *words)
    assert done.returncode == 2 and said in done.stderr


def test_an_option_of_the_plain_report_before_the_word_is_refused(hot: Hot) -> None:
    done = hot("report", "--json", "divergence", "base.db", "fee.db")
    assert done.returncode == 2 and b"--json" in done.stderr


def test_a_foreign_database_is_no_ledger(hot: Hot, made: Path) -> None:
    import sqlite3

    with sqlite3.connect(made / "foreign.db") as db:
        db.execute("CREATE TABLE IF NOT EXISTS anything (a)")
    db.close()
    assert hot("report", "divergence", "base.db", "foreign.db").returncode == 74


def test_runs_without_a_shared_intent_are_said_to_have_none(hot: Hot, made: Path) -> None:
    lines = (made / "base.jsonl").read_bytes().splitlines(keepends=True)
    idle = b"".join(line for line in lines if line.startswith((b'{"kind":"cycle"', b'{"kind":"run"')))
    (made / "idle.jsonl").write_bytes(idle)
    done = hot("report", "divergence", "base.db", "idle.jsonl", "--json")
    assert done.returncode == 1 and b"share no intent" in done.stderr
    assert shares(json.loads(done.stdout)) == {"signal"}


def test_the_plain_report_is_what_it_was(hot: Hot, made: Path, tmp_path: Path) -> None:
    ledger = shutil.copy(made / "base.db", tmp_path / "copy.db")
    done = hot("report", "--ledger", str(ledger), "--table")
    assert done.returncode == 0 and b"net profit" in done.stdout
