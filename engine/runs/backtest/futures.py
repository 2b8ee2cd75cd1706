"""Other futures of a market: cut off after some fact, or going on with other prices."""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from typing import Any

import msgspec

from engine.plugs import Entry, Source
from engine.records.base import Record
from engine.records.market import Bar, BookTop, Ticker, Trade


class Stretch:
    """A stretch of a market, as a source."""

    def __init__(self, entries: list[Entry]) -> None:
        """Holds it."""
        self._entries = entries

    def facts(self) -> Iterator[Entry]:
        """Gives its facts."""
        return iter(self._entries)

    def manifest(self) -> dict[str, Any]:
        """It is a part of something that has a name."""
        return {}


class Stretches:
    """Stretches of a market that begin later and later: it is read once for all of them."""

    def __init__(self, source: Source) -> None:
        """Nothing is read yet."""
        self._entries = source.facts()
        self._held: deque[Entry] = deque()
        self._start = 0

    def between(self, start: int, end: int) -> Stretch:
        """Gives the facts after the first `start` up to the one that makes `end`, or the last."""
        while self._start < start:
            if self._held:
                self._held.popleft()
            else:
                next(self._entries, None)
            self._start += 1
        self._held.extend(islice(self._entries, max(0, end - start - len(self._held))))
        return Stretch(list(islice(self._held, end - start)))


class Passing:
    """A source that counts what it has given, and shows another future after a cut, or none."""

    def __init__(self, source: Source, cut: int | None = None, altered: int = 0, given: int = 0) -> None:
        """Gives all facts; with a cut only up to that one, then `altered` ones with other prices.

        `given` counts those of the market that stand before the source.
        """
        self._source, self._altered, self.given = source, altered, given
        self._before_cut = cut - given if cut is not None else None

    def facts(self) -> Iterator[Entry]:
        """Gives the facts."""
        entries = self._source.facts()
        for entry in islice(entries, self._before_cut):
            self.given += 1
            yield entry
        for entry in islice(entries, self._altered):
            self.given += 1
            yield Entry(other(entry.record), None) if entry.record is not None else entry

    def manifest(self) -> dict[str, Any]:
        """Gives the source's manifest."""
        return self._source.manifest()


def other(fact: Record) -> Record:
    """Gives a fact of another future: prices half as high again, three times the volume."""
    if isinstance(fact, Bar):
        prices = {name: _times(getattr(fact, name), "1.5") for name in ("open", "high", "low", "close")}
        quote = _times(fact.quote_volume, "4.5") if fact.quote_volume is not None else None
        return msgspec.structs.replace(fact, **prices, volume=_times(fact.volume, "3"), quote_volume=quote)
    if isinstance(fact, Ticker):
        return msgspec.structs.replace(
            fact, last=_times(fact.last, "1.5"), quote_volume_24h=_times(fact.quote_volume_24h, "3"),
            bid=_times(fact.bid, "1.5") if fact.bid is not None else None,
            ask=_times(fact.ask, "1.5") if fact.ask is not None else None,
        )  # fmt: skip
    if isinstance(fact, BookTop):
        return msgspec.structs.replace(fact, bid=_times(fact.bid, "1.5"), ask=_times(fact.ask, "1.5"))
    if isinstance(fact, Trade):
        return msgspec.structs.replace(fact, price=_times(fact.price, "1.5"))
    return fact


def _times(text: str, factor: str) -> str:
    try:
        return f"{Decimal(text) * Decimal(factor):f}"
    except ArithmeticError:  # what is no number stays what it is
        return text
