"""A market of Binance, live: its streams and its REST joined to a source of facts. Spot and USDT-M differ in tables."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from engine.kernels.compiled import KERNELS
from engine.plugs import Entry
from engine.world.binance.binance import BUDGET_FILE
from engine.world.binance.breaker import BREAKER, CLOSED, OPEN, WORDS, BreakerSettings
from engine.world.binance.budget import Budget
from engine.world.binance.client import Client
from engine.world.binance.http import Link
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.usdm_market import UsdmMarket
from engine.world.candles.cache import CACHE_FILE, KEEP_CANDLES, MOST_MB, CandleCache
from engine.world.streams.asking import ask_unless
from engine.world.streams.beside import MakeSource
from engine.world.streams.binance_rest import BinanceRest
from engine.world.streams.clock import LiveClock, monotonic_ms
from engine.world.streams.feed import Feed, Wanted
from engine.world.streams.first_days import FirstDays
from engine.world.streams.inbox import Inbox
from engine.world.streams.live import Live, never
from engine.world.streams.routes import Channels


def quietly(text: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, kw_only=True)
class BinanceLive:
    """Facts of a live market, with a tick each `cycle_s` whether something was heard or not. No key is needed.

    `data_dir` holds what all processes share: request budgets, candles, and when symbols were listed. `keep_candles` of
    each symbol are kept, and `cache_mb` of all; `breaker` says when an exchange that fails is asked less. `quotes` are
    the quote assets that are followed, `symbols` the only symbols (all when empty). `once` ends after the first cycle
    that knows a day of every symbol, `until_ms` at that time. `rest_url` and `stream_url` are base addresses where they
    are not the exchange's own (a loopback venue). `stopped` is asked at least four times a second; `before_wait` runs
    before a wait for a fact; `told` hears at the end what asking for candles came to. With `beats` an empty entry comes
    as often, and `beside` makes the sources of announcements and posts. `newest` is what the reader has (see
    `plugs.Resumable`). Whoever takes them `together` gets tickers of one frame as one entry (`records.Tickers`).
    """

    MARKET: ClassVar[Literal["spot", "usdm"]]
    REST_URL: ClassVar[str]
    CHANNELS: ClassVar[Channels]

    data_dir: Path
    cycle_s: int = 60
    quotes: tuple[str, ...] = ("USDT",)
    symbols: tuple[str, ...] = ()
    once: bool = False
    until_ms: int | None = None
    rest_url: str | None = None
    stream_url: str | None = None
    keep_candles: int = KEEP_CANDLES
    cache_mb: int = MOST_MB
    breaker: BreakerSettings = BREAKER
    stopped: Callable[[], bool] = never
    told: Callable[[str], None] = quietly
    before_wait: Callable[[], None] | None = None
    beats: bool = False
    beside: tuple[MakeSource, ...] = ()
    newest: dict[str, int] = field(default_factory=dict)
    together: bool = False

    def facts(self) -> Iterator[Entry]:
        """Gives the market's facts for ever, in order of time; raises VenueError where there is no way to it."""
        spot, venue = self.MARKET == "spot", f"binance-{self.MARKET}"
        with self.opened() as (rest, clock):
            client, speed = rest.client, rest.client.clock.speed or 1.0
            # Futures tell books by stream and a contract's first day in its rules; only they have open interest and
            # tell of longs and shorts.
            wanted = Wanted(
                self.quotes, self.symbols, books=spot, ages=spot, open_interest=not spot, positioning=not spot,
                listing="spot_listing" if spot else "perp_listing",
                newest=self.newest,
            )  # fmt: skip

            def make_feed(inbox: Inbox) -> Feed:
                feed = Feed(
                    venue, self.CHANNELS, rest, inbox, clock, wanted, base=self.stream_url, speed=speed,
                    kernels=self.data_dir / KERNELS if self.together else None,
                )  # fmt: skip
                client.watch_breaker(lambda level: _tell_breaker(feed, client.host, level))
                return feed

            try:
                yield from Live(
                    make_feed, clock, self.cycle_s, self.once, self.stopped, self.before_wait, beats=self.beats,
                    beside=self.beside, speed=speed, until_ms=self.until_ms, newest=self.newest,
                ).facts()  # fmt: skip
            finally:
                if rest.served.asks:
                    self.told(rest.served.told())

    @contextmanager
    def opened(self) -> Iterator[tuple[BinanceRest, LiveClock]]:
        """Opens what the market is asked by, and the exchange's clock as well as it is known."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        link, budget = Link(), Budget(self.data_dir / BUDGET_FILE, self.breaker)
        cache = CandleCache(self.data_dir / CACHE_FILE, self.keep_candles, self.cache_mb)
        try:
            client = Client(self.MARKET, self.rest_url or self.REST_URL, link=link, budget=budget)
            venue = f"binance-{self.MARKET}"
            first_days = FirstDays(self.data_dir / f"{venue}-first-days.json")
            market = SpotMarket(client) if self.MARKET == "spot" else UsdmMarket(client)
            rest = BinanceRest(market, venue, first_days, cache)
            ask_unless(rest.measure, self.stopped)
            # Candles close when the exchange's clock says so. That of a rehearsal may run faster.
            speed = client.clock.speed or 1.0
            yield rest, LiveClock(wall=client.clock.now_ms, mono=lambda: monotonic_ms() * speed)
        finally:
            link.close()
            budget.close()
            cache.close()

    def manifest(self) -> dict[str, Any]:
        """Gives the stream's name: its facts are where they were recorded."""
        return {"stream": f"binance-{self.MARKET}"}


def _tell_breaker(feed: Feed, host: str, level: int) -> None:
    feed.telling.breaker(f"REST of {host}: {WORDS[level]}", well=level == CLOSED, blocks=level == OPEN)
