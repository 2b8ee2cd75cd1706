"""Tickers that came together, folded into what is known of their symbols in columns; the facts stay where they are."""

from typing import Any, Protocol

from engine.records.tickers import Tickers
from engine.stages.candles import MAX_QUOTE_VOLUME_A_MINUTE, Feed


class Known(Protocol):
    """What is known of a symbol besides its candles."""

    heard_at: int
    text: str
    ticker_volume_24h: float | None
    bad: bool


class Together:
    """Waiting tickers of the symbols that `names` has, over what the feeds of those symbols were when they came.

    What it leaves in them is what `Candles.tickers` would have, to the bit.
    """

    def __init__(self, names: tuple[str, ...], coins: dict[str, Any], feeds: dict[str, Feed]) -> None:
        """Begins with nothing that waits."""
        import numpy as np

        none = Feed()
        self._np, self.names = np, names
        found = [feeds.get(name, none) for name in names]
        self._is_known = np.array([name in coins for name in names], bool)
        self._days = np.array([feed.day_volume for feed in found])
        self._minutes = np.array([feed.minute_volume for feed in found])
        self._whose, self._row = np.full(len(names), -1), np.full(len(names), -1)
        self._waiting: list[Tickers] = []

    def __len__(self) -> int:
        """Says how many times something was taken."""
        return len(self._waiting)

    def take(self, tickers: Tickers) -> bool:
        """Takes tickers; says whether it did: all their symbols have to be known."""
        np, numbers, days = self._np, tickers.numbers, tickers.days
        if not self._is_known[numbers].all():
            return False
        before, minutes = self._days[numbers], self._minutes[numbers]
        risen = np.minimum(minutes + days - before, MAX_QUOTE_VOLUME_A_MINUTE)
        self._minutes[numbers] = np.where((before >= 0.0) & (days > before), risen, minutes)
        self._days[numbers] = days
        self._whose[numbers], self._row[numbers] = len(self._waiting), np.arange(len(numbers))
        self._waiting.append(tickers)
        return True

    def settle(self, coins: dict[str, Any], feeds: dict[str, Feed]) -> None:
        """Leaves what was taken in what is known of each symbol."""
        heard = self._np.flatnonzero(self._whose >= 0)
        columns = (heard, self._whose[heard], self._row[heard], self._days[heard], self._minutes[heard])
        for number, whose, row, day, minute in zip(*(column.tolist() for column in columns), strict=True):
            tickers, name = self._waiting[whose], self.names[number]
            text, at, mono = tickers.last(row), tickers.at, tickers.mono_ms
            coin: Known = coins[name]
            coin.heard_at, coin.bad, coin.text = mono if mono is not None else at, False, text
            coin.ticker_volume_24h = day
            feed = feeds.get(name)
            if feed is None:
                feed = feeds[name] = Feed()
            feed.day_volume, feed.minute_volume = day, minute
            feed.last, feed.heard, feed.heard_at = float(text), True, at
