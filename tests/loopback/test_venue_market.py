"""Where a venue's market comes from: a seed, or a recording."""

from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venue_market import START, rules

from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, BookTop, Funding, Ticker
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.replayed import Replayed
from engine.world.loopback.market.source import Closed, FundingRate, Said
from engine.world.loopback.market.tape import DAY, MINUTE, Print, Tape

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "session"


def bar(open_at: int, *prices: str, volume: str = "400", symbol: str = "ABCUSDT") -> Bar:
    opened, high, low, close = prices
    return Bar(
        at=open_at + MINUTE, venue="binance-spot", symbol=symbol, step_s=60, open_at=open_at, open=opened, high=high,
        low=low, close=close, volume=volume,
    )  # fmt: skip


def market(*facts: Record) -> Replayed:
    return Replayed(iter([Entry(fact, None) for fact in facts]), {"ABCUSDT": rules("ABCUSDT")})


def prints(replayed: Replayed, since: int = START) -> list[Print]:
    replayed.coins()
    return [one for one in replayed.happenings(since) if isinstance(one, Print)]


def test_the_same_seed_makes_the_same_prints_another_makes_others() -> None:
    def run(seed: int) -> list[tuple[str, int, int]]:
        happenings = islice(Generated(seed).happenings(START), 500)
        return [(one.coin.symbol, one.ticks, one.steps) for one in happenings if isinstance(one, Print)]

    assert run(3) == run(3)
    assert run(3) != run(4)


def test_a_generated_market_has_a_past_of_minutes_and_days() -> None:
    tapes: dict[Instrument, Tape] = {}
    for coin, candle, minutes in Generated(3, history_minutes=20).history(START):
        tapes.setdefault(coin, Tape(coin)).remember(candle, minutes)  # type: ignore[misc]
    tape = next(iter(tapes.values()))
    rows = tape.candles(1440, 0, None, 1)
    assert START - rows[0].open_at > 300 * DAY
    newest = tape.candles(1, None, None, 5)
    assert [one.open_at for one in newest] == [START - i * MINUTE for i in range(5, 0, -1)]
    assert all(one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high for one in newest)


def test_a_generated_market_has_paid_funding_before() -> None:
    past = [one for one in Generated(3).past_funding(START) if one.symbol == "BTCUSDT"]
    assert len(past) == 120
    assert past[-1].at <= START
    assert {one.at % (8 * 60 * MINUTE) for one in past} == {0}


def test_a_candle_becomes_the_four_prices_it_tells_of() -> None:
    seen = prints(market(bar(START, "100", "110", "95", "105"), bar(START + MINUTE, "105", "106", "90", "91")))
    assert [one.ticks for one in seen] == [1000, 950, 1100, 1050, 1050, 1060, 900, 910]
    assert [one.at - START for one in seen[:4]] == [0, 15_000, 30_000, 45_000]
    assert all(one.bid < one.ask for one in seen)


def test_candles_of_several_symbols_pass_in_the_order_of_time() -> None:
    facts = [bar(START + i * MINUTE, "100", "101", "99", "100", symbol=name) for i in range(3) for name in ("A", "B")]
    seen = prints(market(*facts))
    assert [one.at for one in seen] == sorted(one.at for one in seen)
    assert len(seen) == 24


def test_a_recording_begins_now_by_whole_minutes() -> None:
    seen = prints(market(bar(START, "100", "101", "99", "100")), since=START + 3 * DAY + 61_000)
    assert seen[0].at == START + 3 * DAY + MINUTE


def test_what_was_before_the_start_is_history() -> None:
    bars = [bar(START + i * MINUTE, "100", "101", "99", "100") for i in range(6)]
    rates = [Funding(at=START + MINUTE, venue="binance-usdm", symbol="ABCUSDT", rate="0.0002")]
    facts = sorted([*bars, *rates], key=lambda fact: fact.at)
    start = START + 4 * MINUTE
    replayed = Replayed(iter([Entry(one, None) for one in facts]), {"ABCUSDT": rules("ABCUSDT")}, start)
    replayed.coins()
    now = START + 100 * MINUTE
    history = [candle.open_at for _, candle, _ in replayed.history(now)]
    assert history == [now - i * MINUTE for i in (4, 3, 2, 1)]
    assert [one.at for one in replayed.past_funding(now)] == [now - 3 * MINUTE]
    live = [one.at for one in replayed.happenings(now + 30_000) if isinstance(one, Print)]
    assert (live[0], len(live)) == (now, 8)


