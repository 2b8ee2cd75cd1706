"""What the candles of a screener cost: 200 perpetuals on three timeframes each minute, with the cache and without.

A loopback venue plays an exchange whose time runs faster than the clock. Each cycle asks for the newest 200 closed
candles of 1h, 15m and 5m of every symbol: through the cache, and for a few cycles (each is like the others) without.
Counted are the requests that arrive at the venue and what they weigh of a budget of 2400 a minute; the rest of that is
the head-room.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from engine.records.market import Bar, SymbolRules
from engine.world.binance import facts
from engine.world.binance.budget import Budget
from engine.world.binance.client import Client
from engine.world.binance.clock import VenueClock
from engine.world.binance.http import Link
from engine.world.binance.usdm_market import UsdmMarket, kline_weight
from engine.world.candles.cache import CandleCache
from engine.world.candles.cached import STEPS_S, CachedCandles
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.source import Happening, MarketSource
from engine.world.loopback.market.tape import MINUTE, Candle, Print
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions

STEPS = ("1h", "15m", "5m")
CANDLES = 200
VENUE = "binance-usdm"
#: Minutes of each symbol before the start: all candles of 5m that are asked for, and fewer of the longer steps.
HISTORY_MINUTES = 1100
PRINTS_EVERY_MS = 15_000
ASKING = 4


class Wide(MarketSource):
    """A market of many symbols whose prices hardly move: what counts here is how often they are asked for."""

    def __init__(self, symbols: int) -> None:
        """Lists so many perpetuals."""
        self._coins = [Instrument.of("usdm", _rules(f"SYM{i:03d}USDT")) for i in range(symbols)]

    def coins(self) -> list[Instrument]:
        """Gives the perpetuals."""
        return self._coins

    def history(self, until: int) -> Iterator[tuple[Instrument, Candle, int]]:
        """Gives the minutes before the start."""
        first = until // MINUTE * MINUTE - HISTORY_MINUTES * MINUTE
        for i in range(HISTORY_MINUTES):
            ticks = 1000 + i % 7
            for coin in self._coins:
                at = first + i * MINUTE
                yield coin, Candle(at, ticks, ticks + 3, ticks - 3, ticks, i + 1, i + 1, 100, 10**11, 1, 50, 5), 1

    def happenings(self, since: int) -> Iterator[Happening]:
        """Gives a trade of each symbol a few times a minute, for ever."""
        at = since
        while True:
            for coin in self._coins:
                ticks = 1000 + at // PRINTS_EVERY_MS % 7
                yield Print(at, coin, ticks, 100, 1, ticks - 1, 100, ticks + 1, 100)
            at += PRINTS_EVERY_MS


def _rules(symbol: str) -> SymbolRules:
    return SymbolRules(
        at=0, venue=VENUE, symbol=symbol, base=symbol[:-4], quote="USDT", tick="0.01", step="0.1", min_qty="0.1",
        max_qty="90000000", min_notional="5",
    )  # fmt: skip


class Minutes(Budget):
    """A budget that counts for itself: the venue's own count is of minutes of the clock, not of the market."""

    def note(self, *answer: Any) -> None:
        """Takes over nothing."""


class Seen(NamedTuple):
    """What the cycles took: the weight of each one's minute, the requests and the weight of all, and seconds."""

    weights: list[int]
    requests: int
    weight: int
    candles: int
    busy_s: list[float]
    told: str


