"""hot venue at the terminal: what it prints, how it ends, what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hot_runs import ROOT

pytest.importorskip("websockets")

from venue_client import Client

ENV = {**os.environ, "PYTHONPATH": str(ROOT)}
HOT = [sys.executable, "-m", "cli.main", "venue"]


class Told:
    """What a venue of another process tells of itself, in the shape that a client wants."""

    def __init__(self, line: bytes) -> None:
        self.all: dict[str, Any] = msgspec.json.decode(line)
        self.port = int(self.all["rest"].rpartition(":")[2])
        self.key, self.secret = self.all["key"], self.all["secret"]


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*HOT, *words], capture_output=True, text=True, env=ENV, cwd=ROOT, timeout=60)


@pytest.mark.parametrize("market", [(), ("--market", "examples/session", "--speed", "60")])
def test_it_prints_where_it_is_serves_and_ends_in_order(tmp_path: Path, market: tuple[str, ...]) -> None:
    words = [*HOT, "--port", "0", "--seed", "11", "--export", str(tmp_path), "--balance", "USDT=500", *market]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV, cwd=ROOT) as process:
        assert process.stdout is not None and process.stderr is not None
        told = Told(process.stdout.readline())
        assert told.all["seed"] == 11
        client = Client(told)  # type: ignore[arg-type]
        time.sleep(0.3)
        status, order = client.order(symbol="ETHUSDT", quantity="0.01", newClientOrderId="mine")
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert b"seed 11" in process.stderr.read()
    assert (status, order["status"]) == (200, "FILLED")
    books = msgspec.json.decode((tmp_path / "books.json").read_bytes())
    assert [one["clientOrderId"] for one in books["spot"][0]["orders"]] == ["mine"]
    arrivals = (tmp_path / "requests.jsonl").read_bytes().splitlines()
    assert [msgspec.json.decode(line)["path"] for line in arrivals] == ["/api/v3/order"]


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("--host", "0.0.0.0"), 2, "not loopback"),
        (("--speed", "max"), 78, "max"),
        (("--market", "-"), 2, "cannot wait"),
        (("--balance", "USDT"), 2, "ASSET=AMOUNT"),
        (("--balance", "USDT=NaN"), 2, "no amount"),
        (("--faults", "nothing.json"), 78, "nothing.json"),
        (("--market", "nowhere"), 2, "no market at nowhere"),
        (("--as-recorded",), 2, "needs a recording"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words: tuple[str, ...], code: int, text: str) -> None:
    done = run("--port", "0", *words)
    assert done.returncode == code
    assert text in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_port_that_is_taken_is_said() -> None:
    with subprocess.Popen(
        [*HOT, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENV, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        told = Told(process.stdout.readline())
        done = run("--port", str(told.port))
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert done.returncode == 69
    assert "cannot listen" in done.stderr
