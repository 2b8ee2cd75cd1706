"""The last few minutes of one symbol: the change over a window, and the average price a market order is measured by."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from engine.records.base import figure
from engine.records.market import Bar, BookTop, Ticker, Trade, check_price, figures

#: Facts that carry a price.
Price = Bar | Ticker | BookTop | Trade
PRICE_KINDS = frozenset({"bar", "ticker", "book_top", "trade"})
#: Samples of a symbol are at least this far apart, so that a fast ticker needs no more memory than bars.
SAMPLE_MS = 5_000
WINDOW_MS = 300_000
#: What another source said of the price is an opinion for so long: mark prices are told once a minute.
OPINION_MS = 120_000
#: What a fact is good for: nothing (it was seen, or is older), its price only, or the whole range of its bar.
News = Literal["none", "price", "range"]


class Recent(msgspec.Struct, kw_only=True):
    """One symbol's last price and its samples of the last five minutes: time, price, volume and quote volume.

    `closed_at` is when the last bar closed, `heard_at` when the last other fact was. `traded`, `middle` and `mark` are
    what trades said before books did (0 where the last price is none of a book), the middle of bid and ask, and a
    perpetual's mark price; with when that was.
    """

    last: float = 0.0
    text: str = "0"
    at: int = 0
    step_s: int = 0
    closed_at: int = 0
    heard_at: int = 0
    times: list[int] = []
    prices: list[float] = []
    volumes: list[float] = []
    quotes: list[float] = []
    traded: float = 0.0
    traded_at: int = 0
    middle: float = 0.0
    middle_at: int = 0
    mark: float = 0.0
    mark_at: int = 0

    def see(self, fact: Price) -> News:
        """Takes a fact and says what it is good for; raises BadRecord for one that makes no sense."""
        check_price(fact)
        news: News = "price"
        at = fact.at
        volume = quote = 0.0
        if isinstance(fact, Bar):
            news = self._news_of(fact)
            if news == "none":
                return news
            bar = figures(fact)
            text, quote, volume = fact.close, bar.quote_volume, bar.volume
            # History is known late, but its prices are of the time at which they were paid.
            self.step_s, self.closed_at = fact.step_s, fact.open_at + 1000 * fact.step_s
            at = self.closed_at
        elif isinstance(fact, Ticker):
            text, self.heard_at = fact.last, fact.at
            self._quoted(fact.bid, fact.ask, fact.at)
        elif isinstance(fact, Trade):
            text, volume, self.heard_at = fact.price, float(fact.qty), fact.at
            quote = float(text) * volume
        else:
            return self._book(fact)
        self.traded = 0.0
        self._sample(at, text, volume, quote)
        return news

    def _book(self, fact: BookTop) -> News:
        """A book gives the side that is worse for who sells, so that a value is never flattered."""
        if not self.traded:
            self.traded, self.traded_at = self.last, self.at
        self.heard_at = fact.at
        self._quoted(fact.bid, fact.ask, fact.at)
        self._sample(fact.at, fact.bid, 0.0, 0.0)
        return "price"

    @property
    def due(self) -> int:
        """When the next sample may be taken."""
        return self.times[-1] + SAMPLE_MS if self.times else 0

    def tickers(self, samples: Sequence[Ticker], last: Ticker, quoted: Ticker | None) -> None:
        """Takes several tickers, all believed: those of them that are samples, the last, and the last with bid and ask.

        They tell of no volume. The first of the samples is `due`, each of the others that long after the one before.
        """
        if samples:
            self.times += [one.at for one in samples]
            self.prices += [float(one.last) for one in samples]
            self.volumes += [0.0] * len(samples)
            self.quotes += [0.0] * len(samples)
            self._prune(samples[-1].at)
        self.text, self.last, self.at = last.last, float(last.last), last.at
        self.heard_at, self.traded = last.at, 0.0
        if quoted is not None:
            self._quoted(quoted.bid, quoted.ask, quoted.at)

    def _quoted(self, bid: str | None, ask: str | None, at: int) -> None:
        if bid is not None and ask is not None:
            self.middle, self.middle_at = (float(bid) + float(ask)) / 2.0, at

    def marked(self, price: str, at: int) -> None:
        """Takes a mark price that was believed."""
        self.mark, self.mark_at = float(price), at

    def others(self, now: int) -> list[float]:
        """Gives what other sources than that of the last price said of it lately."""
        said = ((self.traded, self.traded_at), (self.middle, self.middle_at), (self.mark, self.mark_at))
        return [price for price, at in said if price > 0.0 and now - at <= OPINION_MS]

    def start(self, text: str, at: int) -> None:
        """Takes a price that no fact told, while none was heard."""
        if not self.times:
            self._sample(at, text, 0.0, 0.0)

    def _news_of(self, bar: Bar) -> News:
        """A bar seen before must not be acted on twice, nor the range of one that reaches back into what was seen."""
        opened, seen, heard_at = bar.open_at, self.closed_at, self.heard_at
        if opened >= seen and opened >= heard_at:
            return "range"
        closed_at = opened + 1000 * bar.step_s
        if closed_at <= seen or closed_at < heard_at or (opened < seen and bar.step_s > self.step_s):
            return "none"
        return "price"

    def _sample(self, at: int, text: str, volume: float, quote: float) -> None:
        value, times = float(text), self.times
        self.text, self.last, self.at = text, value, at
        if times and at - times[-1] < SAMPLE_MS:
            self.volumes[-1] += volume
            self.quotes[-1] += quote
            return
        times.append(at)
        self.prices.append(value)
        self.volumes.append(volume)
        self.quotes.append(quote)
        if len(times) > 1 and times[1] <= at - WINDOW_MS:
            self._prune(at)

    def _prune(self, at: int) -> None:
        """Forgets samples; one at or before the window's start stays, which the change is measured against."""
        times, start, old = self.times, at - WINDOW_MS, 0
        while old + 1 < len(times) and times[old + 1] <= start:
            old += 1
        del times[:old], self.prices[:old], self.volumes[:old], self.quotes[:old]

    def change_pct(self, now: int) -> float | None:
        """Gives the change over five minutes in percent, or None while there is no sample that old.

        A sample twice as old is none either: over a hole, or with bars of an hour, it would be another change.
        """
        start = now - WINDOW_MS
        if not self.times or self.times[0] > start:
            return None
        i = 0
        while i + 1 < len(self.times) and self.times[i + 1] <= start:
            i += 1
        if self.times[i] < start - WINDOW_MS:
            return None
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
