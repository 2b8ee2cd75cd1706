"""Markets without breaks in what a price means: what comes after a redenomination is left out; holes are counted."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from engine.errors import BadRecord
from engine.plugs import Entry, Source
from engine.records.market import Bar, BookTop, Ohlcv, Ticker, Trade, figures
from engine.world.imports.fields import moment

#: From one candle's close to the next one's open a price moves by a few percent at most (1.9 million recorded candles:
#: never more than 23 %). A factor of two, give or take a tenth, is another unit of account, or a mistake.
FACTOR = 1.8
#: A price that is so near to where it was has come back: what lay between was a mistake.
BACK = 1.1

_Priced = Bar | Ticker | BookTop | Trade


class Gaps(NamedTuple):
    """Holes between the candles of a market, and how many candles they lack."""

    holes: int = 0
    missing: int = 0


class Last(NamedTuple):
    """The last believed candle of a series."""

    open_at: int
    open: float
    close: float

    def is_near(self, price: float, factor: float) -> bool:
        """Says whether a price is within a factor of where the candle opened or closed: one of them may be wrong."""
        close, opened = self.close, self.open
        return close / factor < price < close * factor or opened / factor < price < opened * factor


class Unbroken:
    """A source whose symbols are left out from a jump of their price on, until it is back where it was.

    Nobody could have traded such a move: the exchange exchanges one coin for a thousand, overnight and with trading
    halted, and goes on under the same name. A position is worth what it was, so what is held keeps its last price.
    """

    def __init__(self, source: Source, tell: Callable[[str, int, str], None]) -> None:
        """`tell` is told of each jump: whose and when, a line that is none (0), and what is done."""
        self._source, self._tell = source, tell
        self._last: dict[tuple[str, str, int], Last] = {}
        self._broken: set[tuple[str, str]] = set()
        self._holes = self._missing = 0

    def facts(self) -> Iterator[Entry]:
        """Gives the source's facts, but prices after a jump."""
        self._last, self._broken, self._holes, self._missing = {}, set(), 0, 0
        for entry in self._source.facts():
            fact = entry.record
            if isinstance(fact, Bar):
                if self._follows(fact):
                    yield entry
            elif not self._broken or not isinstance(fact, _Priced) or (fact.venue, fact.symbol) not in self._broken:
                yield entry

    def manifest(self) -> dict[str, Any]:
        """Gives the source's manifest."""
        return self._source.manifest()

    def gaps(self) -> Gaps:
        """Gives the holes that were met so far."""
        return Gaps(self._holes, self._missing)

    def _follows(self, bar: Bar) -> bool:
        """Says whether a candle goes on where the one before it ended."""
        try:
            read = figures(bar)
        except BadRecord:
            return True  # whoever reads it says what is wrong with it
        key, whose = (bar.venue, bar.symbol, bar.step_s), (bar.venue, bar.symbol)
        last = self._last.get(key)
        if last is not None and bar.open_at > last.open_at:
            if not last.is_near(read.open, BACK if whose in self._broken else FACTOR):
                self._leave_out(bar, read, last)
                return False
            missing = max(0, (bar.open_at - last.open_at) // (1000 * bar.step_s) - 1)
            self._holes += missing > 0
            self._missing += missing
        elif whose in self._broken:
            return False
        if whose in self._broken:
            self._broken.remove(whose)
            self._tell(_place(bar), 0, "its price is back where it was before the jump: its facts are handed on again")
        self._last[key] = Last(bar.open_at, read.open, read.close)
        return True

    def _leave_out(self, bar: Bar, read: Ohlcv, last: Last) -> None:
        whose = (bar.venue, bar.symbol)
        if whose in self._broken:
            return
        self._broken.add(whose)
        prices = f"from {last.close:g} to {read.open:g} ({said(last.close, read.open)})"
        self._tell(
            _place(bar), 0,
            f"its price jumps {prices} between two candles, as in a redenomination or split: its prices are left out "
            "from here on; --keep-jumps takes them for moves",
        )  # fmt: skip


def said(before: float, after: float) -> str:
    """Says a jump as a factor of two digits: `about 1000 times higher`, `about 2 times lower`."""
    factor = max(after / before, before / after)
    return f"about {float(f'{factor:.2g}'):g} times {'higher' if after > before else 'lower'}"


def _place(bar: Bar) -> str:
    return f"{bar.symbol} at {moment(bar.open_at)}"