def test_tops_and_tickers_and_funding_are_told_too() -> None:
    top = BookTop(at=START, venue="binance-spot", symbol="ABCUSDT", bid="100", bid_qty="2", ask="100.2", ask_qty="3")
    ticker = Ticker(at=START + 1, venue="binance-spot", symbol="ABCUSDT", last="100.1", quote_volume_24h="144000")
    rate = Funding(at=START + 2, venue="binance-usdm", symbol="ABCUSDT", rate="-0.0003")
    replayed = market(top, ticker, rate)
    replayed.coins()
    told = list(replayed.happenings(START))
    quote = next(one for one in told if isinstance(one, Print))
    assert (quote.bid, quote.bid_steps, quote.ask, quote.ask_steps, quote.steps) == (1000, 2000, 1002, 3000, 0)
    assert next(one for one in told if isinstance(one, FundingRate)).rate < 0


def test_as_recorded_funding_keeps_its_words() -> None:
    rate = Funding(at=START, venue="binance-usdm", symbol="ABCUSDT", rate="-0.00030", mark_price="100.10", due_at=7)
    for as_recorded, said in ((True, Said("-0.00030", "100.10", 7)), (False, None)):
        replayed = Replayed(iter([Entry(rate, None)]), {}, as_recorded=as_recorded)
        [told] = [one for one in replayed._tell() if isinstance(one, FundingRate)]
        assert told.said == said


def test_facts_that_make_no_sense_are_left_out() -> None:
    seen = prints(market(bar(START, "100", "90", "95", "105"), bar(START, "100", "101", "99", "100")))
    assert len(seen) == 4


def test_as_recorded_a_minute_closes_in_the_words_it_was_recorded_in_and_at_its_own_time() -> None:
    facts = [bar(START, "100", "101.55", "99", "100.5", volume="400.123456"), bar(START + MINUTE, "1", "1", "1", "1")]
    told = Replayed(iter([Entry(fact, None) for fact in facts]), {"ABCUSDT": rules("ABCUSDT")}, as_recorded=True)
    coin = told.coins()[0]
    assert told.begins_at() == START
    tape = Tape(coin)
    for one in told.happenings(START):
        if isinstance(one, Print):
            tape.see(one)
        elif isinstance(one, Closed):
            assert one.at == one.candle.open_at + MINUTE
            tape.close(one.candle)
    [first, _] = tape.candles(1, START, None, 10)
    # 400.123456 x (101.55 + 99 + 100.5) / 3: what every reader takes where no quote volume was recorded.
    assert first.texts == ("100", "101.55", "99", "100.5", "400.123456", "40152.3888096")
    assert not tape.quoted
    assert tape.candles(1440, 0, None, 1) == []


@pytest.mark.skipif(not EXAMPLE.is_dir(), reason="the bundled session is not here")
def test_the_bundled_session_is_a_market() -> None:
    from engine.runs.market import MarketOptions, open_market

    opened = open_market(MarketOptions(path=str(EXAMPLE)), lambda *_: None)
    replayed = Replayed(opened.source.facts(), opened.snapshot)
    assert "BTCUSDT" in {coin.symbol for coin in replayed.coins()}
    first = [one for one in islice(replayed.happenings(START), 2000) if isinstance(one, Print)]
    assert [one.at for one in first] == sorted(one.at for one in first)


@given(
    taken=st.lists(st.integers(1, 5_000), max_size=9), top=st.integers(0, 40), side=st.sampled_from((1, -1)),
    spread=st.integers(1, 7),
)  # fmt: skip
def test_a_taker_meets_what_those_before_it_have_left_level_by_level(
    taken: list[int], top: int, side: int, spread: int
) -> None:
    tape = Tape(Instrument.of("spot", rules("ABCUSDT")))
    tape.see(Print(START, tape.coin, 900, 0, 1, 900, top, 900 + spread, top))
    whole = list(tape.offers(side))
    for steps in taken:
        tape.take(side, steps)
    gone = sum(taken)
    left = []
    for ticks, steps in whole:
        if steps > gone:
            left.append((ticks, steps - gone))
        gone = max(0, gone - steps)
    assert list(tape.offers(side)) == left
