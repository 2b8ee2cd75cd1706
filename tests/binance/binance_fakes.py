"""A scripted exchange behind a fake transport, and clocks that only move when told."""

from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import msgspec

from engine.world.binance.budget import Budget
from engine.world.binance.client import Client
from engine.world.binance.clock import VenueClock
from engine.world.binance.codes import Market
from engine.world.binance.http import Link
from engine.world.binance.keys import Key

NOON = 1_790_000_000_000 // 60_000 * 60_000
HOSTS = {"spot": "https://api.binance.com", "usdm": "https://fapi.binance.com"}
API_KEY = "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"
SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"

Reply = httpx.Response | Exception


def reply(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """A response that is still to be read, as one from the network is."""
    return httpx.Response(status, stream=httpx.ByteStream(body), headers=headers)


class FakeTime:
    """A wall clock and a monotonic one. `skew_ms` is how far ours is ahead of the exchange's."""

    def __init__(self, skew_ms: int = 0) -> None:
        self.ms = NOON
        self.skew_ms = skew_ms
        self.slept: list[float] = []

    def wall(self) -> int:
        return self.ms + self.skew_ms

    def mono(self) -> int:
        return self.ms - NOON

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ms += int(seconds * 1000)


class FakeVenue:
    """Answers in the order scripted; the time whenever it is asked for. Keeps every request."""

    def __init__(self, time: FakeTime) -> None:
        self.time = time
        self.script: list[Reply | Callable[[httpx.Request], Reply]] = []
        self.requests: list[httpx.Request] = []
        self.times_asked = 0

    def then(self, body: object = b"{}", status: int = 200, **headers: str) -> "FakeVenue":
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.script.append(reply(content, status, named))
        return self

    def fails(self, error: Exception) -> "FakeVenue":
        self.script.append(error)
        return self

    def handle(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/time"):
            self.times_asked += 1
            return reply(msgspec.json.encode({"serverTime": self.time.ms}))
        self.requests.append(request)
        found = self.script.pop(0)
        if callable(found):
            found = found(request)
        if isinstance(found, Exception):
            raise found
        return found

    def queries(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(request.url.query.decode())) for request in self.requests]


def client_for(
    market: Market, venue: FakeVenue, folder: Path, *, key: bool = True, url: str | None = None, max_body: int = 1 << 20
) -> Client:
    time = venue.time
    return Client(
        market, url or HOSTS[market], link=Link(transport=httpx.MockTransport(venue.handle), max_body=max_body),
        budget=Budget(folder / "limits.db"), key=Key(API_KEY, SECRET) if key else None,
        clock=VenueClock(time.wall, time.mono), sleep=time.sleep, chance=lambda: 0.5,
    )  # fmt: skip
