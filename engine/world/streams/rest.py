"""What the streams ask by REST: rules, history and what no stream tells."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from engine.errors import KeyRefused, VenueError
from engine.records.market import Bar, BookTop, LongShort, OpenInterest, SymbolRules, TakerFlow

#: What a read may fail with. A refusal speaks of keys, but the exchange's guards answer reads without one so, too.
TROUBLE = (VenueError, KeyRefused)


class Listing(NamedTuple):
    """A symbol as exchangeInfo tells it: its rules, whether it is a market of ours, and when it will be delisted."""

    rules: SymbolRules
    ours: bool
    delisted_at: int | None = None


class Rest(Protocol):
    """An exchange's REST, as facts. Calls block, threads may share it; each raises one of TROUBLE."""

    def listings(self) -> list[Listing]:
        """Gives every symbol of the market with its rules."""
        ...

    def candles(self, symbol: str, step: str, first: int, most: int) -> list[Bar]:
        """Gives closed candles of a symbol from the one that opens at `first` on, oldest first, at most so many."""
        ...

    def heard(self, bars: Sequence[Bar]) -> None:
        """Takes final candles that came by stream, so that they need not be asked for."""
        ...

    def listed_at(self, symbol: str) -> int | None:
        """Gives when a symbol's first candle opened, epoch ms; None where it has none yet."""
        ...

    def books(self) -> list[BookTop]:
        """Gives best bid and ask of the whole market."""
        ...

    def open_interest(self, symbol: str) -> OpenInterest:
        """Gives a contract's open interest."""
        ...

    def positioning(self, symbol: str) -> list[LongShort | TakerFlow]:
        """Gives longs against shorts and what takers did, of the last five minutes that are known."""
        ...

    def volumes(self) -> dict[str, float]:
        """Gives each symbol's quote volume of 24 hours."""
        ...
