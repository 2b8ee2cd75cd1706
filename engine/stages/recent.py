"""The last few minutes of one symbol: the change over a window, and the average price a market order is measured by."""

import msgspec

from engine.records.base import figure
from engine.records.market import Bar, BookTop, Ticker, Trade, figures, price

#: Facts that carry a price.
Price = Bar | Ticker | BookTop | Trade
PRICE_KINDS = frozenset({"bar", "ticker", "book_top", "trade"})
#: Samples of a symbol are at least this far apart, so that a fast ticker needs no more memory than bars.
SAMPLE_MS = 5_000
WINDOW_MS = 300_000


class Recent(msgspec.Struct, kw_only=True):
    """One symbol's last price and its samples of the last five minutes: time, price, volume and quote volume."""

    last: float = 0.0
    text: str = "0"
    at: int = 0
    step_s: int = 0
    times: list[int] = []
    prices: list[float] = []
    volumes: list[float] = []
    quotes: list[float] = []

    def see(self, fact: Price) -> None:
        """Takes a fact; raises BadRecord for one that makes no sense, which then changes nothing."""
        volume = quote = 0.0
        if isinstance(fact, Bar):
            bar = figures(fact)
            text, value, quote, volume = fact.close, bar.close, bar.quote_volume, float(fact.volume)
            self.step_s = fact.step_s
        elif isinstance(fact, Ticker):
            text, value = fact.last, price(fact.last)
        elif isinstance(fact, Trade):
            text, value, volume = fact.price, price(fact.price), price(fact.qty)
            quote = value * volume
        else:
            # A book gives the side that is worse for who sells, so that a value is never flattered.
            text, value = fact.bid, price(fact.bid)
        self.text, self.last, self.at = text, value, fact.at
        if self.times and fact.at - self.times[-1] < SAMPLE_MS:
            self.volumes[-1] += volume
            self.quotes[-1] += quote
            return
        self.times.append(fact.at)
        self.prices.append(value)
        self.volumes.append(volume)
        self.quotes.append(quote)
        # One sample at or before the window's start stays: it is what the change is measured against.
        while len(self.times) > 1 and self.times[1] <= fact.at - WINDOW_MS:
            for column in (self.times, self.prices, self.volumes, self.quotes):
                del column[0]

    def change_pct(self, now: int) -> float | None:
        """Gives the change over five minutes in percent, or None while there is no sample that old."""
        start = now - WINDOW_MS
        if not self.times or self.times[0] > start:
            return None
        i = 0
        while i + 1 < len(self.times) and self.times[i + 1] <= start:
            i += 1
        return figure((self.last / self.prices[i] - 1.0) * 100.0)

    def average(self, now: int, minutes: int) -> float:
        """Gives the volume-weighted average price of the last minutes, or the last price where nothing traded.

        Source: Binance GET /api/v3/avgPrice, which its notional filters measure market orders with.
        """
        volume = quote = 0.0
        for i in range(len(self.times)):
            if self.times[i] > now - minutes * 60_000:
                volume += self.volumes[i]
                quote += self.quotes[i]
        return quote / volume if minutes > 0 and volume > 0.0 and quote > 0.0 else self.last
