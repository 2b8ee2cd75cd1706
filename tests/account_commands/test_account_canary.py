"""A canary: a key goes through commands that fail in every way, with every log on; no byte written may hold it."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from hot_runs import HOT, SESSION
from hot_runs import env as env_of
from patience import until

from engine.world.loopback.faults.script import Fault
from engine.world.loopback.serving import Serving

_SIGNED = re.compile(rb"signature[\"']?\s*[=:]\s*[\"']?[0-9a-fA-F]{16}")
FAULTS = ("-2015", "-1021", "html", "empty", "reset_before", "cut", "403", "429")


def every_byte(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def environment(venue: Serving, folder: Path, **more: str) -> dict[str, str]:
    pointed = {
        "HOT_DEBUG": "1", "HOT_LIVE__REST_URL": venue.rest_url, "HOT_LIVE__STREAM_URL": venue.stream_url,
        "HOT_BINANCE_API_KEY": venue.key, "HOT_BINANCE_API_SECRET": venue.secret,
    }  # fmt: skip
    return env_of(folder, **pointed | more)


def check_nothing_leaked(venue: Serving, written: bytes) -> None:
    secrets = [venue.key, venue.secret, *venue.do(lambda opened: list(opened.listen_keys._keys))]
    assert [secret[:4] for secret in secrets if secret.encode() in written] == []
    assert not _SIGNED.search(written)


@pytest.mark.parametrize(("debug", "faults"), [("1", FAULTS), ("", FAULTS[:2])])
def test_no_secret_is_ever_written(venue: Serving, tmp_path: Path, debug: str, faults: tuple[str, ...]) -> None:
    env = environment(venue, tmp_path, HOT_DEBUG=debug)

    def hot(*words: str) -> bytes:
        done = subprocess.run([*HOT, *words], capture_output=True, env=env, cwd=tmp_path)
        assert done.returncode in (0, 69, 77, 78), done.stderr
        return done.stdout + done.stderr

    written = hot("balance") + hot("doctor", "--json") + hot("config", "show")
    for fault in faults:
        armed = Fault(fault=fault, on="GET /*/account", times=1, seconds=1)
        venue.do(lambda opened, armed=armed: opened.faults.add(armed))
        written += hot("balance")
        (tmp_path / "data" / "binance-limits.db").unlink()  # a wait that was ordered would end the next one early
    written += every_byte(tmp_path)
    assert (b"HTTP Request: " in written) == bool(debug)  # the logs were on
    check_nothing_leaked(venue, written)


@pytest.mark.parametrize("market", ["binance-spot", "binance-usdm"])
def test_a_live_daemon_writes_no_secret(venue: Serving, tmp_path: Path, market: str) -> None:
    urls = {"HOT_LIVE__ACCOUNT_URL": venue.ws_api_url}
    if market == "binance-usdm":
        base = venue.futures_stream_url
        urls = {"HOT_LIVE__STREAM_URL": base, "HOT_LIVE__ACCOUNT_URL": f"{base}/private"}
    words = ["daemon", "--live", "--venue", market, "--ledger", "live.db", "--set", "scan.cycle_s=1"]
    gate = {
        "live.enabled": "true", "live.evidence": "paper.db", "gate.min_days": "1", "gate.min_trades": "1",
        "desk.equity": "100", "rules.max_positions.limit": "2", "hotcoin.min_heat": "70",
    }  # fmt: skip
    urls |= {f"HOT_{key.upper().replace('.', '__')}": value for key, value in gate.items()}
    proof = ["run", "--market", str(SESSION), "--symbol", "ETCUSDT", "--ledger", "paper.db", "-q"]
    proof += ["--set", "scan.cycle_s=900"]
    subprocess.run([*HOT, *proof], cwd=tmp_path, stdout=subprocess.DEVNULL, check=True)
    with (tmp_path / "told").open("wb") as told:
        daemon = subprocess.Popen(
            [*HOT, *words], env=environment(venue, tmp_path, **urls), cwd=tmp_path,
            stdout=told, stderr=told,
        )  # fmt: skip
        try:
            until(lambda: b"LIVE, ledger live.db" in (tmp_path / "told").read_bytes())
            time.sleep(5)  # some cycles
            arguments = Path(f"/proc/{daemon.pid}/cmdline")
            told.write(arguments.read_bytes() if arguments.exists() else b"")
        finally:
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(60) == 0
    written = every_byte(tmp_path)
    assert b"LIVE, ledger live.db" in written and b"httpx" in written
    check_nothing_leaked(venue, written)


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
