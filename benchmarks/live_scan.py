"""How a live scan keeps up: frames at ten times the real rate, from the socket to the candidate, and memory meanwhile.

A process of its own plays the exchange on loopback: 400 symbols, their tickers ten times a second, their open candles,
and the close of each minute. Time runs faster than the clock, so that there are many minutes. Printed is the time from
the arrival of the frame that completes a cycle to its last candidate, the same without what the machine had no core for
(Linux only: others at work lengthen the first, not the second), and resident memory over the run.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from cli.commands.scan import apart
from engine.kernels.compiled import KERNELS
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, BookTop, LongShort, OpenInterest, SymbolRules, TakerFlow, Tick
from engine.records.tickers import Tickers
from engine.runs.data import data_dir
from engine.stages.heat import HeatSettings
from engine.stages.intake import Intake
from engine.stages.scan import Scan, ScanSettings
from engine.world.streams.clock import LiveClock
from engine.world.streams.feed import Feed, Wanted
from engine.world.streams.inbox import Inbox
from engine.world.streams.live import Live
from engine.world.streams.rest import Listing
from engine.world.streams.routes import SPOT

MINUTE = 60_000
START = 1_700_000_040_000
HOT_SHARE = 10  # one symbol in so many rises from minute to minute


def symbol_of(i: int) -> str:
    """Gives the name of a symbol."""
    return f"SYM{i:03d}USDT"


def price_of(i: int, minute: int) -> str:
    """Gives a symbol's price: some rise by one percent a minute for half an hour, others stand."""
    return f"{100.0 * 1.01 ** (minute % 30) if i % HOT_SHARE == 0 else 100.0:.4f}"


