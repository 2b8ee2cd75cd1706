"""hot report, trades and positions: their formats, filters and edges, through the real app."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from made_session import DAY, at, run, session, write_ledger

from engine.ledger.ledger import Ledger
from engine.runs.data import latest_ledger
from engine.runs.reporting import reporting
from engine.runs.reporting.plain import as_plain

HOSTILE = (
    "<script>alert(1)</script>", "\x1b[31mRED", "=cmd()", "[/]X", "\u202eevil", "+1-2", "@SUM(A1)", "币安人生USDT",
)  # fmt: skip

TRADES_CSV = """\
closed_at,symbol,strategy,opened_at,hold_s,qty,entry_price,exit_price,pnl,return_pct,fees,funding,heat,reasons,ambiguous,dust,venue,known_at
1704845010000,AUSDT,hotcoin,1704844890000,120,2,100,100,-0.4,-0.2,0.4,0,80,TIER_1+STOP,False,0,binance-spot,1704845040000
1704845130000,BUSDT,hotcoin,1704845070000,60,10,10,12,19.78,19.78,0.22,0,70,TIME,True,0,binance-spot,1704845160000
"""


def test_report_as_csv_is_the_closed_trades(hot: Callable[..., object], ledger: Path) -> None:
    said = hot("report", "--ledger", ledger, "--csv")
    assert (said.code, said.out) == (0, TRADES_CSV)


def test_trades_as_csv_are_the_same(hot: Callable[..., object], ledger: Path) -> None:
    assert hot("trades", "--ledger", ledger, "--csv").out == TRADES_CSV


def test_report_as_json_is_the_whole_report(hot: Callable[..., object], ledger: Path) -> None:
    whole = json.loads(hot("report", "--ledger", ledger, "--json").out)
    assert whole == as_plain(reporting.report_of(ledger))
    line = hot("report", "--ledger", ledger).out
    assert (line.count("\n"), json.loads(line)) == (1, whole)


def test_report_as_table_has_sections_for_people(hot: Callable[..., object], ledger: Path) -> None:
    out = hot("report", "--ledger", ledger, "--table").out
    assert out.startswith("2024-01-10 00:01 to 2024-01-10 00:07 UTC, 7 cycles\n")
    for line in (
        "net profit         +19.38 USDT    20.00 before fees of 0.62", "TIER_1+STOP       1    0       -0.40",
        "CUSDT   1 min    1     50    55  55.00       +5.00", "PRECHECK_FAILED      1", "momentum     70.0     83.3",
    ):  # fmt: skip
        assert line in out, line


def test_html_prints_the_path_of_a_page(hot: Callable[..., object], ledger: Path, tmp_path: Path) -> None:
    said = hot("report", "--ledger", ledger, "--html", tmp_path / "r.html")
    assert (said.code, said.out) == (0, f"{tmp_path / 'r.html'}\n")
    assert (tmp_path / "r.html").read_text().startswith("<!doctype html>")
    refused = hot("report", "--ledger", ledger, "--html", tmp_path / "no" / "r.html")
    assert (refused.code, refused.out) == (78, "")


@pytest.mark.parametrize(("now", "trades"), [(at(4), 2), (DAY, 2), (DAY - 1, 0), (DAY + 86_400_000, 0)])
def test_today_is_the_utc_day_of_the_clock(
    hot: Callable[..., object], ledger: Path, monkeypatch: pytest.MonkeyPatch, now: int, trades: int
) -> None:
    monkeypatch.setattr(reporting.time, "time_ns", lambda: now * 1_000_000)
    made = json.loads(hot("report", "--ledger", ledger, "--today", "--json").out)
    assert made["summary"]["trades"] == trades
    assert made["span"]["until"] - made["span"]["since"] == 86_400_000


def test_today_is_a_span_of_its_own(hot: Callable[..., object], ledger: Path) -> None:
    assert hot("report", "--ledger", ledger, "--today", "--since", "2024-01-10").code == 2


def test_spans_are_half_open(hot: Callable[..., object], ledger: Path) -> None:
    def symbols(*span: str) -> list[str]:
        rows = hot("trades", "--ledger", ledger, *span, "--jsonl").out.splitlines()
        return [json.loads(row)["symbol"] for row in rows]

    assert symbols("--since", "2024-01-10T00:04") == ["AUSDT", "BUSDT"]
    assert symbols("--until", "2024-01-10T00:04") == []
    assert symbols("--since", "2024-01-10T00:05", "--until", str(at(7))) == ["BUSDT"]


def test_trades_can_be_picked_by_symbol_column_and_number(hot: Callable[..., object], ledger: Path) -> None:
    picked = hot("trades", "--ledger", ledger, "--symbol", "ausdt", "--columns", "pnl,symbol", "--csv")
    assert picked.out == "pnl,symbol\n-0.4,AUSDT\n"
    assert hot("trades", "--ledger", ledger, "-n", 1, "--columns", "symbol", "--csv").out == "symbol\nBUSDT\n"
    assert hot("trades", "--ledger", ledger, "-n", 0, "--columns", "symbol", "--csv").out == "symbol\n"
    wrong = hot("trades", "--ledger", ledger, "--columns", "nope")
    assert (wrong.code, wrong.out) == (2, "")
    assert "no column 'nope'" in wrong.err


def test_fills_are_listed_one_by_one(hot: Callable[..., object], ledger: Path) -> None:
    rows = [json.loads(row) for row in hot("trades", "--ledger", ledger, "--fills", "--jsonl").out.splitlines()]
    assert [(row["symbol"], row["reason"], row["qty"], row["price"]) for row in rows] == [
        ("AUSDT", "ENTRY", "2", "100"), ("AUSDT", "TIER_1", "1", "110"), ("AUSDT", "STOP", "1", "90"),
        ("BUSDT", "ENTRY", "10", "10"), ("CUSDT", "ENTRY", "1", "50"), ("BUSDT", "TIME", "10", "12"),
    ]  # fmt: skip


def test_positions_are_what_is_held(hot: Callable[..., object], ledger: Path) -> None:
    (row,) = json.loads(hot("positions", "--ledger", ledger, "--json").out)
    assert (row["symbol"], row["qty"], row["unrealised"], row["heat"], row["price"]) == ("CUSDT", "1", "5", 90, "55")
    table = hot("positions", "--ledger", ledger, "--table").out.splitlines()
    assert table[2].split() == ["CUSDT", "2024-01-10", "00:05:30", "1", "min", "1", "50", "55", "55", "5", "10",
                                "-0.05", "90"]  # fmt: skip


def test_an_empty_ledger_lists_nothing(hot: Callable[..., object], tmp_path: Path) -> None:
    empty = write_ledger(tmp_path / "empty.db", [])
    assert hot("trades", "--ledger", empty, "--table").out == "(nothing)\n"
    assert hot("trades", "--ledger", empty, "--jsonl").out == ""
    assert hot("positions", "--ledger", empty, "--csv", "--columns", "symbol").out == "symbol\n"
    assert "closed trades      0" in hot("report", "--ledger", empty, "--table").out
    assert hot("status", "--ledger", empty, "--check").code == 0


@pytest.mark.parametrize("command", ["report", "trades", "positions", "status"])
def test_a_ledger_that_is_missing_or_foreign_is_74(hot: Callable[..., object], tmp_path: Path, command: str) -> None:
    (tmp_path / "text.db").write_text("no database")
    for name in ("none.db", "text.db"):
        said = hot(command, "--ledger", tmp_path / name)
        assert (said.code, said.out, said.err.count("\n")) == (74, "", 1)
        assert name in said.err
    assert not (tmp_path / "none.db").exists()


def test_without_a_ledger_the_newest_is_taken_and_told(hot: Callable[..., object], tmp_path: Path) -> None:
    none = hot("trades")
    assert none.code == 78
    assert "hot demo" in none.err
    old, new = tmp_path / "data" / "a.db", tmp_path / "data" / "b.db"
    write_ledger(old, [])
    write_ledger(new, session())
    os.utime(old, (1, 1))
    said = hot("trades", "--jsonl")
    assert (said.err, len(said.out.splitlines())) == (f"ledger {new}\n", 2)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_symbol_steers_no_view(hot: Callable[..., object], tmp_path: Path, name: str) -> None:
    path = write_ledger(tmp_path / "h.db", session(name, f"{name}2", f"{name}3"))
    for view in (("report",), ("trades",), ("trades", "--fills"), ("positions",), ("status",)):
        shown = hot(*view, "--ledger", path, *(() if view == ("status",) else ("--table",))).out
        assert not [char for char in shown if char in "\x1b\u202e"], view
        assert name.strip("\x1b\u202e") in shown, view
    cells = list(csv.reader(io.StringIO(hot("report", "--ledger", path, "--csv").out)))
    assert [row[1] for row in cells[1:]] == [f"'{one}" if one[0] in "=+-@" else one for one in (name, f"{name}2")]
    assert [row[8] for row in cells[1:]] == ["-0.4", "19.78"]
    told = [json.loads(row)["symbol"] for row in hot("trades", "--ledger", path, "--jsonl").out.splitlines()]
    assert told == [name, f"{name}2"]


def test_a_reader_that_leaves_is_no_error(ledger: Path) -> None:
    command = f"{sys.executable} -m cli.main trades --fills --jsonl --ledger {ledger} | head -1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 1, "")


@pytest.mark.parametrize(
    "command",
    ["report", "trades", "positions", "status", "explain", "schema", "config", "doctor", "halt", "resume", "ledger"],
)
def test_help_is_light_and_has_an_example(command: str) -> None:
    code = (
        f"import sys; sys.argv = ['hot', '{command}', '--help']\n"
        "from cli.main import app\n"
        "try:\n    app()\nexcept SystemExit:\n    pass\n"
        "heavy = {'pandas', 'numpy', 'numba', 'sqlite3', 'pysqlite3', 'rich', 'zstandard', 'apscheduler'}\n"
        "sys.exit(','.join(sorted(heavy & set(sys.modules))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.stderr.strip() == ""
    assert "Example:" in done.stdout or "Commands:" in done.stdout


@pytest.mark.parametrize("command", [("config", "show"), ("config", "init"), ("ledger", "verify"), ("ledger", "backup"),
                                     ("ledger", "export"), ("ledger", "path"), ("ledger", "prune")])  # fmt: skip
def test_subcommands_have_help_with_an_example(hot: Callable[..., object], command: tuple[str, str]) -> None:
    said = hot(*command, "--help")
    assert said.code == 0
    assert "Example:" in said.out


def test_a_run_that_closed_no_cycle_does_not_hide_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOT_DATA__DIR", str(tmp_path))
    first, second = tmp_path / "paper-0001.db", tmp_path / "paper-0002.db"
    write_ledger(second, [run()])
    os.utime(second, (2_000_000_000, 2_000_000_000))
    assert latest_ledger() == second
    write_ledger(first, session())
    os.utime(first, (1_000_000_000, 1_000_000_000))
    assert latest_ledger() == first
    with Ledger.open(second, mode="paper", venue="paper"):
        os.utime(second, (2_000_000_000, 2_000_000_000))
        assert latest_ledger() == second
