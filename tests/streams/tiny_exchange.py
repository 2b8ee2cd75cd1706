"""A tiny exchange: a websocket server on loopback that says what it is told to, and a REST without a network."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from engine.errors import VenueError
from engine.records.market import Bar, BookTop, LongShort, OpenInterest, SymbolRules, TakerFlow
from engine.world.streams.rest import Listing

MINUTE = 60_000


class TinyStreams:
    """A websocket server on a thread: remembers who subscribed to what, and sends what the test says."""

    def __init__(self) -> None:
        self.connections: list[tuple[ServerConnection, set[str]]] = []
        self.paths: list[str] = []
        self.opened = 0
        self.most_open = 0
        self.refuse_with: int | None = None
        self.muted = False
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._ready.wait(5)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def send(self, stream: str, data: Any) -> None:
        """Sends an event to all who subscribed to the stream."""
        self.send_raw(stream, json.dumps({"stream": stream, "data": data}, separators=(",", ":"), ensure_ascii=False))

    def send_raw(self, stream: str, frame: str) -> None:
        self._call(self._send(stream, frame))

    def tell_all(self, frame: str) -> None:
        """Sends a frame to everybody, whatever they subscribed to."""
        self._call(self._tell_all(frame))

    def cut(self) -> None:
        """Cuts all connections without a word."""
        self._call(self._cut())

    def subscribers(self, stream: str) -> int:
        return sum(stream in streams for _, streams in list(self.connections))

    def close(self) -> None:
        self._call(self._cut())
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        async with serve(self._client, "127.0.0.1", 0, process_request=self._refuse, compression=None) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    def _refuse(self, connection: ServerConnection, request: Any) -> Any:
        return connection.respond(self.refuse_with, "no") if self.refuse_with else None

    async def _client(self, ws: ServerConnection) -> None:
        assert ws.request is not None
        self.paths.append(ws.request.path)
        self.opened += 1
        streams = set(parse_qs(urlsplit(ws.request.path).query)["streams"][0].split("/"))
        own = (ws, streams)
        self.connections.append(own)
        self.most_open = max(self.most_open, len(self.connections))
        try:
            async for message in ws:
                asked = json.loads(message)
                if asked["method"] == "SUBSCRIBE":
                    streams.update(asked["params"])
                else:
                    streams.difference_update(asked["params"])
                await ws.send(json.dumps({"result": None, "id": asked["id"]}))
        except ConnectionClosed:
            pass
        finally:
            self.connections.remove(own)

    async def _send(self, stream: str, frame: str) -> None:
        if self.muted:
            return
        for ws, streams in list(self.connections):
            if stream in streams:
                with suppress(ConnectionClosed):
                    await ws.send(frame)

    async def _tell_all(self, frame: str) -> None:
        for ws, _ in list(self.connections):
            with suppress(ConnectionClosed):
                await ws.send(frame)

    async def _cut(self) -> None:
        for ws, _ in list(self.connections):
            ws.transport.abort()


class TinyRest:
    """An exchange's REST in memory: candles of every minute, which tests may leave out."""

    def __init__(self, symbols: list[str], now: Callable[[], int], venue: str = "binance-spot") -> None:
        self.symbols, self.now, self.venue = symbols, now, venue
        self.status: dict[str, str] = {}
        self.absent: set[tuple[str, int]] = set()
        self.asked: list[tuple[str, int, int]] = []
        self.down = False

    def listings(self) -> list[Listing]:
        self._fail()
        return [Listing(rules(symbol, self.now(), self.venue, self.status.get(symbol, "TRADING")), True)
                for symbol in self.symbols]  # fmt: skip

    def candles(self, symbol: str, step: str, first: int, most: int) -> list[Bar]:
        self._fail()
        self.asked.append((symbol, first, most))
        last = self.now() // MINUTE * MINUTE - MINUTE
        there = [opened for opened in range(first, last + 1, MINUTE) if (symbol, opened) not in self.absent]
        return [bar(symbol, opened, self.venue) for opened in there[:most]]

    def heard(self, bars: Sequence[Bar]) -> None:
        """Keeps none."""

    def listed_at(self, symbol: str) -> int | None:
        self._fail()
        return 1_600_000_000_000

    def books(self) -> list[BookTop]:
        self._fail()
        return [
            BookTop(at=1, venue=self.venue, symbol=symbol, bid="99", bid_qty="1", ask="101", ask_qty="1")
            for symbol in self.symbols
        ]

    def open_interest(self, symbol: str) -> OpenInterest:
        self._fail()
        return OpenInterest(at=1, venue=self.venue, symbol=symbol, open_interest="12.5")

    def positioning(self, symbol: str) -> list[LongShort | TakerFlow]:
        self._fail()
        at = self.now() // 300_000 * 300_000
        ratio = LongShort(
            at=1, venue=self.venue, symbol=symbol, whose="accounts", period_s=300, ended_at=at, ratio="1.5"
        )
        flow = TakerFlow(at=1, venue=self.venue, symbol=symbol, period_s=300, ended_at=at, bought="5", sold="4")
        return [ratio, flow]

    def volumes(self) -> dict[str, float]:
        return {symbol: float(i) for i, symbol in enumerate(self.symbols)}

    def _fail(self) -> None:
        if self.down:
            raise VenueError("tiny exchange: not reached")


def rules(symbol: str, at: int, venue: str = "binance-spot", status: str = "TRADING") -> SymbolRules:
    return SymbolRules(
        at=at, venue=venue, symbol=symbol, status=status, base=symbol.removesuffix("USDT"), quote="USDT", tick="0.01",
        step="0.01",
    )  # fmt: skip


def bar(symbol: str, open_at: int, venue: str = "binance-spot", close: str = "100") -> Bar:
    return Bar(
        at=open_at + MINUTE, venue=venue, symbol=symbol, step_s=60, open_at=open_at, open="100", high="110", low="90",
        close=close, volume="10", quote_volume="1000", trades=3,
    )  # fmt: skip


def mini(symbol: str, event_at: int, close: str = "100.5", **more: Any) -> dict[str, Any]:
    return {
        "e": "24hrMiniTicker", "E": event_at, "s": symbol, "c": close, "o": "99", "h": "110", "l": "90", "v": "1000",
        "q": "100000", **more,
    }  # fmt: skip


def mark(symbol: str, event_at: int, rate: str = "0.0001", **more: Any) -> dict[str, Any]:
    return {
        "e": "markPriceUpdate", "E": event_at, "s": symbol, "p": "100.1", "i": "100", "P": "100", "r": rate,
        "T": event_at, **more,
    }  # fmt: skip


def kline(symbol: str, open_at: int, closed: bool = True, close: str = "100") -> dict[str, Any]:
    return {
        "e": "kline", "E": open_at + MINUTE, "s": symbol,
        "k": {"t": open_at, "T": open_at + MINUTE - 1, "s": symbol, "i": "1m", "o": "100", "c": close, "h": "110",
              "l": "90", "v": "10", "n": 3, "x": closed, "q": "1000", "V": "5", "Q": "500", "B": "0"},
    }  # fmt: skip
