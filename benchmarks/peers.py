"""A backtest of one rule by hot and by its peers, in turn, each in its own process and environment.

Run with: python benchmarks/peers.py --bars 43200 --symbols 16
"""

import argparse
import contextlib
import csv
import gzip
import json
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from platformdirs import user_cache_path

RUNNERS = Path(__file__).parent / "peers"
CANDLES = Path(__file__).parent.parent / "examples" / "session" / "klines-1m.csv.gz"
#: What the others' entries are held against.
REFERENCE = "loop"
#: The peers, and how many times as fast as each hot should be. The slowest come last.
TARGETS = {
    "loop": 1 / 20,
    "hot": 1,
    "raptorbt": 1.5,
    "vectorbt": 3,
    "backtesting": 80,
    "nautilus": 200,
    "freqtrade": 1000,
}
COLUMNS = ("open", "high", "low", "close", "volume")
MINUTE_MS = 60_000


class Candles(NamedTuple):
    """One symbol's recorded minutes: an array (bars, 5) in the order of COLUMNS, and the decimals of its prices."""

    symbol: str
    start_ms: int
    figures: np.ndarray
    decimals: int


class Agreement(NamedTuple):
    """How the entries of a peer compare with those of the reference."""

    equal: int
    missing: int
    extra: int

    def __str__(self) -> str:
        """Says it in a table's cell."""
        if not self.missing and not self.extra:
            return f"{self.equal} equal"
        return f"{self.equal} equal, {self.missing} missing, {self.extra} more"


