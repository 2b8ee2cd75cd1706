"""Replay against jq: facts thought over again and compared, and the same facts through `jq -c .`, in turn.

    python benchmarks/replay.py [--facts N] [--candles KLINES] [--rounds N]

Two markets: a stream of tickers (400 symbols, one a second) from the recording beside its ledger, and candles from a
store: the ledger of `hot run`, fact by fact and in blocks, and the results of `hot backtest` in blocks. KLINES is a
file of 1-minute candles that `hot store import` reads, tiled with shifted times; without it the bundled session is.
Each replay of a ledger verifies its whole chain, one of results the hashes of the store. Printed are medians of whole
processes, start-up and all: seconds on the wall and of the processor, and how many times jq's rate.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from frames import START, frames, reader
from year import DAY_MS, make

from engine.ledger.ledger import Ledger
from engine.records.market import SymbolRules
from engine.records.wire import encode
from engine.world.store.facts import Stored
from engine.world.streams.clock import Stamp

ROOT = Path(__file__).parent.parent
HOT = [sys.executable, "-m", "cli.main"]
SYMBOLS = 400


class Took(NamedTuple):
    """What a process took, in seconds."""

    wall: float
    cpu: float


def timed(words: list[str], folder: Path, stdin: Path | None = None) -> Took:
    """Runs a process to its end; a difference that hot replay finds ends the benchmark."""
    env = {**os.environ, "HOT_DATA__DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled once
    begin = time.perf_counter()
    with (stdin or Path(os.devnull)).open("rb") as given:
        process = subprocess.Popen(words, env=env, cwd=folder, stdin=given, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(words)} ended with {os.waitstatus_to_exitcode(status)}")
    return Took(time.perf_counter() - begin, used.ru_utime + used.ru_stime)


def write_tickers(path: Path, count: int) -> int:
    """Writes the rules of all symbols and then `count` tickers as the live source reads them; gives how many lines."""
    rules = [
        SymbolRules(at=START - 1, venue="binance-spot", symbol=f"SYM{i}USDT", base=f"SYM{i}", quote="USDT",
                    tick="0.00000001", step="0.00000001", min_notional="5")
        for i in range(SYMBOLS)
    ]  # fmt: skip
    ours, lines = reader(SYMBOLS), SYMBOLS
    with path.open("wb") as file:
        file.writelines(encode(one) + b"\n" for one in rules)
        for i, frame in enumerate(frames(SYMBOLS, -(-count // SYMBOLS))):
            at = START + 1000 * i
            for fact in ours.read(frame, Stamp(at, at)).facts:
                file.write(encode(fact) + b"\n")
                lines += 1
    return lines


def write_candles(path: Path, store: Path) -> int:
    """Writes a store's facts as lines; gives how many."""
    count = 0
    with path.open("wb") as file:
        for entry in Stored(str(store)).facts():
            if entry.record is not None:
                file.write(encode(entry.record) + b"\n")
                count += 1
    return count


def compare(title: str, folder: Path, lines: Path, count: int, ways: dict[str, list[str]], rounds: int) -> None:
    """Times jq and the ways in turn, and prints rates and ratios."""
    commands = {"jq -c .": ["jq", "-c", ".", str(lines)], **ways}
    for words in ways.values():
        timed(words, folder)  # what is compiled is kept from here on
    took: dict[str, list[Took]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, words in commands.items():
            took[name].append(timed(words, folder))
    middle = {name: Took(*map(statistics.median, zip(*some, strict=True))) for name, some in took.items()}
    base = middle["jq -c ."]
    print(f"\n{title}: {count:,} facts of {lines.stat().st_size // count} bytes")
    print(f"{'':24} {'wall s':>8} {'facts/s':>10} {'x jq':>6} {'CPU s':>8} {'x jq':>6}")
    for name, one in middle.items():
        print(
            f"{name:24} {one.wall:8.2f} {count / one.wall:10,.0f} {base.wall / one.wall:6.2f} {one.cpu:8.2f} "
            f"{base.cpu / one.cpu:6.2f}"
        )


def rows(ledger: Path) -> int:
    """Gives how many rows a ledger has."""
    with Ledger.read(ledger) as opened:
        return opened.head.seq


def main() -> None:
    """Makes both markets with their ledgers, and thinks them over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--candles", type=Path, default=ROOT / "examples" / "session")
    parser.add_argument("--set", action="append", default=[], help="a setting of the candles' run")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("tickers", "candles"), help="one of the two markets")
    asked = parser.parse_args()
    version = subprocess.run(["jq", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{version}, Python {sys.version.split()[0]}, {os.cpu_count()} cores, median of {asked.rounds} runs in turn")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if asked.only != "candles":
            lines = folder / "tickers.jsonl"
            count = write_tickers(lines, asked.facts)
            timed([*HOT, "run", "--market", "-", "--ledger", "tickers.db", "-q"], folder, lines)
            title = f"tickers from a recording, {rows(folder / 'tickers.db'):,} rows in the ledger; target 1.5x"
            compare(title, folder, lines, count, {"hot replay": [*HOT, "replay", "tickers.db", "-q"]}, asked.rounds)
        if asked.only != "tickers":
            make(asked.candles.resolve(), folder, 60, max(1, asked.facts // (60 * DAY_MS // 60_000)))
            lines = folder / "candles.jsonl"
            count = write_candles(lines, folder / "year")
            sets = [word for one in asked.set for word in ("--set", one)]
            # Where one tile follows another prices jump.
            market = ["--market", "year", "--keep-jumps", "-q", *sets]
            timed([*HOT, "run", "--ledger", "candles.db", *market], folder)
            timed([*HOT, "backtest", "--out", "results", *market], folder)
            title = f"candles from a store, {rows(folder / 'candles.db'):,} rows in the ledger; target 1.5x and 5x"
            replay = [*HOT, "replay", "candles.db", "-q", "--path"]
            results = [*HOT, "replay", "results/decisions.jsonl.zst", "-q", "--path", "blocks"]
            ways = {
                "hot replay": [*replay, "records"], "hot replay, in blocks": [*replay, "blocks"],
                "a backtest, in blocks": results,
            }  # fmt: skip
            compare(title, folder, lines, count, ways, asked.rounds)


if __name__ == "__main__":
    main()
