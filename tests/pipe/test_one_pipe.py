"""The pipe, one process and the daemon say the same, byte for byte, whatever stands between two stages."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hot_runs import HOT, ROOT, SESSION, STAGES, Hot, compared
from small_market import CUT, first_difference

from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.records.wire import COMPARED, decode, kind_of_line


def stored(path: Path) -> list[bytes]:
    with Ledger.read(path) as ledger:
        return [line for _, line in ledger.lines() if kind_of_line(line) in COMPARED]


def test_the_small_market_trades(piped: dict[str, bytes]) -> None:
    kinds = [kind_of_line(line) for line in compared(piped["order"])]
    purposes = [record.purpose for record in map(decode, compared(piped["order"])) if record.kind == "fill"]  # type: ignore[union-attr]
    assert kinds.count("fill") >= 5
    assert "exit" in purposes
    assert kinds.count("cycle") == kinds.count("tick") > 1000


def test_one_process_says_what_the_pipe_says(piped: dict[str, bytes], hot: Hot, tmp_path: Path) -> None:
    done = hot("run", "--market", str(SESSION), *CUT, "--paper", "--ledger", "run.db", "--quiet")
    assert done.returncode == 0, done.stderr
    assert first_difference(compared(piped["order"]), done.stdout.splitlines()) is None
    assert first_difference(compared(piped["order"]), stored(tmp_path / "run.db")) is None


def test_the_daemon_says_what_the_pipe_says(piped: dict[str, bytes], hot: Hot, tmp_path: Path) -> None:
    done = hot("daemon", "--paper", "--market", str(SESSION), *CUT, "--ledger", "daemon.db", "--quiet")
    assert done.returncode == 0, done.stderr
    assert first_difference(compared(piped["order"]), stored(tmp_path / "daemon.db")) is None
    assert (tmp_path / "daemon.html").is_file()


@pytest.mark.parametrize("place", range(len(STAGES)))
def test_jq_between_two_stages_changes_nothing(place: int, piped: dict[str, bytes], hot: Hot) -> None:
    jq = shutil.which("jq")
    if jq is None:
        pytest.skip("jq is not installed")
    name = ("scan", *STAGES)[place]
    through = subprocess.run([jq, "-c", "."], input=piped[name], capture_output=True, check=True).stdout
    assert through == piped[name]


def test_a_real_pipe_with_tee_says_the_same(piped: dict[str, bytes], tmp_path: Path, env: dict[str, str]) -> None:
    hot = f"{sys.executable} -m cli.main"
    pipe = " | ".join(
        [f"{hot} scan --market {SESSION} {' '.join(CUT)}"]
        + [f"tee {name}.jsonl | {hot} {name}" for name in STAGES[:-1]]
        + [f"{hot} order --paper --ledger tee.db"]
    )
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {pipe}"], capture_output=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == piped["order"]


def test_keys_in_another_order_and_white_space_mean_the_same(piped: dict[str, bytes], hot: Hot) -> None:
    import json

    shuffled = b"\n".join(
        json.dumps(dict(sorted(json.loads(line).items(), reverse=True)), ensure_ascii=False).encode()
        for line in piped["scan"].splitlines()[:3000]
    )
    plain = b"\n".join(piped["scan"].splitlines()[:3000])
    assert hot("rank", "-q", stdin=shuffled).stdout == hot("rank", "-q", stdin=plain).stdout


def killed_at(fact: int, number: int, words: tuple[str, ...], env: dict[str, str], stdin: bytes = b"") -> int:
    """Runs `hot` and lets it be killed, by itself, before it takes its nth fact; gives the exit code."""
    script = (
        "import os, sys\n"
        "from engine.runs.session import Session\n"
        "taken, seen = Session._fact, [0]\n"
        "def counted(self, entry):\n"
        "    seen[0] += 1\n"
        f"    if seen[0] == {fact}: os.kill(os.getpid(), {number})\n"
        "    return taken(self, entry)\n"
        "Session._fact = counted\n"
        f"sys.argv = ['hot', *{words!r}]\n"
        "from cli.main import main\n"
        "main()\n"
    )
    command = [sys.executable, "-c", script]
    return subprocess.run(command, input=stdin, env=env, capture_output=True, cwd=ROOT).returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_stopped_at_five_facts_goes_on_as_if_nothing_had_been(
    number: int, piped: dict[str, bytes], tmp_path: Path, env: dict[str, str], hot: Hot
) -> None:
    ledger = tmp_path / "stopped.db"
    words = ("daemon", "--paper", "--market", str(SESSION), *CUT, "--ledger", str(ledger), "-q")
    # The facts count from each start; so the stops wander through the whole market.
    for fact in sorted(random.Random(number).sample(range(200, 8_500), 5)):
        code = killed_at(fact, number, words, env)
        assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    done = hot(*words)
    assert done.returncode == 0, done.stderr
    assert first_difference(compared(piped["order"]), stored(ledger)) is None
    assert verify(ledger).ok


def test_the_pipe_killed_in_the_middle_goes_on_with_the_same_ledger(
    piped: dict[str, bytes], hot: Hot, tmp_path: Path
) -> None:
    half = b"\n".join(piped["precheck"].splitlines()[: len(piped["precheck"].splitlines()) // 2]) + b"\n"
    assert hot("order", "--paper", "--ledger", "half.db", "-q", stdin=half).returncode == 0
    assert hot("order", "--paper", "--ledger", "half.db", "-q", stdin=piped["precheck"]).returncode == 0
    assert first_difference(compared(piped["order"]), stored(tmp_path / "half.db")) is None


def test_the_same_market_again_changes_nothing(hot: Hot, tmp_path: Path) -> None:
    words = ("run", "--market", str(SESSION), *CUT, "--ledger", "twice.db", "-q")
    assert hot(*words).returncode == 0
    before = stored(tmp_path / "twice.db")
    assert hot(*words).returncode == 0
    assert stored(tmp_path / "twice.db") == before


def test_other_settings_on_the_same_run_are_a_config_error(hot: Hot) -> None:
    words = ("run", "--market", str(SESSION), *CUT, "--until", "2021-04-15T02:00", "--ledger", "set.db", "-q")
    assert hot(*words).returncode == 0
    again = hot(*words, "--set", "hotcoin.stop_pct=4")
    assert again.returncode == 78
    assert b"hotcoin.stop_pct" in again.stderr


def test_a_later_stage_cannot_change_what_the_run_was_started_with(piped: dict[str, bytes], hot: Hot) -> None:
    done = hot("precheck", "--set", "desk.equity=5", stdin=piped["signal"][:100_000])
    assert done.returncode == 78
    assert b"desk.equity" in done.stderr


def test_a_market_that_starts_before_the_last_tick_is_refused(hot: Hot) -> None:
    first = ("--market", str(SESSION), "--symbol", "ETCUSDT", "--until", "2021-04-16T02:00")
    assert hot("run", *first, "--ledger", "order.db", "-q").returncode == 0
    bars = str(ROOT / "examples" / "bars.jsonl")
    again = hot("run", "--market", bars, "--ledger", "order.db", "-q")
    assert again.returncode == 74
    assert b"--ledger" in again.stderr


def test_a_market_that_comes_after_goes_on_with_the_desk(hot: Hot, tmp_path: Path) -> None:
    whole = (*CUT[:-1], "2021-04-16T04:00")
    later = ("--since", "2021-04-16T04:00", *CUT[:-1], "2021-04-16T05:00")
    for cut in (whole, later):
        words = ("scan", "--market", str(SESSION), *cut)
        (tmp_path / "facts.jsonl").write_bytes(
            b"".join(x + b"\n" for x in hot(*words).stdout.splitlines() if kind_of_line(x) in ("bar", "symbol_rules"))
        )
        done = hot("run", "--market", "facts.jsonl", "--ledger", "two.db", "-q")
        assert done.returncode == 0, done.stderr
    assert hot("run", "--market", str(SESSION), *CUT, "--ledger", "one.db", "-q").returncode == 0
    # The same facts in two files: the windows and the desk of the first are those of the second.
    one, two = stored(tmp_path / "one.db"), stored(tmp_path / "two.db")
    sold = [line for line in two if kind_of_line(line) == "fill"]
    assert sold and sold == [line for line in one if kind_of_line(line) == "fill"]


def test_two_runs_on_one_ledger_are_one_too_many(tmp_path: Path, env: dict[str, str], hot: Hot) -> None:
    words = ["daemon", "--paper", "--market", str(SESSION), "--speed", "60", "--ledger", "one.db", "-q"]
    first = subprocess.Popen([*HOT, *words], env=env, cwd=tmp_path)
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "one.db").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        second = hot(*words)
        assert second.returncode == 74
        assert str(first.pid).encode() in second.stderr
    finally:
        first.send_signal(signal.SIGTERM)
        assert first.wait(30) == 0


def test_a_halt_stops_entries_and_a_resume_allows_them(hot: Hot, tmp_path: Path) -> None:
    words = ("run", "--market", str(SESSION), *CUT, "--ledger", "halt.db", "-q")
    assert hot("halt", "--ledger", "halt.db", "--reason", "holiday").returncode in (0, 74)
    if not (tmp_path / "halt.db").exists():
        Ledger.open(tmp_path / "halt.db", mode="paper", venue="paper").close()
        assert hot("halt", "--ledger", "halt.db", "--reason", "holiday").returncode == 0
    assert hot(*words).returncode == 0
    records = [decode(line) for line in stored(tmp_path / "halt.db")]
    assert not any(record.kind == "fill" for record in records if record is not None)
    assert any(getattr(record, "code", "") == "ENGINE_BLOCKED" for record in records)


def facts_of(piped: dict[str, bytes]) -> list[bytes]:
    kinds = ("bar", "symbol_rules")
    return [line for line in piped["scan"].splitlines() if kind_of_line(line) in kinds]


def test_a_stream_is_recorded_beside_its_ledger_and_a_killed_daemon_goes_on_from_there(
    piped: dict[str, bytes], tmp_path: Path, env: dict[str, str], hot: Hot
) -> None:
    facts = facts_of(piped)
    ledger = tmp_path / "stream.db"
    words = ("daemon", "--paper", "--market", "-", "--ledger", str(ledger), "-q")
    cut = len(facts) - 900
    assert killed_at(cut - 7, signal.SIGKILL, words, env, b"\n".join(facts[:cut])) == -signal.SIGKILL
    # What comes next overlaps with what came before, as after a reconnect; nothing is counted twice.
    second = hot(*words, stdin=b"\n".join(facts[cut - 500 :]) + b"\n")
    assert second.returncode == 0, second.stderr
    assert first_difference(compared(piped["order"]), stored(ledger)) is None
    assert verify(ledger).ok
    exported = hot("ledger", "export", "--ledger", str(ledger), "--with-facts").stdout
    bars = [line for line in facts if kind_of_line(line) == "bar"]
    assert [line for line in exported.splitlines() if kind_of_line(line) == "bar"] == bars


def test_a_pipe_of_a_stream_goes_on_in_a_second_run(piped: dict[str, bytes], hot: Hot, tmp_path: Path) -> None:
    facts = facts_of(piped)
    half = len(facts) * 3 // 4
    for part in (facts[:half], facts[half:]):
        scanned = hot("scan", "--market", "-", "--ledger", "parts.db", stdin=b"\n".join(part) + b"\n").stdout
        for name in ("rank", "signal", "precheck"):
            scanned = hot(name, stdin=scanned).stdout
        done = hot("order", "--paper", "--ledger", "parts.db", "-q", stdin=scanned)
        assert done.returncode == 0, done.stderr
    ticks = [line for line in stored(tmp_path / "parts.db") if kind_of_line(line) == "tick"]
    assert len(ticks) == len(set(ticks)) > 1000
    assert verify(tmp_path / "parts.db").ok