def play(venue: Serving, symbols: list[str], cycles: int, speed: float, folder: Path, cached: bool) -> Seen:
    """Asks for the candles of so many cycles."""
    budget, link = Minutes(folder / "limits.db"), Link()
    client = Client(
        "usdm", venue.rest_url, link=link, budget=budget, clock=VenueClock(),
        sleep=lambda seconds: time.sleep(seconds / speed),
    )  # fmt: skip
    market = UsdmMarket(client)
    client.measure()
    spent: list[int] = []

    def fetch(symbol: str, step: str, first: int, most: int, last: int | None) -> list[Bar]:
        spent.append(kline_weight(most))
        rows = market.klines(symbol, step, start_ms=first, end_ms=last, limit=most)
        return facts.bars(VENUE, symbol, rows, client.clock.now_ms())[0]

    cache = CandleCache(folder / "candles.db")
    through = CachedCandles(cache, client.host, VENUE, fetch, kline_weight, client.clock.now_ms)

    def newest(wanted: tuple[str, str]) -> int:
        symbol, step = wanted
        if cached:
            return len(through.newest(symbol, step, CANDLES))
        step_ms = 1000 * STEPS_S[step]
        first = client.clock.now_ms() // step_ms * step_ms - CANDLES * step_ms
        return len(fetch(symbol, step, first, CANDLES, None))

    wanted = [(symbol, step) for symbol in symbols for step in STEPS]
    weights, busy, candles = [], [], 0
    before = venue.do(lambda one: one.journal.count)
    with ThreadPoolExecutor(ASKING) as workers:
        for _ in range(cycles):
            # A cycle begins a few seconds into its minute, when what has closed has settled.
            _wait_until(client.clock.now_ms, lambda now: now % MINUTE >= 5_000, speed)
            minute, at = client.clock.now_ms() // MINUTE, time.monotonic()
            was = sum(spent)
            candles += sum(workers.map(newest, wanted))
            weights.append(sum(spent) - was)
            busy.append(time.monotonic() - at)
            _wait_until(client.clock.now_ms, lambda now, m=minute: now // MINUTE > m, speed)
    requests = venue.do(lambda one: one.journal.count) - before
    told = through.served.told() if cached else ""
    cache.close()
    link.close()
    budget.close()
    return Seen(weights, requests, sum(weights), candles, busy, told)


def _wait_until(now_ms: Callable[[], int], so: Callable[[int], bool], speed: float) -> None:
    while not so(now_ms()):
        time.sleep(0.5 / speed)


def tell(name: str, seen: Seen, cycles: int, limit: int = 2400) -> None:
    """Prints what a way of asking took."""
    later = seen.weights[1:] or seen.weights
    print(
        f"{name}: {seen.requests} requests of weight {seen.weight} in {cycles} cycles, {seen.candles} candles; "
        f"first cycle {seen.weights[0]}, then {statistics.median(later):.0f} in the median and {max(later)} at most"
    )
    print(
        f"  head-room of {limit} a minute: {limit - seen.weights[0]} in the first cycle, "
        f"{limit - max(later)} at least afterwards ({100 * (limit - max(later)) / limit:.0f} %); "
        f"the asking took {1000 * statistics.median(seen.busy_s):.0f} ms of a cycle in the median"
    )
    if seen.told:
        print(f"  {seen.told}")


def main() -> None:
    """Plays both ways and prints them side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=200)
    parser.add_argument("--cycles", type=int, default=60)
    parser.add_argument("--plain-cycles", type=int, default=5, help="cycles without the cache")
    parser.add_argument("--speed", type=float, default=12.0, help="how many times as fast the venue's time runs")
    chosen = parser.parse_args()
    names = [f"SYM{i:03d}USDT" for i in range(chosen.symbols)]
    found = {}
    for cached, cycles in ((False, chosen.plain_cycles), (True, chosen.cycles)):
        options = VenueOptions(market=Wide(chosen.symbols), speed=chosen.speed, limits=False)
        with tempfile.TemporaryDirectory() as folder, serving(options) as venue:
            seen = found[cached] = play(venue, names, cycles, chosen.speed, Path(folder), cached)
        tell("through the cache" if cached else "without the cache", seen, cycles)
    requests, weight = (
        1 - (getattr(found[True], name) / chosen.cycles) / (getattr(found[False], name) / chosen.plain_cycles)
        for name in ("requests", "weight")
    )
    print(f"spared: {100 * requests:.1f} % of the requests of a cycle, {100 * weight:.1f} % of their weight")


if __name__ == "__main__":
    main()
