"""How fast whole-market frames are read, against unicorn-fy, and how a live scan keeps up with ten times the real rate.

`unicorn-fy` gets an environment of its own; without it (no network, no compiler) only our own figures are printed. The
market is made up: 400 symbols that trade each second, as `!miniTicker@arr` tells them.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cli.commands.scan import hand_on
from cli.pipe import Output, Rejects
from engine.kernels.compiled import KERNELS as FOLDER
from engine.kernels.window import Window
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import SymbolRules
from engine.records.tickers import Tickers
from engine.records.wire import encode
from engine.runs import settings
from engine.runs.data import data_dir
from engine.runs.market import Market
from engine.stages.coins import Coins, CoinsState
from engine.stages.heat import HeatSettings
from engine.stages.scan import Scan, ScanSettings, ScanState
from engine.world.streams.clock import Stamp
from engine.world.streams.columns import Kernels, load
from engine.world.streams.frames import Frames, Read
from engine.world.streams.inbox import Inbox
from engine.world.streams.sequence import Sequence as InOrder

UNICORN = "unicorn-fy==0.17.2"
START = 1_700_000_040_000
CYCLE_MS = 60_000
#: As a live market has them; None where numba is not installed.
KERNELS: Kernels | None = load(data_dir() / FOLDER)

_THEIRS = """
import sys, time
from unicorn_fy.unicorn_fy import UnicornFy
frames = open(sys.argv[1], encoding="utf-8").read().splitlines()
for _ in range(int(sys.argv[2])):
    started = time.process_time()
    for frame in frames:
        UnicornFy.binance_com_websocket(frame)
    print((time.process_time() - started) / len(frames) * 1e3)
"""


def frames(symbols: int, count: int) -> list[bytes]:
    """Gives `count` frames, a second apart, in which every symbol has changed."""
    chance = random.Random(7)
    prices = [chance.uniform(0.001, 500.0) for _ in range(symbols)]
    volumes = [chance.uniform(1e5, 1e8) for _ in range(symbols)]
    made = []
    for second in range(count):
        rows = []
        for i in range(symbols):
            prices[i] *= 1.0 + chance.gauss(0.0, 0.0004)
            volumes[i] += chance.expovariate(1.0) * 100.0
            p, q = prices[i], volumes[i]
            rows.append({
                "e": "24hrMiniTicker", "E": START + 1000 * second, "s": f"SYM{i}USDT", "c": f"{p:.8f}",
                "o": f"{p * 0.98:.8f}", "h": f"{p * 1.05:.8f}", "l": f"{p * 0.95:.8f}", "v": f"{q / p:.8f}",
                "q": f"{q:.8f}",
            })  # fmt: skip
        combined = {"stream": "!miniTicker@arr", "data": rows}
        made.append(json.dumps(combined, separators=(",", ":")).encode())
    return made


def reader(symbols: int, kernels: Kernels | None = KERNELS) -> Frames:
    """Gives a reader that wants all symbols."""
    made = Frames("binance-spot", together=True, kernels=kernels)
    made.wanted = made.known = {f"SYM{i}USDT" for i in range(symbols)}
    return made


def facts_of(found: Read) -> Sequence[Record]:
    """Gives what the feed puts into the inbox."""
    return (found.tickers,) if found.tickers is not None else found.facts


def heard(
    symbols: int, market: list[bytes], kernels: Kernels | None = KERNELS
) -> Iterator[tuple[int, Sequence[Record]]]:
    """Gives the facts of each frame, with the time at which it came."""
    ours = reader(symbols, kernels)
    for i, frame in enumerate(market):
        at = START + 1000 * i
        yield at, facts_of(ours.read(frame, Stamp(at, at)))


def read(symbols: int, market: list[bytes]) -> None:
    """Frames become facts."""
    for _ in heard(symbols, market):
        pass


def read_into_records(symbols: int, market: list[bytes]) -> None:
    """Frames become facts, each a record of its own."""
    for _, facts in heard(symbols, market):
        for fact in facts:
            if isinstance(fact, Tickers):
                fact.records()


def read_newest(symbols: int, market: list[bytes]) -> None:
    """Frames become facts, of which the inbox keeps the newest of each symbol."""
    inbox = Inbox()
    for _, facts in heard(symbols, market):
        inbox.put(facts)


def known(symbols: int, frame: bytes) -> Coins:
    """Gives what a scan knows that has seen a minute of every symbol."""
    coins, before = Coins(CoinsState(), Window.of), START // CYCLE_MS * CYCLE_MS
    for fact in facts_of(reader(symbols).read(frame, Stamp(before - 1, before - 1))):
        coins.hear(fact)
    coins.minute(before)
    return coins


def read_into_windows(symbols: int, market: list[bytes], coins: Coins, kernels: Kernels | None = KERNELS) -> None:
    """Frames become facts, and these the rolling windows of the scan; a cycle is a minute."""
    for at, facts in heard(symbols, market, kernels):
        for fact in facts:
            coins.hear(fact)
        if at % CYCLE_MS == 0:
            coins.minute(at)
    coins.settle()


def read_into_lines(symbols: int, market: list[bytes]) -> None:
    """Frames become facts, and these the lines of the wire."""
    for _, facts in heard(symbols, market):
        for fact in facts:
            if isinstance(fact, Tickers):
                fact.lines()
            else:
                encode(fact)


def read_as_scan_does(symbols: int, market: list[bytes], coins: Coins, kernels: Kernels | None = KERNELS) -> None:
    """Frames go the whole way of `hot scan`: inbox, order, ticks and rules, windows, and lines of the wire."""
    stage = Scan(ScanSettings(), HeatSettings(), ScanState(market=coins.state))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        hand_on(
            settings.load(env={}), Market(Nowhere(), {}, ""), stage, _in_order(symbols, market, kernels),
            Output(nowhere), Rejects("scan"), None,
        )  # fmt: skip
    finally:
        os.close(nowhere)


class Nowhere:
    """A source of no facts."""

    def facts(self) -> Iterator[Entry]:
        """Gives none."""
        return iter(())

    def manifest(self) -> dict[str, object]:
        """Names none."""
        return {}


def _in_order(symbols: int, market: list[bytes], kernels: Kernels | None) -> Iterator[Entry]:
    """Gives the entries of a live market that told these frames."""
    inbox, before = Inbox(), Stamp(START - 1, START - 1)
    sequence = InOrder(CYCLE_MS, before, lambda closed_at: 0)
    for i in range(symbols):
        name = f"SYM{i}USDT"
        rules = SymbolRules(at=1, venue="binance-spot", symbol=name, base="S", quote="USDT", tick="0.1", step="0.1")
        yield Entry(rules, None)
    for at, facts in heard(symbols, market, kernels):
        inbox.put(facts)
        yield from sequence.take(inbox.take(0.0), Stamp(at + 1, at + 1))


def ms_a_frame(work: Callable[[int, list[bytes]], None], symbols: int, market: list[bytes]) -> float:
    """Gives milliseconds of processor time a frame."""
    started = time.process_time()
    work(symbols, market)
    return (time.process_time() - started) / len(market) * 1e3


def unicorn_python(folder: Path) -> Path | None:
    """Gives a Python that has unicorn-fy, in an environment of its own; None where it cannot be installed."""
    python = folder / "bin" / "python"
    if not python.exists():
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)], capture_output=True)
        if made.returncode:
            return None
    got = subprocess.run([str(python), "-m", "pip", "install", "-q", UNICORN], capture_output=True)
    return python if got.returncode == 0 else None


def theirs(python: Path, market: list[bytes]) -> float:
    """Gives unicorn-fy's milliseconds of processor time a frame; it reads the same bytes."""
    with tempfile.NamedTemporaryFile("wb", suffix=".ndjson") as file:
        file.write(b"\n".join(market))
        file.flush()
        out = subprocess.run([str(python), "-c", _THEIRS, file.name, "1"], capture_output=True, text=True, check=True)
    return float(out.stdout.split()[-1])


