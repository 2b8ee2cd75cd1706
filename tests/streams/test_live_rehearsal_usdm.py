"""A rehearsal of perpetuals: a venue that tells a recording with its funding is decided on as the recording itself."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from test_live_rehearsal import SPEED, START, SYMBOLS, UNTIL, decided, play, ready, recorded

from engine.records.market import Bar, Funding, SymbolRules
from engine.records.wire import encode
from engine.runs.market import Market, MarketOptions, open_market
from engine.world.loopback.market.replayed import Replayed
from engine.world.loopback.serving import Serving, serving
from engine.world.loopback.venue import VenueOptions
from engine.world.sources.binance_usdm import BinanceUsdm

VENUE = "binance-usdm"
MINUTE = 60_000
#: Futures tell when each contract was listed.
LISTED = 1_569_398_400_000
#: 2021-04-16 00:07: funding falls due while positions are held.
DUE = 1_618_531_620_000


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The coins of the other rehearsal as perpetuals, whose mark price and rate are told in each minute."""
    path = tmp_path_factory.mktemp("usdm") / "binance-usdm.jsonl"
    opened = recorded()
    with path.open("wb") as file:
        for record in _as_perps(opened):
            file.write(encode(record) + b"\n")
    return path


def _as_perps(opened: Market) -> Iterator[SymbolRules | Bar | Funding]:
    known: set[str] = set()
    rules: list[SymbolRules] = []
    facts: list[Bar | Funding] = []
    for entry in opened.source.facts():
        fact = entry.record
        if isinstance(fact, SymbolRules):
            rules.append(msgspec.structs.replace(fact, venue=VENUE, onboard_at=LISTED))
            known.add(fact.symbol)
        elif isinstance(fact, Bar):
            facts.append(msgspec.structs.replace(fact, venue=VENUE))
            rate = f"{0.0001 * (1 + fact.at // MINUTE % 7):.8f}"
            due = DUE if fact.at < DUE else DUE + 480 * MINUTE
            facts.append(
                Funding(at=fact.at + 400, venue=VENUE, symbol=fact.symbol, rate=rate, mark_price=fact.close, due_at=due)
            )
    missing = sorted({fact.symbol for fact in facts} - known)
    rules += [
        msgspec.structs.replace(opened.snapshot[one], at=facts[0].at, venue=VENUE, onboard_at=LISTED) for one in missing
    ]
    yield from sorted(rules, key=lambda one: one.symbol)
    yield from sorted(facts, key=lambda one: (one.at, one.kind, one.symbol))


def perps(tape: Path) -> Market:
    return open_market(MarketOptions(path=str(tape), venue=VENUE, until_ms=UNTIL + MINUTE), lambda *_: None)


@pytest.fixture
def venue(tape: Path) -> Iterator[Serving]:
    """A venue that tells it as it was recorded."""
    opened = perps(tape)
    market = Replayed(opened.source.facts(), opened.snapshot, START, as_recorded=True)
    with serving(VenueOptions(market=market, speed=SPEED, limits=False)) as served:
        yield served


def paid(lines: list[str]) -> list[str]:
    records = [line for line in lines if line.startswith('{"kind":"funding_payment"')]
    return [line for line in records if json.loads(line)["at"] < UNTIL]


def test_perpetuals_that_are_told_live_are_decided_on_as_their_recording(
    venue: Serving, tape: Path, tmp_path: Path
) -> None:
    source = BinanceUsdm(
        data_dir=tmp_path, symbols=SYMBOLS, until_ms=UNTIL, rest_url=venue.rest_url,
        stream_url=venue.futures_stream_url,
    )  # fmt: skip
    lines = play(Market(source, {}, "none"), tmp_path / "live.db")
    expected = play(perps(tape), tmp_path / "recorded.db")
    assert len(paid(expected)) >= 2
    if not ready(lines):
        pytest.skip("this machine was too busy to begin in time")
    assert decided(lines) == decided(expected)
    assert paid(lines) == paid(expected)