def main() -> None:
    """Prints a row for each peer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=43_200, help="bars of each symbol")
    parser.add_argument("--symbols", type=int, default=16, help="the most traded of the recording")
    parser.add_argument("--rounds", type=int, default=3, help="timed runs of each, after one to warm up")
    parser.add_argument("--only", nargs="+", choices=list(TARGETS), default=list(TARGETS), help="some of the peers")
    parser.add_argument("--candles", type=Path, default=CANDLES, help="recorded 1m klines, CSV by symbol and time")
    parser.add_argument(
        "--folder", type=Path, default=user_cache_path("hot") / "peers", help="for environments and the market"
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    market = options.folder / "market.npz"
    recorded = most_traded(read_candles(options.candles), options.symbols)
    np.savez(market, **tiled(recorded, options.bars))
    print(f"{platform.machine()}, Python {platform.python_version()}; {len(recorded)} symbols x {options.bars} bars")
    print(f"{', '.join(candles.symbol for candles in recorded)}: {len(recorded[0].figures)} recorded bars, tiled\n")

    names = [name for name in TARGETS if name in options.only or name == REFERENCE]
    pythons = {name: interpreter(name, options.folder) for name in names}
    peers = {name: first_look(Peer(name, python, market)) for name, python in pythons.items()}
    entries = agreements(peers)
    for number in range(options.rounds):
        for peer in peers.values():
            peer.play()
        print(f"round {number + 1} of {options.rounds} done", file=sys.stderr)
    for peer in peers.values():
        peer.end()
    print(table(peers, entries))


class Peer:
    """A runner in its own process, which waits for a line before it runs again."""

    def __init__(self, name: str, python: Path, market: Path) -> None:
        """Starts it; it reads the market at once."""
        self.name = name
        self.answers: list[dict[str, Any]] = []
        self.why = ""
        self._log = (market.parent / f"{name}.log").open("w")
        self._process = subprocess.Popen(
            [python, RUNNERS / f"run_{name}.py", market],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip

    def play(self) -> None:
        """Lets it run once and keeps the answer; a peer that is gone says why and is left alone."""
        if self.why:
            return
        answer = self._ask()
        if "seconds" in answer:
            self.answers.append(answer)
        else:
            self.why = answer.get("not_there", f"failed: see {self._log.name}")

    def end(self) -> None:
        """Lets it go."""
        self._process.communicate()
        self._log.close()

    @property
    def seconds(self) -> float:
        """The median of the timed runs; the first was the warm-up."""
        return statistics.median(answer["seconds"] for answer in self.answers[1:])

    def _ask(self) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line or "{}")
        return answer


def first_look(peer: Peer) -> Peer:
    """Gives the peer after its first run, which warms it up."""
    peer.play()
    print(f"{peer.name} has run once" if peer.answers else f"{peer.name}: {peer.why}", file=sys.stderr)
    return peer


def agreements(peers: dict[str, Peer]) -> dict[str, Agreement]:
    """Gives how each one's entries agree with the reference's, for those that ran."""
    wanted = peers[REFERENCE].answers[0]["entries"]
    return {name: compare(wanted, peer.answers[0]["entries"]) for name, peer in peers.items() if peer.answers}


def compare(reference: dict[str, list[int]], entries: dict[str, list[int]]) -> Agreement:
    """Counts the entries that both have and those that only one has."""
    wanted = {(symbol, bar) for symbol, bars in reference.items() for bar in bars}
    made = {(symbol, bar) for symbol, bars in entries.items() for bar in bars}
    return Agreement(len(wanted & made), len(wanted - made), len(made - wanted))


def table(peers: dict[str, Peer], entries: dict[str, Agreement]) -> str:
    """Says how fast each was and how many times as fast the loop and hot were, with what each earned."""
    lines = [
        f"{'peer':<12} {'M bars/s':>9} {'seconds':>9} {'first':>8} {'loop is':>9} {'hot is':>9} {'wanted':>8}"
        f" {'trades':>7} {'profit':>8}  entries"
    ]
    for name, peer in peers.items():
        if len(peer.answers) < 2:
            lines.append(f"{name:<12} {peer.why or 'not timed'}")
            continue
        last = peer.answers[-1]
        lines.append(
            f"{name:<12} {last['bars'] / peer.seconds / 1e6:>9.3g} {peer.seconds:>9.4g}"
            f" {peer.answers[0]['seconds']:>8.3g} {times(peer, peers[REFERENCE]):>9} {times(peer, peers.get('hot')):>9}"
            f" {TARGETS[name]:>7g}x {last['trades']:>7} {last['profit']:>8.1f}  {entries[name]}"
        )
    return "\n".join(["", *lines])


def times(peer: Peer, other: Peer | None) -> str:
    """Says how many times as fast the other was, if it was timed."""
    if other is None or len(other.answers) < 2:
        return ""
    return f"{peer.seconds / other.seconds:.3g}x"


def interpreter(name: str, folder: Path) -> Path:
    """Gives the peer's own Python, made and filled first when its requirements are new; ours is hot's."""
    if name == "hot":
        return Path(sys.executable)
    wanted = (RUNNERS / f"requirements-{name}.txt").read_text()
    home = folder / name
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    filled = home / "requirements.txt"
    if not filled.exists() or filled.read_text() != wanted:
        print(f"making the environment of {name} in {home}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        install = ["-m", "pip", "install", "-qq", "-r", RUNNERS / f"requirements-{name}.txt"]
        subprocess.run([python, *install], check=True)
        filled.write_text(wanted)
    return python


def read_candles(path: Path) -> Iterator[Candles]:
    """Gives each symbol of a file of klines, sorted by symbol, then time."""
    with gzip.open(path, "rt", newline="") as lines:
        for symbol, rows in groupby(csv.DictReader(lines), key=lambda row: row["symbol"]):
            yield candles_of(symbol, list(rows))


def candles_of(symbol: str, rows: list[dict[str, str]]) -> Candles:
    """Gives a symbol's candles; its decimals are the most that any of its prices was written with."""
    figures = np.array([[float(row[column]) for column in COLUMNS] for row in rows])
    decimals = max(len(row[column].partition(".")[2].rstrip("0")) for row in rows for column in COLUMNS[:4])
    return Candles(symbol, int(rows[0]["open_time"]), figures, decimals)


def most_traded(candles: Iterable[Candles], count: int) -> list[Candles]:
    """Gives the symbols with the highest turnover, by name, among those that were there from first to last."""
    kept = list(candles)
    whole = max(len(each.figures) for each in kept)
    kept = [each for each in kept if len(each.figures) == whole]
    kept.sort(key=lambda each: -float(np.sum(each.figures[:, 3] * each.figures[:, 4])))
    return sorted(kept[:count], key=lambda each: each.symbol)


def tiled(candles: list[Candles], bars: int) -> dict[str, np.ndarray]:
    """Gives the market as arrays: each recording over and over, minute after minute, until there are enough bars.

    Where one run of the recording meets the next, price jumps as it would after a halt.
    """
    recorded = len(candles[0].figures)
    rounds = -(-bars // recorded)
    stacked = np.stack([np.tile(each.figures, (rounds, 1))[:bars] for each in candles])
    arrays = {column: np.ascontiguousarray(stacked[:, :, at]) for at, column in enumerate(COLUMNS)}
    arrays["symbols"] = np.array([each.symbol for each in candles])
    arrays["decimals"] = np.array([each.decimals for each in candles])
    arrays["at_ms"] = candles[0].start_ms + MINUTE_MS * np.arange(bars, dtype=np.int64)
    return arrays


if __name__ == "__main__":
    main()
