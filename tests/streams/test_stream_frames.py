"""Frames: whole-market arrays in one go, others one by one, and nothing bad costs a good neighbour."""

import gzip
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from tiny_exchange import kline, mark, mini

from engine.records.market import Bar, BookTop, Fact, Funding, Ticker, check_price
from engine.records.wire import decode, encode
from engine.world.streams.clock import Stamp
from engine.world.streams.frames import Frames, Read

NOW = Stamp(1_700_000_000_500, 1_700_000_000_400)
E = 1_700_000_000_000
SHARED = Path(os.environ.get("HOT_SHARED", Path(__file__).parents[3] / "shared")) / "data"


def frames(*symbols: str, venue: str = "binance-spot") -> Frames:
    made = Frames(venue)
    made.wanted = set(symbols)
    made.known = set(symbols)
    return made


def read(reader: Frames, data: Any, stream: str = "!miniTicker@arr") -> Read:
    text = json.dumps({"stream": stream, "data": data}, separators=(",", ":"), ensure_ascii=False)
    return reader.read(text.encode(), NOW)


def symbols(found: Read) -> list[str]:
    return [fact.symbol for fact in found.facts]


def test_an_array_of_tickers_becomes_facts_at_the_instant_of_arrival() -> None:
    found = read(frames("AUSDT", "BUSDT"), [mini("AUSDT", E), mini("BUSDT", E, "0.00001234")])
    assert found.facts[1] == Ticker(
        at=NOW.at, mono_ms=NOW.mono_ms, venue="binance-spot", symbol="BUSDT", last="0.00001234", volume_24h="1000",
        quote_volume_24h="100000",
    )  # fmt: skip
    assert (found.rows, found.dirty) == (2, ())


def test_raw_arrays_are_read_as_combined_ones() -> None:
    found = frames("AUSDT").read(json.dumps([mini("AUSDT", E)]).encode(), NOW)
    assert symbols(found) == ["AUSDT"]


def test_rows_of_coin_margined_contracts_are_no_facts_here() -> None:
    reader = frames("BTCUSDT", "BTCUSD_PERP", venue="binance-usdm")
    rows = [mini("BTCUSDT", E, st=1), mini("BTCUSD_PERP", E, st=2), mark("BTCUSD_PERP", E, st=2)]
    assert symbols(read(reader, rows)) == ["BTCUSDT"]
    dirty = [*rows, {"e": "24hrMiniTicker", "s": 5}]
    assert symbols(read(frames("BTCUSDT", "BTCUSD_PERP"), dirty)) == ["BTCUSDT"]


def test_symbols_that_are_not_wanted_are_passed_over_and_unknown_ones_are_named() -> None:
    found = read(frames("AUSDT"), [mini("AUSDT", E), mini("NEWUSDT", E)])
    assert symbols(found) == ["AUSDT"]
    assert set(found.strangers) == {"NEWUSDT"}


def test_a_symbol_of_chinese_characters_is_a_symbol() -> None:
    assert symbols(read(frames("币安人生USDT"), [mini("币安人生USDT", E)])) == ["币安人生USDT"]


@pytest.mark.parametrize(
    "bad",
    [
        mini("BUSDT", E, "NaN"),
        mini("BUSDT", E, "abc"),
        mini("BUSDT", E, "0.00"),
        mini("BUSDT", E, "-1"),
        mini("BUSDT", E, "1e5"),
        mini("BUSDT", E, "9" * 40),
        mini("BUSDT", E, "1,2"),
        {**mini("BUSDT", E), "c": "1,2", "v": "3", "q": "4,5,6"},
        {**mini("BUSDT", E), "c": 5},
        {**mini("BUSDT", E), "q": None},
        {key: value for key, value in mini("BUSDT", E).items() if key != "c"},
        ["not", "an", "object"],
        None,
    ],
)
def test_a_bad_row_is_dropped_and_counted_alone(bad: Any) -> None:
    found = read(frames("AUSDT", "BUSDT", "CUSDT"), [mini("AUSDT", E), bad, mini("CUSDT", E)])
    assert symbols(found) == ["AUSDT", "CUSDT"]
    assert (len(found.dirty), found.rows) == (1, 3)


