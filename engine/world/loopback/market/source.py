"""What a market of the venue is made of: prints, rules and funding rates, from a generator or a recording."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple, Protocol

from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.tape import Candle, Print


class Closed(NamedTuple):
    """A minute has closed, and this is what was recorded of it: it takes the place of what the prints made."""

    at: int
    coin: Instrument
    candle: Candle


class Said(NamedTuple):
    """What was recorded of a perpetual's funding: the rate and the mark price in its words, and when it is due."""

    rate: str
    mark: str | None
    due_at: int | None


class FundingRate(NamedTuple):
    """A perpetual's funding rate from a moment on, a fraction; `said` where it is told as it was recorded."""

    at: int
    symbol: str
    rate: Decimal
    said: Said | None = None


Happening = Print | Instrument | FundingRate | Closed


class MarketSource(Protocol):
    """Where the venue's market comes from, moved to the venue's clock, unless it says when it begins.

    One that derives from this has no past and begins now, but for what it says itself.
    """

    def coins(self) -> list[Instrument]:
        """Gives what is listed at the start."""
        ...

    def begins_at(self) -> int | None:
        """Gives what the venue's clock has to say at the start, in ms; None where that is now."""
        return None

    def history(self, until: int) -> Iterator[tuple[Instrument, Candle, int]]:
        """Gives candles from before the start, which is at `until` ms, with their minutes (1, or 1440 for days).

        The oldest come first within a symbol.
        """
        return iter(())

    def past_funding(self, until: int) -> Iterator[FundingRate]:
        """Gives the funding that was paid before the start, oldest first."""
        return iter(())

    def happenings(self, since: int) -> Iterator[Happening]:
        """Gives what happens from the start on, in order of time; `since` is when the venue starts, in ms."""
        ...
