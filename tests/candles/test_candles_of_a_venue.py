"""The cache against the loopback venue: a start asks for what is missing only, and nobody believes another venue."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets")

from engine.records.base import Record
from engine.records.market import Bar
from engine.world.candles.cache import CACHE_FILE, CandleCache
from engine.world.loopback.market.generated import PRICES
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions
from engine.world.sources.binance_spot import BinanceSpot
from engine.world.sources.binance_usdm import BinanceUsdm


def started(make: Any, venue: Serving, folder: Path) -> tuple[list[Record], int]:
    """Runs a source until it knows a day of every symbol; gives its facts and how many requests for hours it took.

    Candles that close meanwhile may be asked for, a few at a time: on a slow machine their streams come too late.
    """

    def asked() -> int:
        queries = [one.query for one in venue.venue.journal.arrivals if "klines" in one.path]
        return sum("interval=1m" in query and int(query.partition("limit=")[2]) >= 60 for query in queries)

    before = venue.do(lambda _: asked())
    stream_url = venue.stream_url if make is BinanceSpot else venue.futures_stream_url
    source = make(data_dir=folder, cycle_s=1, once=True, rest_url=venue.rest_url, stream_url=stream_url)
    facts = [entry.record for entry in source.facts() if entry.record is not None]
    return facts, venue.do(lambda _: asked()) - before


def candles(facts: list[Record]) -> dict[tuple[str, int], tuple[str, ...]]:
    bars = [one for one in facts if isinstance(one, Bar)]
    assert len({(one.symbol, one.open_at) for one in bars}) == len(bars)
    return {(one.symbol, one.open_at): (one.open, one.high, one.low, one.close, one.volume) for one in bars}


@pytest.mark.parametrize("make", [BinanceSpot, BinanceUsdm])
def test_a_second_start_asks_for_no_hours_again(make: Any, tmp_path: Path) -> None:
    with serving(VenueOptions(seed=3)) as venue:
        first, requests = started(make, venue, tmp_path)
        assert requests == 2 * len(PRICES)
        again, requests = started(make, venue, tmp_path)
        assert requests == 0
    old, new = candles(first), candles(again)
    assert len(new) >= 1440 * len(PRICES)
    assert {key: (old[key], new[key]) for key in new.keys() & old.keys() if old[key] != new[key]} == {}
    assert len(new.keys() & old.keys()) >= 1440 * len(PRICES)


def test_the_next_venue_at_the_same_address_is_another_one(tmp_path: Path) -> None:
    with serving(VenueOptions(seed=3)) as venue:
        port = venue.port
        first, _ = started(BinanceSpot, venue, tmp_path)
    with serving(VenueOptions(seed=4), port=port) as venue:
        second, requests = started(BinanceSpot, venue, tmp_path)
    assert requests == 2 * len(PRICES)
    old, new = candles(first), candles(second)
    differing = [key for key in old.keys() & new.keys() if old[key] != new[key]]
    assert len(differing) > 1400 * len(PRICES)
    cache = CandleCache(tmp_path / CACHE_FILE)
    assert len({of.place for of, *_ in cache.contents()}) == 2
    cache.close()