@pytest.mark.parametrize(
    "frame", [b"not json", b'{"stream":"!miniTicker@arr","data":5}', b"\xff\xfe", b"[" * 50_000, b'{"a":1,"a":2}', b""]
)
def test_what_is_no_frame_at_all_is_one_bad_event(frame: bytes) -> None:
    found = frames("AUSDT").read(frame, NOW)
    assert (found.facts, len(found.dirty), found.rows) == ([], 1, 1)


def test_an_illegal_event_time_falls_back_to_that_of_arrival() -> None:
    found = read(frames("AUSDT"), [{**mini("AUSDT", E), "E": "yesterday"}])
    assert [(fact.symbol, fact.at) for fact in found.facts] == [("AUSDT", NOW.at)]


def test_what_two_connections_tell_is_told_once() -> None:
    reader = frames("AUSDT")
    assert symbols(read(reader, [mini("AUSDT", E)])) == ["AUSDT"]
    assert symbols(read(reader, [mini("AUSDT", E)])) == []
    assert symbols(read(reader, [mini("AUSDT", E - 1000)])) == []
    assert symbols(read(reader, [mini("AUSDT", E + 1000)])) == ["AUSDT"]


def test_open_candles_are_no_facts_and_closed_ones_are() -> None:
    reader, opened = frames("AUSDT"), 1_699_999_920_000
    assert read(reader, kline("AUSDT", opened, closed=False), "ausdt@kline_1m").facts == ()
    [bar] = read(reader, kline("AUSDT", opened), "ausdt@kline_1m").facts
    assert isinstance(bar, Bar)
    assert (bar.open_at, bar.step_s, bar.at, bar.mono_ms) == (opened, 60, NOW.at, NOW.mono_ms)


def test_mark_prices_tell_funding_and_deliveries_have_none() -> None:
    reader = frames("BTCUSDT", "BTCUSDT_261225", "ETHUSDT", venue="binance-usdm")
    rows = [mark("BTCUSDT", E), mark("BTCUSDT_261225", E, rate=""), mark("ETHUSDT", E, rate="-0.00012")]
    found = read(reader, rows, "!markPrice@arr")
    assert [(f.symbol, f.rate, f.mark_price) for f in found.facts if isinstance(f, Funding)] == [
        ("BTCUSDT", "0.0001", "100.1"), ("ETHUSDT", "-0.00012", "100.1"),
    ]  # fmt: skip


@pytest.mark.parametrize(("told", "due"), [(E + 5, E + 5), (0, None), (-1, None), (2**60, None)])
def test_mark_prices_tell_when_their_rate_is_due(told: int, due: int | None) -> None:
    reader = frames("BTCUSDT", venue="binance-usdm")
    [fact] = read(reader, [mark("BTCUSDT", E, T=told)], "!markPrice@arr").facts
    assert isinstance(fact, Funding)
    assert fact.due_at == due


def test_book_tickers_of_both_markets_are_read() -> None:
    book = {"u": 1, "s": "AUSDT", "b": "1.0", "B": "5", "a": "1.1", "A": "6"}
    for data in (book, {**book, "e": "bookTicker", "E": E, "T": E}):
        [top] = read(frames("AUSDT"), data, "ausdt@bookTicker").facts
        assert isinstance(top, BookTop)
        assert (top.bid, top.ask) == ("1.0", "1.1")


@pytest.mark.parametrize(
    "frame", [b'{"result":null,"id":1}', b'{"id":1,"result":null}', b'{"error":{"code":2,"msg":"x"},"id":1}',
              b'{"code":4,"msg":"too many streams"}'],
)  # fmt: skip
def test_answers_to_requests_are_no_news(frame: bytes) -> None:
    assert frames().read(frame, NOW) == Read()


