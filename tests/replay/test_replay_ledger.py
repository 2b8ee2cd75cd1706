"""A ledger thought over again: the same bytes, or the first record and field that differ."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hot_runs import HOT, SESSION, env
from replay_market import CUT, bars, copied, rechained

from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.records.wire import COMPARED, kind_of_line
from engine.runs.history import all_runs

Hot = Callable[..., "subprocess.CompletedProcess[bytes]"]


def verdict(done: "subprocess.CompletedProcess[bytes]") -> dict[str, Any]:
    return dict(json.loads(done.stdout))


def decided(path: Path) -> int:
    with Ledger.read(path) as ledger:
        return sum(kind_of_line(line) in COMPARED for _, line in ledger.lines())


@pytest.mark.parametrize("name", ["run.db", "pipe.db"])
def test_a_ledger_is_thought_again_to_the_same_bytes(name: str, made: Path, hot: Hot) -> None:
    done = hot("replay", str(made / name))
    assert done.returncode == 0, done.stderr
    count = decided(made / name)
    assert count > 2000
    assert f"{count} records compared, all the same".encode() in done.stderr
    assert verdict(done)["compared"] == count


def test_the_run_record_tells_what_is_needed(made: Path) -> None:
    for name in ("run.db", "pipe.db"):
        with Ledger.read(made / name) as ledger:
            ((_, run),) = all_runs(ledger)
        assert run.version and run.settings_hash and run.seed == 0
        assert all(len(file["sha256"]) == 64 for file in run.market["files"])
        assert run.market["only"]["symbols"] == [CUT[i] for i in range(1, 6, 2)]


def test_nothing_is_written_so_a_read_only_ledger_will_do(made: Path, hot: Hot, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    ledger = copied(made / "run.db", folder)
    before = ledger.read_bytes()
    ledger.chmod(0o400)
    folder.chmod(0o500)
    try:
        assert hot("replay", str(ledger), "-q").returncode == 0
    finally:
        folder.chmod(0o700)
    assert ledger.read_bytes() == before


def test_one_changed_digit_is_found_by_record_and_field(made: Path, hot: Hot, tmp_path: Path) -> None:
    ledger = copied(made / "run.db", tmp_path)
    changed: list[int] = []

    def forge(seq: int, record: dict[str, Any]) -> dict[str, Any]:
        if record["kind"] != "candidate_snapshot" or changed:
            return record
        changed.append(seq)
        return {**record, "dimensions": {**record["dimensions"], "liquidity": 91}}

    rechained(ledger, forge)
    done = hot("replay", str(ledger))
    assert done.returncode == 1
    first = verdict(done)["first"]
    assert (first["what"], first["number"], first["field"]) == ("changed", changed[0], "dimensions.liquidity")
    assert (first["stored"], first["now"]) == (91, 90)
    assert f"row {changed[0]}, candidate_snapshot of ETCUSDT".encode() in done.stderr
    assert b"field dimensions.liquidity" in done.stderr


@pytest.mark.parametrize(("kind", "what"), [("refusal", "missing"), ("intent", "added")])
def test_a_record_too_many_or_too_few_is_named(kind: str, what: str, made: Path, hot: Hot, tmp_path: Path) -> None:
    ledger = copied(made / "run.db", tmp_path)
    seen: list[int] = []

    def forge(seq: int, record: dict[str, Any]) -> dict[str, Any] | None:
        if record["kind"] == kind and not seen:
            seen.append(seq)
            return None if what == "added" else {**record, "symbol": "ABCUSDT"}
        return record

    rechained(ledger, forge)
    done = hot("replay", str(ledger))
    assert done.returncode == 1
    first = verdict(done)["first"]
    assert (first["what"], first["kind"]) == (what, kind)
    assert verdict(done)["kinds"][kind]["added"] == 1


def test_a_changed_row_breaks_the_chain_first(made: Path, hot: Hot, tmp_path: Path) -> None:
    ledger = copied(made / "run.db", tmp_path)
    data = ledger.read_bytes()
    at = data.index(b'"heat":', len(data) // 2)
    ledger.write_bytes(data[: at + 7] + b"1" + data[at + 8 :])
    done = hot("replay", str(ledger))
    assert done.returncode == 74
    assert b"row " in done.stderr and b"altered" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_another_setting_shows_where_the_ways_part(made: Path, hot: Hot) -> None:
    done = hot("replay", str(made / "run.db"), "--set", "hotcoin.stop_pct=4")
    assert done.returncode == 1
    assert b"setting hotcoin.stop_pct: the run has 5, now 4" in done.stderr
    first = verdict(done)["first"]
    assert (first["kind"], first["field"], first["now"]) == ("signal_snapshot", "plan.stop_pct", 4)
    kinds = verdict(done)["kinds"]
    assert kinds["candidate"]["changed"] == 0 < kinds["candidate"]["same"]
    assert kinds["intent"]["changed"] > 0


def test_a_setting_that_was_there_already_changes_nothing(made: Path, hot: Hot) -> None:
    assert hot("replay", str(made / "run.db"), "--set", "hotcoin.stop_pct=5").returncode == 0


def test_settings_of_the_folder_do_not_count(made: Path, hot: Hot, tmp_path: Path) -> None:
    (tmp_path / "hot.toml").write_text("[desk]\nequity = 5\n")
    assert hot("replay", str(made / "run.db")).returncode == 0


def test_only_what_is_asked_for_is_compared(made: Path, hot: Hot) -> None:
    done = hot("replay", str(made / "run.db"), "--symbol", "etcusdt", "--since", "2021-04-16T00:40")
    assert done.returncode == 0
    assert 0 < verdict(done)["compared"] < decided(made / "run.db") // 2
    assert "tick" not in verdict(done)["kinds"]


def test_a_market_that_has_changed_is_named_with_both_hashes(made: Path, hot: Hot, tmp_path: Path) -> None:
    market = bars(made, tmp_path)
    assert hot("run", "--market", str(market), "--ledger", "l.db", "-q").returncode == 0
    assert hot("replay", "l.db").returncode == 0
    lines = market.read_bytes().splitlines(True)
    market.write_bytes(b"".join(lines[:-40]))
    done = hot("replay", "l.db")
    assert done.returncode == 65
    assert done.stderr.count(b"sha256 was") == 1 and b"--market" in done.stderr
    done = hot("replay", "l.db", "--market", str(market))
    assert done.returncode == 1
    assert b"sha256 was" in done.stderr
    assert verdict(done)["first"]["at"] > 1_618_535_000_000


def test_a_market_that_has_moved_is_asked_for(made: Path, hot: Hot, tmp_path: Path) -> None:
    market = bars(made, tmp_path)
    assert hot("run", "--market", str(market), "--ledger", "l.db", "-q").returncode == 0
    moved = market.rename(tmp_path / "moved.jsonl")
    done = hot("replay", "l.db")
    assert done.returncode == 78
    assert b"--market" in done.stderr
    assert hot("replay", "l.db", "--market", str(moved)).returncode == 0


def test_several_markets_of_one_run_are_found_again(made: Path, hot: Hot, tmp_path: Path) -> None:
    whole = bars(made, tmp_path)
    early = bars(made, tmp_path, "2021-04-15T00:00", "2021-04-16T00:31", name="early.jsonl")
    late = bars(made, tmp_path, "2021-04-15T20:00", "2021-04-16T01:30", name="late.jsonl")
    together = ("--market", str(early), "--market", str(late))
    one = hot("run", "--market", str(whole), "--until", "2021-04-16T01:30", "--ledger", "one.db", "-q")
    two = hot("run", *together, "--until", "2021-04-16T01:30", "--ledger", "two.db", "-q")
    assert (two.returncode, two.stdout) == (0, one.stdout)
    assert hot("run", *together, "--until", "2021-04-16T01:30", "--ledger", "two.db", "-q").stdout == b""
    assert verdict(hot("replay", "two.db"))["compared"] == decided(tmp_path / "two.db")
    moved = late.rename(tmp_path / "moved.jsonl")
    done = hot("replay", "two.db")
    assert (done.returncode, b"late.jsonl is not there" in done.stderr) == (78, True)
    done = hot("replay", "two.db", "--market", str(early), "--market", str(moved))
    assert (done.returncode, verdict(done)["same"]) == (0, True)


def test_several_markets_on_one_ledger_are_thought_over_one_after_another(made: Path, hot: Hot, tmp_path: Path) -> None:
    parts = [("2021-04-15T00:00", "2021-04-16T00:31"), ("2021-04-16T00:31", "2021-04-16T01:30")]
    for i, (since, until) in enumerate(parts):
        market = bars(made, tmp_path, since, until, name=f"{i}.jsonl")
        done = hot("run", "--market", str(market), "--ledger", "l.db", "-q")
        assert done.returncode == 0, done.stderr
    done = hot("replay", "l.db")
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] == decided(tmp_path / "l.db")
    assert verdict(done)["kinds"]["fill"]["same"] > 5


@pytest.mark.parametrize("first", ["run", "pipe"])
def test_a_pipe_and_a_run_may_follow_each_other(first: str, made: Path, hot: Hot, tmp_path: Path) -> None:
    one = bars(made, tmp_path, until="2021-04-16T00:31", name="1.jsonl")
    two = bars(made, tmp_path, "2021-04-16T00:31", "2021-04-16T01:30")
    for kind, market in ((first, one), ("pipe" if first == "run" else "run", two)):
        if kind == "run":
            assert hot("run", "--market", str(market), "--ledger", "l.db", "-q").returncode == 0
        else:
            lines = hot("scan", "--market", str(market), "--ledger", "l.db").stdout
            for stage in ("rank", "signal", "precheck"):
                lines = hot(stage, stdin=lines).stdout
            assert hot("order", "--ledger", "l.db", stdin=lines).returncode == 0
    done = hot("replay", "l.db")
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] == decided(tmp_path / "l.db")


def recorded(made: Path, hot: Hot, tmp_path: Path) -> Path:
    """Runs a market from stdin, whose facts are recorded beside the ledger."""
    market = bars(made, tmp_path)
    done = hot("run", "--market", "-", "--ledger", "r.db", "-q", stdin=market.read_bytes())
    assert done.returncode == 0, done.stderr
    market.unlink()
    return tmp_path / "r.db"


def test_a_recording_from_stdin_is_thought_over(made: Path, hot: Hot, tmp_path: Path) -> None:
    done = hot("replay", str(recorded(made, hot, tmp_path)))
    assert done.returncode == 0, done.stderr
    assert verdict(done)["kinds"]["fill"]["same"] > 5


def test_a_pipe_from_stdin_that_goes_on_later_is_thought_over(made: Path, hot: Hot, tmp_path: Path) -> None:
    for since, until in (("2021-04-15T00:00", "2021-04-16T00:31"), ("2021-04-16T00:31", "2021-04-16T01:30")):
        market = bars(made, tmp_path, since, until)
        lines = hot("scan", "--market", "-", "--ledger", "l.db", stdin=market.read_bytes()).stdout
        for stage in ("rank", "signal", "precheck"):
            lines = hot(stage, stdin=lines).stdout
        done = hot("order", "--ledger", "l.db", stdin=lines)
        assert done.returncode == 0, done.stderr
    done = hot("replay", "l.db")
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] == decided(tmp_path / "l.db")


def test_a_chunk_that_is_gone_or_changed_is_named(made: Path, hot: Hot, tmp_path: Path) -> None:
    ledger = recorded(made, hot, tmp_path)
    chunk = next((tmp_path / "r.db.facts").glob("*.zst"))
    whole = chunk.read_bytes()
    chunk.write_bytes(whole[:-9] + b"123456789")
    done = hot("replay", str(ledger))
    assert done.returncode == 65
    assert chunk.name.encode() in done.stderr
    chunk.unlink()
    done = hot("replay", str(ledger))
    assert done.returncode == 65
    assert chunk.name.encode() in done.stderr
    shutil.rmtree(tmp_path / "r.db.facts")
    done = hot("replay", str(ledger))
    assert done.returncode == 65
    assert b"r.db.facts" in done.stderr and b"Traceback" not in done.stderr


def test_the_operator_is_heard_again(hot: Hot, tmp_path: Path) -> None:
    first = (*CUT[:-2], "--until", "2021-04-16T00:31")
    assert hot("run", "--market", str(SESSION), *first, "--ledger", "h.db", "-q").returncode == 0
    assert hot("halt", "--ledger", "h.db").returncode == 0
    assert hot("run", "--market", str(SESSION), *CUT, "--ledger", "h.db", "-q").returncode == 0
    with Ledger.read(tmp_path / "h.db") as ledger:
        assert list(ledger.lines(kinds=["operator"]))
    done = hot("replay", "h.db")
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] == decided(tmp_path / "h.db")


def begun(ledger: Path) -> bool:
    try:
        return decided(ledger) > 100
    except LedgerError:  # it is being made
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_ledger_that_a_daemon_writes_or_left_is_thought_over(number: int, hot: Hot, tmp_path: Path) -> None:
    words = ["daemon", "--market", str(SESSION), *CUT[:-2], "--ledger", "d.db", "-q", "--speed", "40000"]
    daemon = subprocess.Popen([*HOT, *words], cwd=tmp_path, env=env(tmp_path))
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and not begun(tmp_path / "d.db"):
            time.sleep(0.1)
        done = hot("replay", "d.db")
        assert daemon.poll() is None
        assert done.returncode == 0, done.stderr
    finally:
        daemon.send_signal(number)
        daemon.wait(30)
    done = hot("replay", "d.db")
    assert done.returncode == 0, done.stderr
    assert verdict(done)["compared"] == decided(tmp_path / "d.db")


def test_a_pipes_order_stage_hears_the_operator_alone(made: Path, hot: Hot, tmp_path: Path) -> None:
    judged = (made / "precheck.jsonl").read_bytes()
    half = b"".join(judged.splitlines(True)[:6000])
    assert hot("order", "--ledger", "h.db", "-q", stdin=half).returncode == 0
    assert hot("halt", "--ledger", "h.db").returncode == 0
    whole = hot("order", "--ledger", "h.db", "-q", stdin=judged)
    assert whole.returncode == 0, whole.stderr
    assert b'"code":"ACCOUNT_CHANGED"' in whole.stdout
    done = hot("replay", "h.db")
    assert done.returncode == 0, done.stderr
    done = hot("replay", "-", stdin=whole.stdout)
    assert done.returncode == 0, done.stderr


def test_another_version_is_said_and_compared_all_the_same(made: Path, hot: Hot, tmp_path: Path) -> None:
    ledger = copied(made / "run.db", tmp_path)
    rechained(ledger, lambda seq, record: {**record, "version": "0.0.9"} if record["kind"] == "run" else record)
    done = hot("replay", str(ledger))
    assert done.returncode == 0, done.stderr
    assert b"written by version 0.0.9" in done.stderr


def test_a_ledger_without_runs_has_nothing_to_think_over(hot: Hot, tmp_path: Path) -> None:
    Ledger.open(tmp_path / "empty.db").close()
    done = hot("replay", "empty.db")
    assert done.returncode == 74
    assert b"no run" in done.stderr


def test_the_newest_ledger_is_meant_when_none_is_named(hot: Hot, tmp_path: Path) -> None:
    market = ("--market", str(SESSION), "--symbol", "ETCUSDT", "--until", "2021-04-15T02:00")
    assert hot("run", *market, "-q").returncode == 0
    done = hot("replay")
    assert done.returncode == 0, done.stderr
    assert b"paper-0001.db" in done.stderr
