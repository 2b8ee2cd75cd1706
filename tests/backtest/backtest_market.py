"""The small market of the backtest tests: six coins of the bundled session, a day of windows and a hot morning."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zstandard

from engine.records.wire import COMPARED, encode, kind_of_line
from engine.runs.market import MarketOptions, open_market

Hot = Callable[..., "subprocess.CompletedProcess[bytes]"]
ROOT = Path(__file__).parent.parent.parent
SESSION = ROOT / "examples" / "session"
#: 2021-04-16 03:30 UTC.
UNTIL = 1_618_543_800_000
SYMBOLS = ("ETCUSDT", "DOGEUSDT", "TRXUSDT", "CHZUSDT", "BCHUSDT", "DGBUSDT")


def run_hot(folder: Path, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words], input=stdin, capture_output=True, env=env(folder), cwd=folder,
        timeout=240,
    )  # fmt: skip


def env(folder: Path) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    return {**clean, "HOT_DATA__DIR": str(folder / "data"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def small_market() -> bytes:
    """Gives the small market's facts as lines."""
    opened = open_market(MarketOptions(str(SESSION), symbols=SYMBOLS, until_ms=UNTIL), lambda *_: None)
    return b"".join(encode(entry.record) + b"\n" for entry in opened.source.facts() if entry.record is not None)


def decisions(results: Path) -> list[bytes]:
    """Gives the compared lines of a results folder."""
    with (results / "decisions.jsonl.zst").open("rb") as file:
        text = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file)).read()
    return compared(text)


def compared(lines: bytes) -> list[bytes]:
    return [line for line in lines.splitlines() if kind_of_line(line) in COMPARED]


def rows(path: Path) -> list[dict[str, Any]]:
    """Gives the objects of a JSONL file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def summary(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / "summary.json").read_bytes())
    return found