class Exchange:
    """The exchange on loopback."""

    def __init__(self, symbols: int, speed: float, frames_a_second: float, begun: float) -> None:
        """Plays so many symbols; its time runs `speed` times as fast since `begun`."""
        self._symbols, self._speed, self._pause_s, self._begun = symbols, speed, 1.0 / frames_a_second, begun
        self._listeners: list[tuple[ServerConnection, set[str]]] = []

    def now(self) -> float:
        """Gives its time, epoch ms."""
        return START + (time.time() - self._begun) * 1000 * self._speed

    async def run(self, told: Pipe) -> None:
        """Serves until the process ends."""
        async with serve(self._listen, "127.0.0.1", 0, compression=None) as server:
            told.send(server.sockets[0].getsockname()[1])
            await asyncio.gather(self._tickers(), self._candles())

    async def _listen(self, ws: ServerConnection) -> None:
        assert ws.request is not None
        streams = set(parse_qs(urlsplit(ws.request.path).query)["streams"])
        self._listeners.append((ws, streams))
        try:
            async for message in ws:
                streams.update(json.loads(message)["params"])
        except ConnectionClosed:
            pass

    async def _tell(self, stream: str, data: object) -> None:
        frame = json.dumps({"stream": stream, "data": data}, separators=(",", ":"))
        for ws, streams in self._listeners:
            if stream in streams:
                await ws.send(frame)

    async def _tickers(self) -> None:
        while True:
            now = int(self.now())
            rows = [
                {"e": "24hrMiniTicker", "E": now, "s": symbol_of(i), "c": price_of(i, now // MINUTE), "o": "100.0000",
                 "h": "200.0000", "l": "50.0000", "v": "12345.67800000", "q": f"{5e6 + now % 86_400_000:.8f}"}
                for i in range(self._symbols)
            ]  # fmt: skip
            await self._tell("!miniTicker@arr", rows)
            await asyncio.sleep(self._pause_s)

    async def _candles(self) -> None:
        minute, told = int(self.now()) // MINUTE, 0.0
        while True:
            await asyncio.sleep(0.01)
            closed = int(self.now()) // MINUTE > minute
            if not closed and time.time() - told < self._pause_s:
                continue
            told = time.time()
            for i in range(0 if closed else minute % 5, self._symbols, 1 if closed else 5):
                await self._tell(f"{symbol_of(i).lower()}@kline_1m", _kline(i, minute, closed))
            minute += closed


def _kline(i: int, minute: int, closed: bool) -> dict[str, object]:
    price, opened = price_of(i, minute), minute * MINUTE
    return {
        "e": "kline", "E": opened, "s": symbol_of(i),
        "k": {"t": opened, "T": opened + MINUTE - 1, "s": symbol_of(i), "i": "1m", "f": 1, "L": 2, "o": price,
              "c": price, "h": price, "l": price, "v": "10.00", "n": 3, "x": closed, "q": "5000.00", "V": "5",
              "Q": "500", "B": "0"},
    }  # fmt: skip


class Rest:
    """The exchange's REST, in this process."""

    def __init__(self, symbols: int, now: Callable[[], float]) -> None:
        """Knows so many symbols."""
        self._symbols, self._now = symbols, now

    def listings(self) -> list[Listing]:
        """Gives the rules of all symbols."""
        return [
            Listing(SymbolRules(at=0, venue="binance-spot", symbol=symbol_of(i), base="X", quote="USDT", tick="0.0001",
                                step="0.01", onboard_at=1), True)
            for i in range(self._symbols)
        ]  # fmt: skip

    def candles(self, symbol: str, step: str, first: int, most: int) -> list[Bar]:
        """Gives closed candles."""
        i, last = int(symbol[3:6]), int(self._now()) // MINUTE * MINUTE - MINUTE
        return [
            Bar(at=opened + MINUTE, venue="binance-spot", symbol=symbol, step_s=60, open_at=opened,
                open=(price := price_of(i, opened // MINUTE)), high=price, low=price, close=price, volume="10.00",
                quote_volume="5000.00")
            for opened in range(first, last + 1, MINUTE)[:most]
        ]  # fmt: skip

    def heard(self, bars: Sequence[Bar]) -> None:
        """Keeps none."""

    def listed_at(self, symbol: str) -> int | None:
        """Gives nothing: ages are not asked for here."""
        return None

    def books(self) -> list[BookTop]:
        """Gives nothing: books are not asked for here."""
        return []

    def open_interest(self, symbol: str) -> OpenInterest:
        """Gives none."""
        raise NotImplementedError

    def positioning(self, symbol: str) -> list[LongShort | TakerFlow]:
        """Gives nothing: it is not asked for here."""
        return []

    def volumes(self) -> dict[str, float]:
        """Gives none."""
        return {}


class Timed(Feed):
    """A feed that notes when the last closed candle's frame arrived, and how long the reader had waited for a core."""

    completed_at = waited_ms = 0.0

    def _frame(self, frame: bytes, group: str) -> bool:
        if b'"x":true' in frame:
            self.completed_at, self.waited_ms = time.perf_counter(), _waited_ms()
        return super()._frame(frame, group)


def _waited_ms() -> float:
    """Gives how long the reader, which is the main thread, was ready to run and had no core; 0 where nobody says."""
    try:
        return int(Path(f"/proc/self/task/{os.getpid()}/schedstat").read_text().split()[1]) / 1e6
    except OSError:
        return 0.0


def play(symbols: int, speed: float, rate: float, cycles: int, plain: bool) -> None:
    """Plays so many cycles and prints what was seen."""
    begun = time.time()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.Process(target=_serve, args=(symbols, speed, rate, begun, theirs), daemon=True)
    child.start()
    try:
        _watch(symbols, speed, cycles, begun, ours.recv(), plain)
    finally:
        child.terminate()


def _serve(symbols: int, speed: float, rate: float, begun: float, told: Pipe) -> None:
    asyncio.run(Exchange(symbols, speed, rate, begun).run(told))


def _watch(symbols: int, speed: float, cycles: int, begun: float, port: int, plain: bool) -> None:
    def now() -> float:
        return START + (time.time() - begun) * 1000 * speed

    feeds: list[Timed] = []
    clock = LiveClock(wall=now)

    def make(inbox: Inbox) -> Feed:
        kernels = None if plain else data_dir() / KERNELS
        base = f"ws://127.0.0.1:{port}"
        rest, wanted = Rest(symbols, now), Wanted(("USDT",))
        feeds.append(Timed("binance-spot", SPOT, rest, inbox, clock, wanted, base=base, kernels=kernels))
        return feeds[-1]

    live = Live(make, clock, grace_ms=int(300 * speed))
    intake, scan = Intake(60, {}), Scan(ScanSettings(), HeatSettings())
    taken: list[float] = []
    alone: list[float] = []
    candidates = facts = 0
    made: list[Record] = []
    memory: list[int] = []
    started = busy = 0.0
    entry: Entry
    for entry in live.facts():
        record = entry.record
        assert record is not None
        facts += len(record) if isinstance(record, Tickers) else 1
        for part in apart(record, intake):
            for before in intake.before(part):
                scan.take(before)
            made = scan.take(part) if part.kind in scan.wants else []
        if isinstance(record, Tick) and len(made) > 1 and feeds[0].warm:
            taken.append((time.perf_counter() - feeds[0].completed_at) * 1000)
            alone.append(taken[-1] - (_waited_ms() - feeds[0].waited_ms))
            candidates += len(made) - 1
            memory.append(_resident_kb())
            if len(taken) == 1:
                started, busy = time.perf_counter(), time.process_time()
            if len(taken) >= cycles:
                break
    seconds, used = time.perf_counter() - started, time.process_time() - busy
    print(
        f"{symbols} symbols, time {speed:g} x as fast, {len(taken)} cycles in {seconds:.0f} s, {facts} facts; "
        f"{100 * used / seconds:.0f} % of one core"
    )
    print(f"  from the frame that completes a cycle to its candidates: {_spread(taken)}; {candidates} records")
    print(f"  of that with a core at hand: {_spread(alone)}")
    print(f"  replaced unread: {live.inbox.dropped()}")
    print(
        f"  resident memory: {memory[0] / 1024:.1f} MB at the first, {memory[-1] / 1024:.1f} MB at the last cycle, "
        f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.1f} MB at most"
    )


def _spread(times: list[float]) -> str:
    ranked = sorted(times)
    return (
        f"median {statistics.median(ranked):.1f} ms, p99 {ranked[int(len(ranked) * 0.99) - 1]:.1f} ms, "
        f"most {ranked[-1]:.1f} ms"
    )


def _resident_kb() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def main() -> None:
    """Runs it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=400)
    parser.add_argument("--speed", type=float, default=30.0, help="how much faster than the clock time runs")
    parser.add_argument("--rate", type=float, default=10.0, help="whole-market frames a second; the exchange sends one")
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--plain", action="store_true", help="read frames without kernels, as where numba is missing")
    wanted = parser.parse_args()
    play(wanted.symbols, wanted.speed, wanted.rate, wanted.cycles, wanted.plain)


if __name__ == "__main__":
    main()
