"""The inbox between sockets and stages: bounded, and for what only counts when it is new, the newest of each symbol."""

from collections.abc import Iterable
from threading import Condition

from engine.records.base import Record
from engine.records.market import BookTop, Fact, Funding, OpenInterest, Ticker
from engine.records.tickers import Tickers

#: Of these only the newest of a symbol counts; all others are kept until they are taken.
PERISHABLE = (Ticker, BookTop, Funding, OpenInterest)
#: Who can wait (history that is fetched) waits while more than so many records are kept.
ROOMY = 20_000
#: Beyond this nothing more is kept: the reader is as good as dead, and memory has an end.
MOST = 100_000


class Inbox:
    """Records on their way from the sockets' thread to the reader's."""

    def __init__(self, most: int = MOST, roomy: int = ROOMY) -> None:
        """Starts empty. Perishables need no limit: they are as many as there are symbols."""
        self._most, self._roomy = most, roomy
        self._changed = Condition()
        self._kept: list[Record] = []
        self._newest: dict[type, dict[str, Fact]] = _none_yet()
        #: The newest tickers that came together, as long as nothing came later of any of their symbols.
        self._together: Tickers | None = None
        self._failure: BaseException | None = None
        self._dropped = 0

    def put(self, records: Iterable[Record]) -> list[Record]:
        """Takes records in; gives those for which there was no place. Perishables replace what was not taken yet."""
        refused: list[Record] = []
        with self._changed:
            newest, kept = self._newest, self._kept
            for record in records:
                by_symbol = newest.get(type(record))
                if type(record) is Tickers:
                    self._put_together(record)
                elif by_symbol is not None:
                    if type(record) is Ticker and self._together is not None:
                        self._take_apart(None)
                    symbol = record.symbol  # type: ignore[attr-defined]  # a fact: PERISHABLE says so
                    self._dropped += symbol in by_symbol
                    by_symbol[symbol] = record  # type: ignore[assignment]
                elif len(kept) < self._most:
                    kept.append(record)
                else:
                    refused.append(record)
            self._changed.notify()
        return refused

    def _put_together(self, tickers: Tickers) -> None:
        self._take_apart(tickers)
        by_symbol = self._newest[Ticker]
        if by_symbol:
            for symbol in tickers.symbols:
                self._dropped += by_symbol.pop(symbol, None) is not None
        self._together = tickers

    def _take_apart(self, newer: Tickers | None) -> None:
        """Keeps the tickers that came together one by one, but for those of which there are newer ones."""
        together, self._together = self._together, None
        if together is None:
            return
        kept = together.records() if newer is None else together.without(newer)
        self._dropped += len(together) - len(kept)
        self._newest[Ticker].update([(one.symbol, one) for one in kept])

    def take(self, timeout_s: float) -> list[Record]:
        """Gives everything that is there, waiting so long for something to come; raises what the sender failed of."""
        with self._changed:
            if self.empty:
                self._changed.wait(timeout_s)
            taken = self._kept
            for by_symbol in self._newest.values():
                taken += by_symbol.values()
            if self._together is not None:
                taken.append(self._together)
            self._kept, self._newest, self._together = [], _none_yet(), None
            if not taken and self._failure is not None:
                raise self._failure
        return taken

    def fail(self, failure: BaseException) -> None:
        """Ends the stream: the reader gets what is there, and then this error."""
        with self._changed:
            self._failure = failure
            self._changed.notify()

    def mend(self) -> None:
        """Takes a failure back: another sender goes on."""
        with self._changed:
            self._failure = None

    @property
    def empty(self) -> bool:
        """Says whether a `take` would wait."""
        waits = self._kept or self._together is not None or any(self._newest.values())
        return not waits and self._failure is None

    @property
    def roomy(self) -> bool:
        """Says whether those who can wait may put more in."""
        return len(self._kept) < self._roomy

    def dropped(self) -> int:
        """Gives how many perishables were replaced unread since it was asked last."""
        with self._changed:
            count, self._dropped = self._dropped, 0
        return count


def _none_yet() -> dict[type, dict[str, Fact]]:
    return {kind: {} for kind in PERISHABLE}
