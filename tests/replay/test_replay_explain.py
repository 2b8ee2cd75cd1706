"""Explained: the chain of each trade, and why the other candidates were not entered."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.commands.replay import _cycle_lines
from engine.records.wire import decode
from engine.runs.replay.explain import Chosen, Explainer

Hot = Callable[..., "subprocess.CompletedProcess[bytes]"]


def rows(done: "subprocess.CompletedProcess[bytes]") -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def explained(made: Path, chosen: Chosen) -> Explainer:
    explainer = Explainer(chosen)
    for line in (made / "order.jsonl").read_bytes().splitlines():
        record = decode(line)
        assert record is not None
        explainer.hear(record)
    return explainer


def test_each_trade_is_a_chain_from_input_to_result(made: Path, hot: Hot) -> None:
    told = rows(hot("replay", str(made / "run.db"), "--explain"))
    trades = [
        json.loads(line) for line in hot("trades", "--ledger", str(made / "run.db"), "--jsonl").stdout.splitlines()
    ]
    closed = [one for one in told if one["result"].get("status") == "closed"]
    assert sorted(one["result"]["pnl"] for one in closed) == sorted(trade["pnl"] for trade in trades)
    returns = {trade["pnl"]: (trade["return_pct"], trade["hold_s"]) for trade in trades}
    for one in closed:
        assert (one["result"]["return_pct"], one["result"]["held_s"]) == returns[one["result"]["pnl"]]
        kinds = [record["kind"] for record in one["records"]]
        chain = [kinds.index(kind) for kind in ("candidate", "candidate_snapshot", "signal_snapshot", "intent")]
        assert chain == sorted(chain)
        assert kinds[-2:] == ["order_attempt", "order_result"]
        assert one["outcome"][-1]["kind"] == "order_result"
        assert one["result"]["reasons"]


def test_those_that_were_not_entered_say_why(made: Path, hot: Hot) -> None:
    told = rows(hot("replay", str(made / "order.jsonl"), "--explain"))
    others = [other for one in told for other in one["others"]]
    assert {"POSITION_OPEN"} <= {other["code"] for other in others}
    held = next(other for other in others if other["code"] == "POSITION_OPEN")
    assert held["value"] is not None and held["limit"] == "0"


def test_one_symbol_at_one_time_is_told_also_when_it_was_not_entered(made: Path, hot: Hot) -> None:
    words = ("replay", str(made / "run.db"), "--explain", "--symbol", "ETCUSDT", "--at")
    (one,) = rows(hot(*words, "2021-04-16T00:10:30"))
    assert (one["symbol"], one["code"]) == ("ETCUSDT", "POSITION_OPEN")
    assert one["records"][-1]["kind"] == "refusal"
    (one,) = rows(hot(*words, "2021-04-15T12:00"))
    assert one["code"] == "COLD" and one["records"] == []
    assert hot("replay", str(made / "run.db"), "--at", "2021-04-15T12:00").returncode == 2


def test_only_what_is_asked_for_is_told(made: Path, hot: Hot) -> None:
    everything = rows(hot("replay", str(made / "run.db"), "--explain"))
    some = rows(hot("replay", str(made / "run.db"), "--explain", "--symbol", "DOGEUSDT", "--since", "2021-04-16T00:20"))
    assert 0 < len(some) < len(everything)
    assert {one["symbol"] for one in some} == {"DOGEUSDT"}
    assert min(one["at"] for one in some) >= 1_618_532_400_000


def test_people_read_it_in_words(made: Path) -> None:
    told = explained(made, Chosen(at=1_618_531_800_000)).told
    lines = "\n".join(_cycle_lines(told[0]))
    for words in ("DOGEUSDT at 2021-04-16 00:10:00 UTC ended as ENTERED", "Heat ", "Intent: buy", "Sent: buy",
                  "Filled: buy", "Result: closed, ", "ETCUSDT      precheck  POSITION_OPEN"):  # fmt: skip
        assert words in lines
    assert "  made of change_1h_pct " in lines
    assert "  To be left by: all at -5 % (STOP); 30 % at +5 % (TIER_1); " in lines
    assert "; all after 4 h 00 min (TIME)" in lines
    assert "What to do" not in lines.partition("Candidate")[0]


def test_words_are_told_in_a_pipe_too_where_they_are_asked_for(made: Path, hot: Hot) -> None:
    words = ("replay", str(made / "run.db"), "--explain", "--symbol", "ETCUSDT", "--at", "2021-04-16T00:10:30")
    assert hot(*words, "--table").stdout.startswith(b"ETCUSDT at 2021-04-16 00:10:00 UTC ended as POSITION_OPEN")
