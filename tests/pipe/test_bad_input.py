"""Bad lines, bad readers, bad disks: a clear line, the documented exit code, no traceback, nothing lost."""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hot_runs import HOT, SESSION, Hot, start_hot

FILTERS = ("rank", "signal", "precheck", "order")
TICK = b'{"kind":"tick","at":1618531500000}'
CANDIDATE = (
    b'{"kind":"candidate","at":1618531500000,"venue":"binance-spot","symbol":"ETCUSDT","status":"hot",'
    b'"since":1618531440000,"status_since":1618531440000,"price":"29.5","inputs":{"change_1h_pct":3.5,'
    b'"volume_surge":4.25,"quote_volume_24h":84064949.3,"spread_bps":5}}'
)
BAR = (
    b'{"kind":"bar","at":1618531500000,"venue":"binance-spot","symbol":"ETCUSDT","step_s":60,'
    b'"open_at":1618531440000,"open":"29.5","high":"29.6","low":"29.4","close":"29.5","volume":"100"}'
)
BAD = {
    "cut": CANDIDATE[:60],
    "not json": b"hello, world",
    "not utf-8": b'{"kind":"candidate","at":1,"symbol":"\xff\xfe"}',
    "nan": CANDIDATE.replace(b"3.5", b"NaN"),
    "infinity": CANDIDATE.replace(b"3.5", b"1e400"),
    "text for a number": CANDIDATE.replace(b"3.5", b'"3.5"'),
    "array for an object": b'["kind","candidate"]',
    "no kind": b'{"at":1}',
    "missing symbol": CANDIDATE.replace(b'"symbol":"ETCUSDT",', b""),
    "key twice": CANDIDATE.replace(b'"price":"29.5"', b'"price":"29.5","price":"1"'),
    "byte order mark": b"\xef\xbb\xbf" + CANDIDATE,
    "nul": CANDIDATE.replace(b"ETC", b"E\0C"),
    "deep": b'{"kind":"candidate","at":1,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "negative time": CANDIDATE.replace(b'"at":1618531500000', b'"at":-5'),
    "huge time": CANDIDATE.replace(b'"at":1618531500000', b'"at":' + b"9" * 400),
}


def out_lines(done: subprocess.CompletedProcess[bytes]) -> list[bytes]:
    return [line for line in done.stdout.splitlines() if not line.startswith(b'{"kind":"end"')]


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_skipped_counted_and_told_with_its_number(bad: bytes, hot: Hot) -> None:
    done = hot("rank", stdin=b"\n".join([BAR, bad, CANDIDATE, TICK]) + b"\n")
    assert done.returncode == 65
    assert b"stdin:2:" in done.stderr and b"skipped 1 bad line" in done.stderr
    assert b"Traceback" not in done.stderr
    kinds = [json.loads(line)["kind"] for line in out_lines(done)]
    assert kinds == ["bar", "candidate", "candidate_snapshot", "tick"]


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_strict_stops_at_the_first_bad_line(bad: bytes, hot: Hot) -> None:
    done = hot("rank", "--strict", stdin=b"\n".join([BAR, bad, CANDIDATE, TICK]) + b"\n")
    assert done.returncode == 65
    assert b"stdin:2:" in done.stderr and b"--strict" in done.stderr
    assert b"candidate_snapshot" not in done.stdout


@pytest.mark.parametrize("name", FILTERS)
def test_an_empty_stream_is_no_error(name: str, hot: Hot) -> None:
    done = hot(name, stdin=b"")
    assert done.returncode == 0
    assert json.loads(done.stdout)["kind"] == "end"


@pytest.mark.parametrize("name", FILTERS)
def test_kinds_and_fields_of_a_newer_version_pass_through(name: str, hot: Hot) -> None:
    newer = b'{"kind":"hologram","at":5,"depth":{"a":[1,2,{"b":null}]}}'
    grown = BAR[:-1] + b',"colour":"green"}'
    done = hot(name, stdin=newer + b"\n" + grown + b"\n")
    assert done.returncode == 0, done.stderr
    assert out_lines(done) == [newer, grown]


def test_a_line_of_100_mb_is_dropped_without_keeping_it(hot: Hot) -> None:
    giant = b'{"kind":"candidate","symbol":"' + b"A" * 100_000_000 + b'"}'
    started = time.monotonic()
    done = hot("rank", stdin=giant + b"\n" + CANDIDATE + b"\n" + TICK + b"\n")
    assert done.returncode == 65
    assert len(out_lines(done)) == 3
    assert time.monotonic() - started < 120


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", FILTERS)
def test_mutated_lines_never_end_in_a_traceback(name: str, seed: int, hot: Hot) -> None:
    chance = random.Random(seed)
    lines = []
    for _ in range(2_000):
        line = bytearray(chance.choice([BAR, CANDIDATE, TICK]))
        for _ in range(chance.randint(1, 3)):
            line[chance.randrange(len(line))] = chance.randrange(256)
        lines.append(bytes(line))
    done = hot(name, stdin=b"\n".join(lines))
    assert done.returncode == 65, done.stderr
    assert b"Traceback" not in done.stderr and b"a bug" not in done.stderr


