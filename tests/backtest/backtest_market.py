"""The small market of the backtest tests: six coins of the bundled session, a day of windows and a hot morning."""

import io
import json
from pathlib import Path
from typing import Any

import zstandard
from hot_runs import SESSION, compared

from engine.records.wire import encode
from engine.runs.market import MarketOptions, open_market

#: 2021-04-16 03:30 UTC.
UNTIL = 1_618_543_800_000
SYMBOLS = ("ETCUSDT", "DOGEUSDT", "TRXUSDT", "CHZUSDT", "BCHUSDT", "DGBUSDT")


def small_market() -> bytes:
    """Gives the small market's facts as lines."""
    opened = open_market(MarketOptions(str(SESSION), symbols=SYMBOLS, until_ms=UNTIL), lambda *_: None)
    return b"".join(encode(entry.record) + b"\n" for entry in opened.source.facts() if entry.record is not None)


def decisions(results: Path) -> list[bytes]:
    """Gives the compared lines of a results folder."""
    with (results / "decisions.jsonl.zst").open("rb") as file:
        text = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file)).read()
    return compared(text)


def rows(path: Path) -> list[dict[str, Any]]:
    """Gives the objects of a JSONL file."""
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def summary(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / "summary.json").read_bytes())
    return found
