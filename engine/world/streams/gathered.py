"""Tickers of one frame, read one by one, gathered into one entry of the market."""

from collections.abc import Sequence
from operator import attrgetter

from engine.records.market import Ticker
from engine.records.tickers import Tickers
from engine.records.wire import encode_tickers

_symbol_of = attrgetter("symbol")


class Gathered:
    """Gathers tickers of the symbols that `names` has, in their order."""

    def __init__(self, names: tuple[str, ...]) -> None:
        """Numbers the symbols."""
        self.names = names
        self._number = {name: number for number, name in enumerate(names)}

    def gather(self, facts: Sequence[Ticker]) -> Tickers | None:
        """Gives believed tickers of one instant together; None where there is none, or a symbol is told of twice."""
        import numpy as np

        if not facts:
            return None
        tickers = sorted(facts, key=_symbol_of)
        numbers = [self._number[one.symbol] for one in tickers]
        if len(set(numbers)) < len(numbers):
            return None
        first, days = tickers[0], [float(one.quote_volume_24h) for one in tickers]
        return Tickers(
            at=first.at, venue=first.venue, mono_ms=first.mono_ms, names=self.names,
            numbers=np.array(numbers, np.int64), days=np.array(days), texts=_Records(tickers),
        )  # fmt: skip


class _Records:
    """The texts of tickers that are records."""

    def __init__(self, tickers: list[Ticker]) -> None:
        self._tickers = tickers

    def lines(self, tickers: Tickers) -> bytes:
        """Gives the lines of the wire, each with its newline."""
        return encode_tickers(self.records(tickers))

    def records(self, tickers: Tickers) -> list[Ticker]:
        """Gives them one by one."""
        at, mono_ms = tickers.at, tickers.mono_ms
        if self._tickers and self._tickers[0].at != at:
            self._tickers = [
                Ticker(
                    at=at, venue=one.venue, symbol=one.symbol, mono_ms=mono_ms, last=one.last,
                    volume_24h=one.volume_24h, quote_volume_24h=one.quote_volume_24h,
                )
                for one in self._tickers
            ]  # fmt: skip
        return self._tickers

    def last(self, row: int) -> str:
        """Gives the last price of a row."""
        return self._tickers[row].last
