"""Tickers of one frame go on together; whatever comes between them, all is as if each had gone by itself."""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_exchange import MINUTE, bar, mini

from cli.commands import scan as command
from cli.pipe import Output, Rejects
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import BookTop, SymbolRules, Ticker
from engine.records.tickers import Tickers
from engine.records.wire import decode, encode
from engine.runs import settings
from engine.runs.market import Market
from engine.runs.settings import Settings
from engine.stages.coins import CoinsState
from engine.stages.heat import HeatSettings
from engine.stages.scan import Scan, ScanSettings
from engine.world.streams.clock import Stamp
from engine.world.streams.columns import Kernels
from engine.world.streams.frames import Frames
from engine.world.streams.inbox import Inbox
from engine.world.streams.sequence import Sequence

START = 1_700_000_040_000
V = "binance-spot"
NAMES = tuple(sorted(("AUSDT", "BUSDT", "CUSDT", "DUSDT", "币安人生USDT")))


def rules(symbol: str, at: int) -> SymbolRules:
    return SymbolRules(at=at, venue=V, symbol=symbol, base="A", quote="USDT", tick="0.1", step="0.1")


class Way:
    """The way of frames from the socket to the reader: one by one, together, and read by kernels."""

    def __init__(self, together: bool, kernels: Kernels | None = None) -> None:
        self.frames, self.inbox = Frames(V, together, kernels), Inbox()
        self.frames.wanted = self.frames.known = NAMES
        self.sequence = Sequence(MINUTE, Stamp(START - 1, START - 1), lambda closed_at: 0)
        self.entries: list[Entry] = []

    def hear(self, frame: bytes, at: Stamp) -> None:
        read = self.frames.read(frame, at)
        self.inbox.put([*([read.tickers] if read.tickers is not None else ()), *read.facts])

    def take(self, at: Stamp) -> None:
        self.entries += self.sequence.take(self.inbox.take(0), at)


KERNELS = pytest.mark.parametrize("kernels", [None, Kernels()], ids=["gathered", "kernels"])


