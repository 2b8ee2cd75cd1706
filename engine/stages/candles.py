"""Closed candles of every symbol, whatever feed they come from: bars as they are, tickers sampled by the minute."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from engine.errors import BadRecord
from engine.kernels.window import micros
from engine.records.market import Bar, Ohlcv, Ticker

MINUTE_MS = 60_000
#: A day of such minutes still fits 64 bits in micro units; more than this a minute is not believed.
MAX_QUOTE_VOLUME_A_MINUTE = 4.0e9


class Candle(NamedTuple):
    """A closed candle: when it closed (ms), how long it is, its prices and its quote volume in micro units.

    `hole` says that candles are missing between it and the one before. Of tickers only the last price is known.
    """

    symbol: str
    closed_at: int
    step_s: int
    open: float
    high: float
    low: float
    close: float
    volume: int
    hole: bool


class Feed(msgspec.Struct, kw_only=True):
    """What is known of one symbol's feed: the step of its bars and the last one; or the minute its tickers are in.

    `heard_at` is the time of its last fact, `closed_at` that of the last minute made of tickers.
    """

    step_s: int = 0
    opened_at: int = -1
    last: float = 0.0
    day_volume: float = -1.0
    minute_volume: float = 0.0
    heard: bool = False
    heard_at: int = 0
    closed_at: int = 0


class Candles:
    """Turns facts into closed candles; facts that make no sense raise BadRecord and change nothing."""

    def __init__(self, state: dict[str, Feed] | None = None) -> None:
        """Starts empty, or where `state` left off."""
        self.state: dict[str, Feed] = state if state is not None else {}

    def bar(self, bar: Bar, figures: Ohlcv) -> Candle | None:
        """Takes a bar; gives its candle, or None for one that was seen, is older, or is coarser than the feed."""
        symbol, step_s, opened, quote = bar.symbol, bar.step_s, bar.open_at, figures.quote_volume
        if quote > MAX_QUOTE_VOLUME_A_MINUTE and quote > MAX_QUOTE_VOLUME_A_MINUTE * max(1.0, step_s / 60):
            raise BadRecord(f"bar of {symbol}: a quote volume of {quote:g} is not believed")
        feed = self._feed(symbol)
        if step_s != feed.step_s:
            if feed.step_s and step_s > feed.step_s:
                return None
            feed.step_s, feed.opened_at = step_s, -1
        before, step_ms = feed.opened_at, 1000 * step_s
        if opened <= before:
            return None
        feed.heard_at, feed.opened_at = bar.at, opened
        return Candle(
            symbol, opened + step_ms, step_s, figures.open, figures.high, figures.low, figures.close, micros(quote),
            0 <= before != opened - step_ms,
        )  # fmt: skip

    def ticker(self, ticker: Ticker) -> None:
        """Takes a ticker that `check_price` believes.

        Its 24 h volume can fall as old trades leave it: a fall is never an increment.
        """
        last, day = float(ticker.last), float(ticker.quote_volume_24h)
        feed = self._feed(ticker.symbol)
        if feed.day_volume >= 0.0 and day > feed.day_volume:
            feed.minute_volume = min(feed.minute_volume + day - feed.day_volume, MAX_QUOTE_VOLUME_A_MINUTE)
        feed.day_volume, feed.last, feed.heard, feed.heard_at = day, last, True, ticker.at

    def tickers(self, last: Ticker, days: Sequence[float]) -> None:
        """Takes several tickers of one symbol, all believed, in their order: the last, and what each says of 24 h."""
        feed = self._feed(last.symbol)
        before, minute = feed.day_volume, feed.minute_volume
        for day in days:
            if 0.0 <= before < day:
                minute = minute + day - before
                if minute > MAX_QUOTE_VOLUME_A_MINUTE:
                    minute = MAX_QUOTE_VOLUME_A_MINUTE
            before = day
        feed.day_volume, feed.minute_volume = before, minute
        feed.last, feed.heard, feed.heard_at = float(last.last), True, last.at

    def minute(self, at: int) -> list[Candle]:
        """Gives the minute candles of the symbols that live on tickers, at a tick on a whole minute."""
        if at % MINUTE_MS:
            return []
        closed: list[Candle] = []
        for symbol in sorted(self.state):
            feed = self.state[symbol]
            if feed.step_s or not feed.heard:
                continue
            # A minute without a tick was not sampled: what moved in it would be taken for the next one's.
            hole = feed.closed_at > 0 and at != feed.closed_at + MINUTE_MS
            last = feed.last
            closed.append(Candle(symbol, at, 60, last, last, last, last, micros(feed.minute_volume), hole))
            feed.minute_volume, feed.closed_at = 0.0, at
        return closed

    def silent(self, now: int, after_ms: int) -> list[str]:
        """Gives the symbols that have not been heard for so long, or for two of their candles."""
        return [
            symbol
            for symbol, feed in sorted(self.state.items())
            if now - feed.heard_at > max(after_ms, 2000 * feed.step_s)
        ]

    def drop(self, symbol: str) -> None:
        """Forgets a symbol."""
        self.state.pop(symbol, None)

    def _feed(self, symbol: str) -> Feed:
        feed = self.state.get(symbol)
        if feed is None:
            feed = self.state[symbol] = Feed()
        return feed
