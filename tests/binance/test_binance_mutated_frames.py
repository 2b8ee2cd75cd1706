"""Frames bent at any place, of the market and of accounts: each is read or left out, and what is read can be kept."""

import json
import os
import random
from pathlib import Path
from typing import Any

import nasty
import pytest

from engine.errors import BadRecord
from engine.records.market import Bar, BookTop, Ticker, Trade, check_price
from engine.records.wire import decode, encode
from engine.world.account.became import Became
from engine.world.account.spot_events import read_spot
from engine.world.account.usdm_events import UsdmEvents
from engine.world.binance.trouble import Unreadable
from engine.world.streams.clock import Stamp
from engine.world.streams.frames import Frames

TIMES = 40_000 if os.environ.get("HOT_TEST_LONG") else 1_500
DATA = Path(__file__).parent.parent / "data"
STREAMS = ("!miniTicker@arr", "!markPrice@arr", "!bookTicker", "btcusdt@kline_1m", "x@trade", "")
NOW = Stamp(1_700_000_000_000, 1_700_000_000_005)
KLINE = {"t": 1_699_999_920_000, "T": 1_699_999_979_999, "s": "AUSDT", "i": "1m", "o": "1", "c": "2", "h": "2",
         "l": "1", "v": "10", "n": 3, "x": True, "q": "15", "V": "5", "Q": "7", "B": "0"}  # fmt: skip
MARKET: tuple[Any, ...] = (
    [{"e": "24hrMiniTicker", "E": 1, "s": one, "c": "1.5", "o": "1", "h": "2", "l": "1", "v": "9", "q": "12"}
     for one in ("AUSDT", "BUSDT", "币安人生USDT")],
    [{"e": "markPriceUpdate", "E": 1, "s": one, "p": "1.5", "i": "1", "P": "1", "r": "0.0001", "T": 5, "st": 1}
     for one in ("AUSDT", "BUSDT")],
    {"e": "kline", "E": 1, "s": "AUSDT", "k": KLINE},
    {"u": 5, "s": "AUSDT", "b": "1", "B": "2", "a": "1.1", "A": "3"},
    {"e": "bookTicker", "u": 5, "E": 2, "T": 1, "s": "AUSDT", "b": "1", "B": "2", "a": "1.1", "A": "3"},
    {"e": "aggTrade", "E": 1, "s": "AUSDT", "a": 1, "p": "1", "q": "2", "f": 1, "l": 1, "T": 1, "m": True, "M": True},
    {"e": "24hrTicker", "E": 1, "s": "AUSDT", "c": "1", "v": "2", "q": "3", "b": "1", "a": "1.1"},
    {"e": "serverShutdown", "E": 1},
    {"result": None, "id": 7},
)  # fmt: skip


def frames_of(samples: Any, chance: random.Random) -> Any:
    for _ in range(TIMES):
        frame = nasty.bent(chance.choice(samples), chance, chance.randint(1, 3))
        if chance.random() < 0.7:
            frame = {"stream": chance.choice(STREAMS), "data": frame}
        text = nasty.written(frame)
        yield nasty.damaged(text, chance) if chance.random() < 0.2 else text


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_no_bent_frame_of_the_market_is_more_than_a_dirty_one(market: str) -> None:
    for frame in frames_of(MARKET, random.Random(market)):
        reader = Frames(f"binance-{market}")
        reader.wanted = reader.known = {"AUSDT", "BUSDT", "币安人生USDT"}
        read = reader.read(frame, NOW)
        assert all(len(why) < 300 for why in read.dirty)
        for fact in read.facts:
            assert decode(encode(fact)) == fact
            if isinstance(fact, Ticker | Bar | Trade):
                check_price(fact)
            elif isinstance(fact, BookTop):
                _look(fact)


def _look(book: BookTop) -> None:
    """A book may be crossed: every stage refuses it, and none fails of it."""
    try:
        check_price(book)
    except BadRecord as error:
        assert "book" in str(error) or "price" in str(error)


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_no_bent_frame_of_an_account_is_more_than_an_unreadable_one(market: str) -> None:
    samples = [
        row["frame"] for row in map(json.loads, (DATA / "user-frames.ndjson").read_text("utf-8").splitlines())
        if row["market"] == market
    ]  # fmt: skip
    for frame in frames_of(samples, random.Random(market)):
        try:
            heard = read_spot(frame, "USDT") if market == "spot" else UsdmEvents(Became(), lambda: 0.0).read(frame)
        except Unreadable as error:
            assert str(error).isprintable() and len(str(error)) < 700
            continue
        assert all(0 <= getattr(one, "venue_at", 0) < 2**53 for one in heard.news)
