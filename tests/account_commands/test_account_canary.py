"""A canary: a key goes through commands that fail in every way, with every log on; no byte written may hold it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from engine.world.loopback.faults.script import Fault
from engine.world.loopback.serving import Serving

ROOT = Path(__file__).parents[2]
_SIGNED = re.compile(rb"signature[\"']?\s*[=:]\s*[\"']?[0-9a-fA-F]{16}")
FAULTS = ("-2015", "-1022", "-1021", "html", "empty", "wrong_type", "reset_before", "cut", "403", "429", "504")


def every_byte(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("debug", ["1", ""])
def test_no_secret_is_ever_written(venue: Serving, tmp_path: Path, debug: str) -> None:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    env = {
        **clean, "PYTHONPATH": str(ROOT), "HOT_DATA__DIR": str(tmp_path / "data"), "HOT_DEBUG": debug,
        "HOT_LIVE__REST_URL": venue.rest_url, "HOT_LIVE__STREAM_URL": venue.stream_url,
        "HOT_BINANCE_API_KEY": venue.key, "HOT_BINANCE_API_SECRET": venue.secret,
    }  # fmt: skip

    def hot(*words: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-X", "dev", "-m", "cli.main", *words], capture_output=True, env=env, cwd=tmp_path
        )
        assert done.returncode in (0, 69, 77, 78), done.stderr
        return done.stdout + done.stderr

    written = hot("balance") + hot("doctor", "--json") + hot("config", "show") + hot("price", "BTCUSDT")
    for fault in FAULTS:
        venue.do(
            lambda opened, kind=fault: opened.faults.add(Fault(fault=kind, on="GET /*/account", times=1, seconds=1))
        )
        written += hot("balance")
        (tmp_path / "data" / "binance-limits.db").unlink()  # a wait that was ordered would end the next one early
    written += every_byte(tmp_path)
    assert (b"httpx" in written) == bool(debug)  # the logs were on
    assert venue.key.encode() not in written
    assert venue.secret.encode() not in written
    assert not _SIGNED.search(written)


def test_a_short_secret_is_struck_out_too() -> None:
    from engine.world.binance.redact import never_show, redacted

    never_show("sh0rt-canary")
    assert redacted("GET /x?k=sh0rt-canary failed") == "GET /x?k=*** failed"
    never_show("x")
    assert redacted("x") == "x"


def test_the_stack_of_a_bug_is_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    from cli.logs import _show_stack
    from engine.world.binance.redact import never_show

    never_show("in-a-stack-canary")
    try:
        raise ValueError("signature=abcdef&x=in-a-stack-canary")
    except ValueError as error:
        _show_stack(ValueError, error, error.__traceback__)
    told = capsys.readouterr().err
    assert "ValueError: signature=***&x=***" in told and "in-a-stack-canary" not in told
