"""Captured websocket frames of Binance (NDJSON): books, trades, closed candles, tickers and funding."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from engine.errors import BadRecord
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, BookTop, Funding, Ohlcv, Ticker, Trade
from engine.records.wire import check_json
from engine.world.imports.batches import Batch, Numbered, ordered_batches
from engine.world.imports.fields import (
    Fields,
    amount_in,
    count_or_none,
    fields_of,
    instant,
    price_in,
    quote_in,
    signed_in,
    symbol_in,
    time_in,
)
from engine.world.imports.origin import Origin

_OPENING = re.compile(rb'\s*\{"(?:t|t_ns|dir|market|stream|e|u|frame)"\s*:')
_BINANCE = re.compile(
    rb"binance\.com|@(?:aggTrade|bookTicker|depth|kline|trade)|"
    rb'"e"\s*:\s*"(?:aggTrade|trade|kline|bookTicker|depthUpdate|24hrTicker|24hrMiniTicker|markPriceUpdate)"'
)
_MARKETS = {"spot": "binance-spot", "usdm": "binance-usdm"}


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file holds captured frames of Binance."""
    return _OPENING.match(head) is not None and _BINANCE.search(head) is not None


def read(origin: Origin) -> Iterator[Batch]:
    """Gives the facts of a capture in the order in which they were received."""
    return ordered_batches(facts(origin.lines(), origin), origin.lateness_ms, origin.name, origin.notes)


def facts(lines: Iterable[tuple[int, bytes]], origin: Origin) -> Iterator[Numbered]:
    """Gives the facts of captured frames; `at` is the receiver's clock, else the event's, and never runs backwards.

    Frames that are no facts of the market here (order books' changes, answers, account events, open candles) are
    counted as ignored.
    """
    now = 0
    for number, line in lines:
        try:
            wrapper = fields_of(check_json(line))
            if wrapper.get("dir", "in") != "in":
                origin.notes.ignore()
                continue
            received = _received(wrapper)
            venue = _MARKETS.get(str(wrapper.get("market")), origin.venue)
            for event in _events(wrapper.get("frame", wrapper)):
                fact = fact_of(event, venue, max(now, received if received is not None else _said(event)))
                if fact is None:
                    origin.notes.ignore()
                    continue
                now = fact.at
                yield number, Entry(fact, None)
        except BadRecord as error:
            origin.bad(number, str(error), line)


def _received(wrapper: Fields) -> int | None:
    """Gives the receiver's clock in ms, where the capture has one."""
    if "frame" not in wrapper:
        return None
    seconds, nanoseconds = wrapper.get("t"), wrapper.get("t_ns")
    if type(nanoseconds) is int:
        return instant(nanoseconds // 1_000_000, "t_ns")
    return int(seconds * 1000) if isinstance(seconds, int | float) and 0 < seconds < 1e11 else None


def _said(event: Fields) -> int:
    return count_or_none(event.get("E")) or 0


def _events(frame: Any) -> Iterator[Fields]:
    """Gives the events of a frame: of a combined stream, of an array, or the one it is."""
    if isinstance(frame, str):
        frame = check_json(frame.encode())
    if isinstance(frame, dict) and "data" in frame and "stream" in frame:
        frame = frame["data"]
    for one in frame if isinstance(frame, list) else [frame]:
        yield fields_of(one)


def fact_of(event: Fields, venue: str, at: int) -> Record | None:
    # The book ticker of spot is the only stream that does not say what it is.
    kind = event.get("e", "bookTicker" if {"u", "s", "b", "B", "a", "A"} <= event.keys() else None)
    read = _READERS.get(kind) if isinstance(kind, str) else None
    return None if read is None else read(event, venue, at)


def _book_top(event: Fields, venue: str, at: int) -> BookTop:
    return BookTop(
        at=at, venue=venue, symbol=symbol_in(event, "s"), bid=amount_in(event, "b"), bid_qty=amount_in(event, "B"),
        ask=amount_in(event, "a"), ask_qty=amount_in(event, "A"),
    )  # fmt: skip


def _trade(event: Fields, venue: str, at: int) -> Trade | None:
    # Futures also report insurance fund and settlement trades here, which nobody could have taken.
    if event.get("X", "MARKET") != "MARKET":
        return None
    maker_bought = event.get("m")
    if not isinstance(maker_bought, bool):
        raise BadRecord(f"m is not true or false: {str(maker_bought)[:40]}")
    return Trade(
        at=at, venue=venue, symbol=symbol_in(event, "s"), price=price_in(event, "p"), qty=amount_in(event, "q"),
        side="sell" if maker_bought else "buy", trade_id=count_or_none(event.get("t", event.get("a"))),
    )  # fmt: skip


def _bar(event: Fields, venue: str, at: int) -> Bar | None:
    kline = fields_of(event.get("k"))
    if kline.get("x") is not True:
        return None
    opened, closed = time_in(kline, "t"), time_in(kline, "T")
    if (closed - opened + 1) % 1000:
        raise BadRecord(f"a bar from {opened} to {closed} is not whole seconds long")
    bar = Bar(
        # The exchange's clock may run ahead of the receiver's: no bar is known before it closed.
        at=max(at, closed + 1), venue=venue, symbol=symbol_in(kline, "s"), step_s=(closed - opened + 1) // 1000,
        open_at=opened, open=price_in(kline, "o"), high=price_in(kline, "h"), low=price_in(kline, "l"),
        close=price_in(kline, "c"), volume=amount_in(kline, "v"), quote_volume=amount_in(kline, "q"),
        trades=count_or_none(kline.get("n")),
    )  # fmt: skip
    Ohlcv(bar)
    return bar


def _ticker(event: Fields, venue: str, at: int) -> Ticker:
    return Ticker(
        at=at, venue=venue, symbol=symbol_in(event, "s"), last=price_in(event, "c"),
        volume_24h=amount_in(event, "v"), quote_volume_24h=amount_in(event, "q"),
        bid=quote_in(event, "b"), ask=quote_in(event, "a"),
    )  # fmt: skip


def _funding(event: Fields, venue: str, at: int) -> Funding | None:
    # Contracts with a delivery date have no funding: their rate is empty.
    if event.get("r") == "":
        return None
    return Funding(
        at=at, venue=venue, symbol=symbol_in(event, "s"), rate=signed_in(event, "r"), mark_price=price_in(event, "p"),
        due_at=count_or_none(event.get("T")) or None,
    )  # fmt: skip


_READERS: dict[str, Callable[[Fields, str, int], Record | None]] = {
    "aggTrade": _trade, "trade": _trade, "bookTicker": _book_top, "kline": _bar, "24hrTicker": _ticker,
    "24hrMiniTicker": _ticker, "markPriceUpdate": _funding,
}  # fmt: skip
