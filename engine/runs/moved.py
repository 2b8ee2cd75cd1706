"""Coins that moved: their candles, fetched and kept for days as a store, with a log of when and how they moved."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from engine.errors import BadRecord
from engine.records.base import Record
from engine.records.ideas import Anomaly
from engine.records.market import Bar, SymbolRules
from engine.records.wire import decode, encode
from engine.runs.recorder import writing
from engine.world.candles.cached import SETTLED_MS
from engine.world.store.files import write_rules
from engine.world.store.growing import Extent, extent_of, grow, symbols_of
from engine.world.store.store import Store
from engine.world.store.tables import Series

#: When and how coins moved, one record a line, beside the series.
LOG = "anomalies.jsonl"
KEEP_DAYS = 30
MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_MOST_A_REQUEST = 1000


class Asks(Protocol):
    """Where candles are asked for."""

    def candles(self, symbol: str, step: str, first: int, most: int) -> list[Bar]:
        """Gives closed candles of a symbol from the one that opens at `first` on, oldest first, at most so many."""
        ...


class MovedCoins:
    """Keeps the candles of coins that moved. One thread may hear of them while another one fills."""

    def __init__(self, folder: Path, venue: str, keep_days: int = KEEP_DAYS) -> None:
        """Goes on with the store in `folder`, or makes one; raises ConfigError for a folder that is none."""
        self.store = Store.create(folder)
        self._venue, self._keep_ms = venue, keep_days * _DAY_MS
        self._log = folder / LOG
        self._lock = threading.Lock()
        self._rules: dict[str, SymbolRules] = {}
        self._due: set[str] = set()
        #: When each coin moved last, epoch ms.
        self.moved = {one.symbol: one.at for one in self._read_log() if one.venue == venue}
        self._write_log(0)

    def hear(self, record: Record) -> None:
        """Takes an anomaly, whose coin's candles are then due, or a symbol's rules."""
        with self._lock:
            if isinstance(record, SymbolRules):
                self._rules[record.symbol] = record
            elif isinstance(record, Anomaly) and record.venue == self._venue:
                self.moved[record.symbol] = record.at
                self._due.add(record.symbol)
                with writing(self._log), self._log.open("ab") as file:
                    file.write(encode(record) + b"\n")

    def due(self) -> list[str]:
        """Gives the coins that moved and whose candles have not been brought up to date since, sorted."""
        with self._lock:
            return sorted(self._due)

    def fill(self, asks: Asks, symbol: str, now_ms: int) -> Extent | None:
        """Brings a coin's candles up to date: only those that are missing are asked for.

        Gives what there is then; raises what asking may fail with, DirtyInput and LedgerError.
        """
        of, oldest = Series(self._venue, "bar", symbol, MINUTE_MS // 1000), now_ms - self._keep_ms
        there = extent_of(self.store, of)
        first = max(oldest, there.last + MINUTE_MS) if there is not None else oldest
        bars: list[Bar] = []
        while first < now_ms:
            told = asks.candles(symbol, "1m", first, _MOST_A_REQUEST)
            bars += [bar for bar in told if bar.at + SETTLED_MS <= now_ms]
            if len(told) < _MOST_A_REQUEST:
                break
            first = told[-1].open_at + MINUTE_MS
        extent = grow(self.store, of, bars, oldest)
        self.pass_over(symbol)
        return extent

    def pass_over(self, symbol: str) -> None:
        """A coin's candles are no longer due, until it moves again or all are looked at."""
        with self._lock:
            self._due.discard(symbol)

    def look(self, now_ms: int) -> None:
        """Makes the candles of all coins that moved due, and drops what is older than it is to be kept."""
        oldest = now_ms - self._keep_ms
        with self._lock:
            self.moved = {symbol: at for symbol, at in self.moved.items() if at >= oldest}
            self._due |= self.moved.keys()
            self._write_log(oldest)
        for symbol in symbols_of(self.store, self._venue, MINUTE_MS // 1000):
            grow(self.store, Series(self._venue, "bar", symbol, MINUTE_MS // 1000), (), oldest)

    def write_rules(self) -> None:
        """Writes the rules of the coins that are kept, as of their first candle: a replay needs them from there on."""
        made: list[SymbolRules] = []
        with self._lock:
            for symbol, rules in self._rules.items():
                there = extent_of(self.store, Series(self._venue, "bar", symbol, MINUTE_MS // 1000))
                if there is not None:
                    made.append(msgspec.structs.replace(rules, at=there.first, mono_ms=None))
        made.sort(key=lambda rules: (rules.at, rules.symbol))
        if made:
            write_rules(self.store.root, self._venue, [one.at for one in made], [encode(one) for one in made])

    def _write_log(self, oldest: int) -> None:
        lines = b"".join(encode(one) + b"\n" for one in self._read_log() if one.at >= oldest)
        with writing(self._log):
            fresh = self._log.with_suffix(".new")
            fresh.write_bytes(lines)
            fresh.replace(self._log)

    def _read_log(self) -> Iterator[Anomaly]:
        """Gives the anomalies of the log; a line that a crash cut off is passed over."""
        try:
            lines = self._log.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                record = decode(line)
            except BadRecord:
                continue
            if isinstance(record, Anomaly):
                yield record
