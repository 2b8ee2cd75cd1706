"""A year of 50 symbols through `hot backtest`: a recorded week, tiled with shifted times, from the market store.

    python benchmarks/year.py --week KLINES [--symbols 50] [--days 365]

KLINES is a file of a week of 1-minute candles that `hot store import` reads; without it the bundled session is tiled.
Prints the seconds and the peak memory of the whole process, start-up to printed summary, for both strategies, beside
the bytes of the columns it reads.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.world.imports.notes import Notes
from engine.world.store.files import SeriesFile, write_table
from engine.world.store.importing import import_files
from engine.world.store.numbers import Numbers
from engine.world.store.store import Store
from engine.world.store.tables import Table

ROOT = Path(__file__).parent.parent
CROSS = (
    "signal.strategy=ema_burst",
    "scan.pool=all",
    "rank.top=500",
    "rules.max_positions.limit=16",
    "size.equity_share_pct=5",
)
DAY_MS = 86_400_000


def tiled(table: Table, tiles: int, span_ms: int, until: int) -> Table:
    """Gives a table over and over, each time `span_ms` later, up to a time."""
    shifts = np.repeat(np.arange(tiles, dtype=np.int64) * span_ms, len(table))
    key = np.tile(table.key, tiles) + shifts
    keep = key < until
    wholes = {name: np.tile(column, tiles)[keep] for name, column in table.wholes.items()}
    wholes[table.layout.key] = key[keep]
    wholes["at"] = key[keep] + 1000 * table.of.step_s
    numbers = {
        name: Numbers(np.tile(one.mantissa, tiles)[keep], np.tile(one.decimals, tiles)[keep], one.digits)
        for name, one in table.numbers.items()
    }
    return replace(table, wholes=wholes, numbers=numbers)


def make(week: Path, folder: Path, symbols: int, days: int) -> int:
    """Makes the store; gives the bytes of its candles."""
    source = Store.create(folder / "week")
    import_files(source, [str(week)], Notes())
    year = Store.create(folder / "year")
    found = [(path, header) for path, header in source.headers() if header.kind == "bar"]
    first = min(header.first for _, header in found)
    span = -(-(max(header.last for _, header in found) + 60_000 - first) // DAY_MS) * DAY_MS
    whole = sorted(found, key=lambda one: (-one[1].count, one[1].symbol))[:symbols]
    size = 0
    for path, _ in whole:
        made = tiled(SeriesFile(path).table(), days * DAY_MS // span + 1, span, first + days * DAY_MS)
        write_table(year.root, made)
    for path, _ in year.headers():
        size += path.stat().st_size
    return size


def timed(store: Path, out: Path, sets: tuple[str, ...]) -> tuple[float, int]:
    """Runs `hot backtest` in a process of its own; gives its seconds and its peak memory in bytes."""
    words = [
        sys.executable,
        "-m",
        "cli.main",
        "backtest",
        "--market",
        str(store),
        "--out",
        str(out),
        "--jsonl",
        "--keep-jumps",
    ]
    for one in sets:
        words += ["--set", one]
    begin = time.perf_counter()
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"hot backtest ended with {os.waitstatus_to_exitcode(status)}")
    assert isinstance(used, resource.struct_rusage)
    return time.perf_counter() - begin, used.ru_maxrss * 1024


def main() -> None:
    """Makes the year and runs it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--week", type=Path, default=ROOT / "examples" / "session")
    parser.add_argument("--symbols", type=int, default=50)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--keep", type=Path, help="a folder to make the store in, and to find it in again")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        size = sum(path.stat().st_size for path in (folder / "year").rglob("*.series"))
        size = size or make(asked.week, folder, asked.symbols, asked.days)
        bars = sum(header.count for _, header in Store.open(folder / "year").headers())
        print(f"{bars:,} bars, {size / 1e6:.0f} MB")
        print(f"{'strategy':12} {'run':>4} {'seconds':>8} {'M bars/s':>9} {'peak MB':>8} {'less data':>9}")
        for name, sets in (("ema_burst", CROSS), ("hotcoin", ())):
            for run in (1, 2):
                seconds, peak = timed(folder / "year", Path(scratch) / "out", sets)
                print(
                    f"{name:12} {run:4} {seconds:8.2f} {bars / seconds / 1e6:9.2f} {peak / 1e6:8.0f} "
                    f"{(peak - size) / 1e6:9.0f}"
                )


if __name__ == "__main__":
    main()
