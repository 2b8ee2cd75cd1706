"""The small market of the sweep tests: three coins of the bundled session, and `hot` as a process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from engine.records.wire import encode
from engine.runs.market import MarketOptions, open_market

ROOT = Path(__file__).parent.parent.parent
SESSION = ROOT / "examples" / "session"
#: 2021-04-16 03:30 UTC.
UNTIL = 1_618_543_800_000
SYMBOLS = ("ETCUSDT", "DOGEUSDT", "TRXUSDT")
#: Four points that trade differently.
VARY = ("--vary", "hotcoin.stop_pct=1,5", "--vary", "hotcoin.hold_max_s=600,3600")


def write_market(path: Path) -> None:
    opened = open_market(MarketOptions(str(SESSION), symbols=SYMBOLS, until_ms=UNTIL), lambda *_: None)
    path.write_bytes(b"".join(encode(one.record) + b"\n" for one in opened.source.facts() if one.record is not None))


def env(folder: Path) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HOT_")}
    return {**clean, "HOT_DATA__DIR": str(folder / "data"), "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}


def run_hot(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *words], capture_output=True, text=True, env=env(folder), cwd=folder,
        timeout=200,
    )  # fmt: skip


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "sweep.json").read_bytes())
    return found