def told(chance: random.Random, seconds: int, knows: bool, kernels: Kernels | None) -> tuple[Way, Way]:
    """Tells two ways the same: frames, some of which only the general reader takes, and all that may be between."""
    one, other = Way(False), Way(True, kernels)
    at = START
    volumes = dict.fromkeys(NAMES, 1_000_000.0)
    for way in (one, other):
        way.inbox.put([rules(name, START) for name in (NAMES if knows else NAMES[:3])])
    for second in range(seconds):
        at += chance.choice([0, 300, 1000, 1000, 20_000])
        stamp = Stamp(at, at - chance.choice([0, 0, 7]))
        rows = []
        for name in chance.sample(NAMES, chance.randint(1, len(NAMES))):
            volumes[name] = max(0.0, volumes[name] + chance.choice([-50.5, 0.0, 12.25, 1e9 / 3, 5e9]))
            rows.append(mini(name, second + 1, f"{100 * chance.random():.8f}", q=f"{volumes[name]:.8f}"))
        if chance.random() < 0.1:
            rows[0]["c"] = chance.choice(["0", "x", 5])
        frame = json.dumps({"stream": "!miniTicker@arr", "data": rows}, separators=(",", ":"), ensure_ascii=False)
        between: list[Record] = []
        if chance.random() < 0.2:
            name = chance.choice(NAMES)
            between = chance.choice([
                [BookTop(at=at, venue=V, symbol=name, bid="99", bid_qty="1", ask="101", ask_qty="1")],
                [bar(name, at // MINUTE * MINUTE - MINUTE)],
                [rules(name, at)],
                [Ticker(at=at, venue=V, symbol=name, last="7", quote_volume_24h="5000000", volume_24h="1")],
                [Ticker(at=at, venue=V, symbol=name, last="7", quote_volume_24h="5", bid="6", ask="8")],
            ])  # fmt: skip
        taken = chance.random() < 0.7
        for way in (one, other):
            way.hear(frame.encode(), stamp)
            way.inbox.put(between)
            if taken:
                way.take(Stamp(max(at, way.sequence.last_at) + 1, stamp.mono_ms + 1))
    return one, other


def apart(entries: list[Entry]) -> Iterator[Record]:
    for entry in entries:
        assert entry.record is not None
        yield from entry.record.records() if isinstance(entry.record, Tickers) else (entry.record,)


@KERNELS
@pytest.mark.parametrize("seed", range(15))
def test_what_a_reader_takes_is_in_the_same_order(seed: int, kernels: Kernels | None) -> None:
    one, other = told(random.Random(seed), 200, True, kernels)
    assert [entry.record for entry in one.entries] == list(apart(other.entries))
    assert one.inbox.dropped() == other.inbox.dropped()
    assert sum(isinstance(entry.record, Tickers) for entry in other.entries) > 30


def scanned(entries: list[Entry], file: Path) -> tuple[bytes, CoinsState]:
    """Gives the lines of `hot scan` about some facts, and what it knows then."""
    used: Settings = settings.load(env={})
    stage = Scan(ScanSettings(pool="all", min_quote_volume_24h=0.0), HeatSettings())
    fd = os.open(file, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    opened = Market(_Nothing(), {}, "none")
    command.hand_on(used, opened, stage, iter(entries), Output(fd), Rejects("scan"), None)
    os.close(fd)
    return file.read_bytes(), stage.state.market


class _Nothing:
    def facts(self) -> Iterator[Entry]:
        return iter(())

    def manifest(self) -> dict[str, object]:
        return {}


@KERNELS
@pytest.mark.parametrize("knows", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_a_scan_says_the_same_to_the_byte_and_knows_the_same(
    seed: int, knows: bool, kernels: Kernels | None, tmp_path: Path
) -> None:
    one, other = told(random.Random(seed), 400, knows, kernels)
    assert scanned(one.entries, tmp_path / "one") == scanned(other.entries, tmp_path / "other")


@KERNELS
def test_a_day_of_tickers_makes_the_same_candidates(kernels: Kernels | None, tmp_path: Path) -> None:
    ways = Way(False), Way(True, kernels)
    chance = random.Random(3)
    for way in ways:
        way.inbox.put([rules(name, START) for name in NAMES])
    volume = 5e6
    for minute in range(1_500):
        volume += 1_000 * chance.random() * (100 if minute > 1_450 else 1)
        at = START + MINUTE * minute + 30_000
        rows = [mini(name, minute + 1, f"{100 + chance.random():.4f}", q=f"{volume:.8f}") for name in NAMES]
        frame = json.dumps({"stream": "!miniTicker@arr", "data": rows}, separators=(",", ":"), ensure_ascii=False)
        for way in ways:
            way.hear(frame.encode(), Stamp(at, at))
            way.take(Stamp(at + 1, at + 1))
    one, other = (scanned(way.entries, tmp_path / "lines") for way in ways)
    assert one == other
    assert one[0].count(b'{"kind":"candidate"') > 50


@KERNELS
def test_lines_are_those_of_the_wire_and_read_back(kernels: Kernels | None) -> None:
    _, other = told(random.Random(1), 50, True, kernels)
    for entry in other.entries:
        if isinstance(entry.record, Tickers):
            lines = entry.record.lines().splitlines()
            assert len(lines) == len(entry.record) == len(entry.record.symbols)
            for line in lines:
                record = decode(line)
                assert isinstance(record, Ticker)
                assert (record.at, encode(record)) == (entry.record.at, line)


@KERNELS
def test_a_slow_reader_gets_the_newest_of_each_symbol_and_hears_what_it_missed(kernels: Kernels | None) -> None:
    way = Way(True, kernels)
    for second in range(1, 101):
        rows = [mini(name, second, str(second)) for name in NAMES[second % 2 :]]
        frame = json.dumps({"stream": "!miniTicker@arr", "data": rows}, separators=(",", ":"))
        way.hear(frame.encode(), Stamp(START + second, START + second))
    taken = list(apart([Entry(record, None) for record in way.inbox.take(0)]))
    assert len(taken) == len(NAMES)
    assert {one.last for one in taken if isinstance(one, Ticker)} == {"100"}
    assert way.inbox.dropped() == 50 * len(NAMES) + 50 * (len(NAMES) - 1) - len(NAMES)
    assert way.inbox.empty
