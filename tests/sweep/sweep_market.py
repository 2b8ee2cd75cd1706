"""The small market of the sweep tests: three coins of the bundled session, and `hot` as a process."""

import json
from pathlib import Path
from typing import Any

from hot_runs import SESSION

from engine.records.wire import encode
from engine.runs.market import MarketOptions, open_market

#: 2021-04-16 03:30 UTC.
UNTIL = 1_618_543_800_000
SYMBOLS = ("ETCUSDT", "DOGEUSDT", "TRXUSDT")
#: Four points that trade differently.
VARY = ("--vary", "hotcoin.stop_pct=1,5", "--vary", "hotcoin.hold_max_s=600,3600")


def write_market(path: Path) -> None:
    opened = open_market(MarketOptions(str(SESSION), symbols=SYMBOLS, until_ms=UNTIL), lambda *_: None)
    path.write_bytes(b"".join(encode(one.record) + b"\n" for one in opened.source.facts() if one.record is not None))


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "sweep.json").read_bytes())
    return found