def test_a_reader_that_goes_away_is_success(env: dict[str, str], tmp_path: Path) -> None:
    command = f"{sys.executable} -m cli.main scan --market {SESSION} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, env=env, cwd=tmp_path, timeout=60)
    assert done.stdout.splitlines()[-1] == b"0"
    assert done.stderr == b""


@pytest.mark.parametrize("name", ["rank", "signal", "precheck", "order"])
def test_output_that_cannot_be_written_is_an_error(name: str, env: dict[str, str], tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*HOT, name], input=CANDIDATE + b"\n" + TICK, stdout=full,
            stderr=subprocess.PIPE, env=env, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 74
    assert b"cannot write the output" in done.stderr


def test_an_upstream_that_died_is_told_and_can_be_an_error(hot: Hot) -> None:
    told = hot("rank", stdin=CANDIDATE + b"\n")
    assert told.returncode == 0 and b"without an end record" in told.stderr
    assert hot("rank", "--require-end", stdin=CANDIDATE + b"\n").returncode == 65


def test_an_upstream_that_stalls_ends_at_the_idle_timeout(env: dict[str, str], tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        done = subprocess.run(
            [*HOT, "rank", "--idle-timeout", "0.3"], stdin=reading, capture_output=True,
            env=env, cwd=tmp_path, timeout=30,
        )  # fmt: skip
    finally:
        os.close(reading)
        os.close(writing)
    assert done.returncode == 4
    assert b"--idle-timeout" in done.stderr


def test_without_a_market_the_live_one_is_meant(tmp_path: Path) -> None:
    closed = ("--set", "live.rest_url=http://127.0.0.1:9")
    for words, code, said in ((closed, 69, b"not reached"), (("--venue", "nowhere"), 78, b"binance-spot")):
        # Side by side, since each waits for the market to come back; so each has a data folder of its own.
        started = [
            start_hot(tmp_path, name, *words, HOT_DATA__DIR=str(tmp_path / name)) for name in ("scan", "run", "daemon")
        ]
        for process in started:
            _, told = process.communicate()
            assert process.returncode == code, told
            assert said in told and b"Traceback" not in told


def test_a_market_that_is_not_there_is_named(hot: Hot) -> None:
    done = hot("scan", "--market", "nowhere.csv")
    assert done.returncode == 2
    assert b"nowhere.csv" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "scan.cycel_s=60"], b"scan.cycle_s"),
        (["--set", "scan.cycle_s=soon"], b"scan.cycle_s"),
        (["--set", "scan.cycle_s"], b"section.key=value"),
        (["--config", "missing.toml"], b"missing.toml"),
    ],
)
def test_wrong_settings_are_named(words: list[str], told: bytes, hot: Hot) -> None:
    done = hot("rank", *words)
    assert done.returncode == 78
    assert told in done.stderr


def test_a_wrong_key_in_a_file_is_named_with_its_line(hot: Hot, tmp_path: Path) -> None:
    (tmp_path / "hot.toml").write_text("[scan]\ncycle_s = 60\n\n[hotcoin]\nmin_haet = 50\n")
    done = hot("rank")
    assert done.returncode == 78
    assert b"hot.toml:5" in done.stderr and b"hotcoin.min_heat" in done.stderr


def test_the_environment_is_a_layer_and_its_errors_are_named(
    hot: Hot, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    env["HOT_RANK__TOP"] = "many"
    done = hot("rank")
    assert done.returncode == 78
    assert b"HOT_RANK__TOP" in done.stderr


def test_hostile_symbols_never_reach_the_terminal_raw(hot: Hot) -> None:
    hostile = "\x1b[2J\u202eX"
    line = json.dumps({"kind": "candidate", "at": 1, "symbol": hostile, "x": hostile}, ensure_ascii=False).encode()
    done = hot("rank", stdin=line + b"\n")
    assert b"\x1b" not in done.stderr and "\u202e".encode() not in done.stderr


@pytest.mark.parametrize("name", FILTERS)
def test_a_usage_error_is_two_and_help_is_zero(name: str, hot: Hot) -> None:
    assert hot(name, "--no-such-option").returncode == 2
    helped = hot(name, "--help")
    assert helped.returncode == 0 and b"Example:" in helped.stdout


def test_a_ledger_that_is_none_is_refused(hot: Hot, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no ledger, it is a letter to my aunt" * 100)
    done = hot("order", "--paper", "--ledger", "text.db", stdin=CANDIDATE + b"\n")
    assert done.returncode == 74
    assert b"text.db" in done.stderr