def _with_what_is_known(
    work: Callable[[int, list[bytes], Coins, Kernels | None], None], symbols: int, market: list[bytes],
    kernels: Kernels | None,
) -> Callable[[], float]:  # fmt: skip
    """Gives the measure of a way whose scan has seen a minute before."""

    def measured() -> float:
        coins = known(symbols, market[0])
        return ms_a_frame(lambda symbols, market: work(symbols, market, coins, kernels), symbols, market)

    return measured


def compare(symbols: int, count: int, rounds: int, python: Path | None) -> None:
    """Prints medians of rounds that alternate between all ways, and the ratios."""
    market = frames(symbols, count)
    ways: dict[str, Callable[[], float]] = {
        "to facts": lambda: ms_a_frame(read, symbols, market),
        "to facts, each a record": lambda: ms_a_frame(read_into_records, symbols, market),
        "to the newest fact of each symbol": lambda: ms_a_frame(read_newest, symbols, market),
        "to facts and lines of the wire": lambda: ms_a_frame(read_into_lines, symbols, market),
    }
    far = {"to facts and the scan's windows": read_into_windows, "the whole way of hot scan": read_as_scan_does}
    for name, work in far.items():
        ways[name] = _with_what_is_known(work, symbols, market, KERNELS)
        if KERNELS is not None:
            ways[f"{name}, without numba"] = _with_what_is_known(work, symbols, market, None)
    if python is not None:
        ways["unicorn-fy, to dictionaries"] = lambda: theirs(python, market)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            taken[name].append(way())
    unicorn = statistics.median(taken["unicorn-fy, to dictionaries"]) if python is not None else None
    print(f"frames of {symbols} symbols, {count} of them, median of {rounds} rounds")
    for name, figures in taken.items():
        mid = statistics.median(figures)
        ratio = f"   {unicorn / mid:6.2f} x unicorn-fy" if unicorn is not None else ""
        print(f"  {name:46s} {mid:8.3f} ms a frame{ratio}")
    if python is None:
        print(f"  {UNICORN} could not be installed: no ratio")


def main() -> None:
    """Runs the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=400)
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--unicorn", type=Path, help="folder of the environment that holds unicorn-fy, kept for next time"
    )
    wanted = parser.parse_args()
    if wanted.unicorn is not None:
        compare(wanted.symbols, wanted.frames, wanted.rounds, unicorn_python(wanted.unicorn))
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(wanted.symbols, wanted.frames, wanted.rounds, unicorn_python(Path(folder)))


if __name__ == "__main__":
    main()
