"""Closed standard streams, readers that are gone, times without a calendar, and what a terminal is shown."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from hot_runs import ROOT
from hot_runs import env as env_of
from hypothesis import given
from hypothesis import strategies as st

from cli.terminal import escaped, for_terminal

ORDER = ROOT / "examples" / "order.jsonl"
HOT = f"{sys.executable} -m cli.main"
EVIL = "ETC\x1b[2J\x1b]0;PWNED\x07\u202e\x9b31m\u2028\U000e0041USDT"
STEERING = [b"\x1b", b"\x07", "\x9b".encode(), "\u202e".encode(), "\u2028".encode(), "\U000e0041".encode()]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The environment of a new user whose terminal shows colours."""
    made = env_of(tmp_path)
    del made["NO_COLOR"]
    return made


def sh(command: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", command], cwd=cwd, env=env, capture_output=True, timeout=60)


def on_terminal(command: str, cwd: Path, env: dict[str, str], stdin: bytes = b"") -> bytes:
    """Runs a command with a terminal as stdout and stderr; gives what was shown."""
    ours, theirs = pty.openpty()
    (cwd / "stdin").write_bytes(stdin)
    with (cwd / "stdin").open("rb") as fed:
        process = subprocess.Popen(["bash", "-c", command], cwd=cwd, env=env, stdin=fed, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:
            break
        if not data:
            break
        shown += data
    process.wait(timeout=60)
    os.close(ours)
    return shown


@pytest.mark.parametrize("words", ["--help", "explain COLD", "config show", "schema bar"])
def test_a_closed_stdout_is_nobody_reading(words: str, tmp_path: Path, env: dict[str, str]) -> None:
    done = sh(f"{HOT} {words} >&-", tmp_path, env)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_ledger_is_never_opened_as_the_output(tmp_path: Path, env: dict[str, str]) -> None:
    for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
        name = f"l{len(closed)}.db"
        done = sh(f"{HOT} order --paper --ledger {name} < {ORDER} {closed}", tmp_path, env)
        assert done.returncode == 0, done.stderr
        assert sh(f"{HOT} ledger verify --ledger {name}", tmp_path, env).returncode == 0 or "<&-" in closed


def test_a_closed_stdin_is_an_empty_one(tmp_path: Path, env: dict[str, str]) -> None:
    done = sh(f"{HOT} rank -q <&-", tmp_path, env)
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize("words", ["--help", "scan --help", "--version", "schema", "explain"])
def test_a_reader_that_is_gone_is_no_error(words: str, tmp_path: Path, env: dict[str, str]) -> None:
    done = sh(f"{HOT} {words} | true; exit ${{PIPESTATUS[0]}}", tmp_path, env)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    "words",
    [
        "trades --since 99999999999999999999",
        "why ETCUSDT --at 99999999999999999999",
        "report --since 2021-04-17 --until 2021-04-16",
        "ledger export --since x",
    ],
)
def test_times_that_are_none_are_a_usage_error(words: str, tmp_path: Path, env: dict[str, str]) -> None:
    assert sh(f"{HOT} order --paper -q --ledger l.db < {ORDER}", tmp_path, env).returncode == 0
    done = sh(f"{HOT} {words} --ledger l.db", tmp_path, env)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_format_shows_a_terminal_what_steers_it(tmp_path: Path, env: dict[str, str]) -> None:
    fed = ORDER.read_bytes().replace(b"ETCUSDT", json.dumps(EVIL, ensure_ascii=True)[1:-1].encode())
    raw = ORDER.read_bytes().replace(b"ETCUSDT", EVIL.replace("\x1b", "").replace("\x07", "").encode())
    shown = on_terminal(f"{HOT} order --paper -q --ledger l.db", tmp_path, env, fed)
    shown += on_terminal(f"{HOT} rank -q", tmp_path, env, b'{"kind":"\x1b]0;PWNED\x07","at":1}\n' + raw)
    for words in ("positions", "report", "status", "trades"):
        for form in ("--table", "--json", "--jsonl", "--csv"):
            shown += on_terminal(f"{HOT} {words} {form} --ledger l.db", tmp_path, env)
    shown += on_terminal(f"{HOT} ledger export --ledger l.db", tmp_path, env)
    shown += on_terminal(f"{HOT} $'--\\u202e\\x1b[2J'", tmp_path, env)
    assert shown.count(b"USDT") > 50
    assert [one for one in STEERING if one in shown] == []


def test_into_a_pipe_the_bytes_stay(tmp_path: Path, env: dict[str, str]) -> None:
    line = '{"kind":"other","at":1,"text":"\u202e\x9b"}'
    done = subprocess.run([*HOT.split(), "rank", "-q"], input=line.encode() + b"\n", capture_output=True, env=env)
    assert done.stdout.splitlines()[0] == line.encode()


@given(st.text())
def test_an_escaped_json_text_means_the_same(text: str) -> None:
    line = json.dumps(text, ensure_ascii=False)
    shown = for_terminal(line.encode("utf-8", "surrogatepass")).decode()
    assert not any(one in shown.encode() for one in STEERING)
    if "\t" not in text and not any("\ud800" <= one <= "\udfff" for one in text):
        assert json.loads(escaped(line)) == text
