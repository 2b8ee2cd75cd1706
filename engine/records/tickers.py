"""Tickers of many symbols that came in one frame: one entry of a market in place of many."""

from typing import Any, Protocol

from engine.records.base import Moment, Record
from engine.records.market import Ticker


class Texts(Protocol):
    """What knows the texts of some tickers."""

    def lines(self, tickers: "Tickers") -> bytes:
        """Gives the lines of the wire, each with its newline."""
        ...

    def records(self, tickers: "Tickers") -> list[Ticker]:
        """Gives them one by one."""
        ...

    def last(self, row: int) -> str:
        """Gives the last price of a row."""
        ...


class Tickers(Record, frozen=True, kw_only=True):
    """Tickers of one venue, heard at one instant, one a symbol and in the order of symbols; all are believed.

    `numbers` are the places of their symbols in `names`, and `days` their quote volumes of 24 h as floats: columns of
    numpy, which nobody changes. As records, and on the wire, they are the same as if each had come by itself.
    """

    venue: str
    mono_ms: Moment | None = None
    names: tuple[str, ...]
    numbers: Any
    days: Any
    texts: Any

    def __len__(self) -> int:
        """Says how many there are."""
        return len(self.numbers)

    @property
    def symbols(self) -> list[str]:
        """The symbols."""
        names = self.names
        return [names[number] for number in self.numbers.tolist()]

    def lines(self) -> bytes:
        """Gives their lines, each with its newline."""
        return bytes(self.texts.lines(self))

    def last(self, row: int) -> str:
        """Gives the last price of a row."""
        return str(self.texts.last(row))

    def records(self) -> list[Ticker]:
        """Gives them one by one."""
        return list(self.texts.records(self))

    def without(self, others: "Tickers") -> list[Ticker]:
        """Gives those whose symbols are not among `others`, one by one."""
        told = set(others.symbols)
        if told.issuperset(self.symbols):
            return []
        return [one for one in self.records() if one.symbol not in told]


# Wherever facts are told apart by their kind these are tickers.
Tickers.kind = Ticker.kind