def test_what_is_made_of_a_frame_survives_the_wire() -> None:
    found = read(frames("AUSDT"), [mini("AUSDT", E), mark("AUSDT", E)])
    assert [decode(encode(fact)) for fact in found.facts] == list(found.facts)


def test_whatever_happens_to_some_rows_all_good_ones_arrive() -> None:
    chance = random.Random(11)
    names = [f"S{i}USDT" for i in range(50)]
    reader = frames(*names)
    for second in range(300):
        rows: list[Any] = [mini(name, E + second) for name in names]
        spoilt = set(chance.sample(range(50), chance.randint(1, 25)))
        for i in spoilt:
            rows[i] = _spoil(rows[i], chance)
        found = read(reader, rows)
        assert {name for i, name in enumerate(names) if i not in spoilt} <= set(symbols(found))
        for fact in found.facts:
            _believe(fact)


def test_a_frame_that_was_damaged_on_its_way_raises_nothing() -> None:
    chance = random.Random(12)
    whole = json.dumps({"stream": "!miniTicker@arr", "data": [mini("AUSDT", E), mini("BUSDT", E)]}).encode()
    for _ in range(3000):
        frame = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            frame[chance.randrange(len(frame))] = chance.randrange(256)
        for fact in frames("AUSDT", "BUSDT").read(bytes(frame[: chance.randint(1, len(frame))]), NOW).facts:
            _believe(fact)


def _spoil(row: dict[str, Any], chance: random.Random) -> Any:
    key = chance.choice(["c", "v", "q", "s"])
    nonsense: list[Any] = ["NaN", "", "-5", "1e9", None, 5, [], {}, "9" * 30, "0x10", "１", True]
    return chance.choice([{**row, key: chance.choice(nonsense)}, {**row, "e": "other"}, None, 7, "text", [row], {}])


def captured() -> list[tuple[str, str, Any]]:
    """All frames of Binance's markets that others recorded: file, market, frame."""
    found = []
    for path in sorted(SHARED.rglob("*ws*.ndjson.gz")):
        if path.parent.name not in ("spot", "usdm", "fixtures"):
            continue
        market = "usdm" if path.parent.name == "usdm" else "spot"
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                wrapper = json.loads(line)
                if wrapper.get("dir", "in") == "in" and "frame" in wrapper:
                    found.append((path.name, wrapper.get("market", market), wrapper["frame"]))
    return found


@pytest.mark.skipif(not SHARED.is_dir(), reason="the large recordings are not here")
def test_every_recorded_frame_is_read_and_none_is_dirty() -> None:
    kinds: dict[str, int] = {}
    readers = {market: frames(venue=f"binance-{market}") for market in ("spot", "usdm")}
    recorded = captured()
    assert len(recorded) > 100_000
    for name, market, frame in recorded:
        text = frame if isinstance(frame, str) else json.dumps(frame, separators=(",", ":"), ensure_ascii=False)
        reader = readers[market]
        reader.wanted |= {"BTCUSDT", "ETHUSDT", *_named(json.loads(text))}
        found = reader.read(text.encode(), NOW)
        assert not found.dirty, (name, text[:200], found.dirty[:1])
        for fact in found.facts:
            kinds[fact.kind] = kinds.get(fact.kind, 0) + 1
            _believe(fact)
    assert kinds["book_top"] > 10_000
    assert {"ticker", "bar", "book_top", "trade", "funding"} <= kinds.keys()


def _named(content: Any) -> set[str]:
    content = content.get("data", content) if isinstance(content, dict) else content
    return {one["s"] for one in (content if isinstance(content, list) else [content]) if "s" in one}


def _believe(fact: Fact) -> None:
    if not isinstance(fact, Funding):
        check_price(fact)  # type: ignore[arg-type]
