"""Both sources against the loopback venue: the whole way, sockets and REST, in the exchange's own protocol."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.records.base import Record
from engine.records.market import SymbolRules
from engine.world.loopback.serving import Serving, serving
from engine.world.sources.binance_spot import BinanceSpot
from engine.world.sources.binance_usdm import BinanceUsdm
from engine.world.streams.binance_live import BinanceLive


@pytest.fixture(scope="module")
def venue() -> Iterator[Serving]:
    """A venue with a market that is made up."""
    with serving() as served:
        yield served


def until_enough(source: BinanceLive, wanted: set[str]) -> list[Record]:
    """Reads until a tick has passed and every wanted kind was seen."""
    given: list[Record] = []
    missing = set(wanted)
    for entry in source.facts():
        assert entry.record is not None
        given.append(entry.record)
        missing.discard(entry.record.kind)
        if not missing and entry.record.kind == "tick":
            break
    return given


@pytest.mark.parametrize(
    ("make", "kinds"),
    [
        (BinanceSpot, {"symbol_rules", "bar", "ticker", "book_top", "tick"}),
        (
            BinanceUsdm,
            {
                "symbol_rules",
                "bar",
                "ticker",
                "book_top",
                "funding",
                "open_interest",
                "long_short",
                "taker_flow",
                "tick",
            },
        ),
    ],
)
def test_a_source_reads_the_whole_market(make: Any, kinds: set[str], venue: Serving, tmp_path: Path) -> None:
    stream_url = venue.stream_url if make is BinanceSpot else venue.futures_stream_url
    source = make(data_dir=tmp_path, cycle_s=1, rest_url=venue.rest_url, stream_url=stream_url)
    given = until_enough(source, kinds)
    times = [record.at for record in given]
    assert times == sorted(times)
    rules = {record.symbol for record in given if isinstance(record, SymbolRules)}
    # Beside the market's facts a source may tell an alert, such as of a machine too busy to keep up.
    of_market: list[Any] = [record for record in given if record.kind in kinds - {"tick"}]
    assert {record.symbol for record in of_market} <= rules
    assert {record.venue for record in of_market} == {f"binance-{make.MARKET}"}
