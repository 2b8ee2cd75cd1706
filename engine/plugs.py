"""The shapes one can add: a source, a strategy, a rule, a venue, a notifier, a sentiment; the stage that joins them.

A plug is one file whose name is its name on the command line. Its settings are the fields of its frozen dataclass, and
those fields are also the space a search may look in. `engine.runs.catalog` finds plugs; nothing below it ever asks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import msgspec

from engine.records.base import Record
from engine.records.desk import DeskView, Draft, No, Standing
from engine.records.ideas import CandidateSnapshot, ExitPlan
from engine.records.market import SymbolRules


class Entry(NamedTuple):
    """One item of a market: the record, where its kind is known, and its line, where it came as one."""

    record: Record | None
    line: bytes | None


class Source(Protocol):
    """Where facts come from, in order of (at, kind, venue, symbol)."""

    def facts(self) -> Iterator[Entry]:
        """Gives the market's facts; ends when the source does."""
        ...

    def manifest(self) -> dict[str, Any]:
        """Names the facts so that a replay can find them again: path and sha256 of each file, or a stream's name."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """A source that need not tell again what its reader has.

    `newest` is the opening of each symbol's newest minute candle, in ms; the reader fills it before it asks for facts.
    """

    newest: dict[str, int]


class Stage(Protocol):
    """A pure verb: records in, records out. Its whole memory is `state`, which can be saved and loaded."""

    name: ClassVar[str]
    wants: frozenset[str]
    state: Any

    def take(self, record: Record) -> list[Record]:
        """Takes one record of a wanted kind and gives what it says about it.

        What is said about a tick stands before that tick on the wire; anything else after its cause.
        """
        ...


class Indicator(Protocol):
    """A kernel bound to its state: advances by closed candles (`engine.kernels`).

    `inputs` names the columns it takes: open, high, low, close, volume (in the quote asset).
    """

    inputs: ClassVar[tuple[str, ...]]
    state: list[float]

    def advance(self, *columns: Sequence[float]) -> Any:
        """Takes new closed candles' columns and gives the indicator's values, one a candle."""
        ...


class Frame(msgspec.Struct, frozen=True):
    """One timeframe of one symbol at its last closed candle.

    `values` holds each indicator now, `before` one candle earlier; NaN while warming up. `volume` is that candle's, in
    the quote asset; `closed_at` is when it closed, `closes` how many have.
    """

    close: float
    volume: float
    closed_at: int
    closes: int
    values: Mapping[str, float]
    before: Mapping[str, float]


class Verdict(msgspec.Struct, frozen=True):
    """What a strategy says: enter, exit, or wait with the code of why; reasons in words, for people.

    `figures` are what it looked at, by timeframe; they are rounded for the wire with `engine.records.base.figure`, and
    thresholds are held against the rounded values, so that a reader of the record decides the same.
    """

    action: Literal["enter", "exit", "wait"]
    code: str | None
    reasons: tuple[str, ...]
    value: float | str | None = None
    limit: float | str | None = None
    figures: Mapping[str, Mapping[str, float | None]] = {}
    order_type: Literal["market", "limit"] = "market"
    limit_price: str | None = None


class Strategy(Protocol):
    """One trading idea. Pure: the same candidate and frames give the same verdict."""

    @property
    def timeframes(self) -> Sequence[str]:
        """The timeframes it looks at, as `1m`, `5m`, `15m`, `1h`; all must be warm before it is asked."""
        ...

    def indicators(self) -> Mapping[str, Callable[[], Indicator]]:
        """Its indicators by name; each runs on the candles of every timeframe."""
        ...

    def judge(self, candidate: CandidateSnapshot, frames: Mapping[str, Frame]) -> Verdict:
        """Says whether to enter, to close what is held, or to wait, with reasons."""
        ...

    def exits(self) -> ExitPlan:
        """Says how a position is left."""
        ...


class Look(Protocol):
    """What a strategy sees of a block of cycles: arrays with a row for each symbol and a column for each cycle.

    Several symbols can be looked at at a time, each in a thread of its own.

    `heat` and `change_5m_pct` are NaN and `status` is 0 where a symbol is no candidate; statuses are the numbers of
    `engine.kernels.pool`.
    """

    def at(self, worth: Any) -> "Look":
        """Gives the same of the cells that are marked, as arrays of one dimension.

        What only some cells are asked for need not be worked out in all.
        """
        ...

    @property
    def heat(self) -> Any:
        """Heat, 0 to 100."""
        ...

    @property
    def status(self) -> Any:
        """Places in the pool, by number."""
        ...

    @property
    def change_5m_pct(self) -> Any:
        """The change over five minutes."""
        ...

    def close(self, timeframe: str) -> Any:
        """Gives the close of each cycle's last closed candle of a timeframe; NaN before the first."""
        ...

    def volume(self, timeframe: str) -> Any:
        """Gives its volume, in the quote asset."""
        ...

    def value(self, timeframe: str, indicator: str, before: bool = False) -> Any:
        """Gives an indicator at that candle, or one candle before."""
        ...


@runtime_checkable
class Columnar(Protocol):
    """A strategy that can also say in columns where asking it may be worth while: backtests are faster for it."""

    def entries(self, look: Look) -> Any:
        """Gives True wherever `judge` might say enter; too often costs time, too seldom is an error.

        A strategy that has this never says exit: its positions are left by its plan alone.
        """
        ...


@runtime_checkable
class Exact(Columnar, Protocol):
    """A columnar strategy whose `entries` are True exactly where `judge` says enter, by a market order.

    That is where all frames are warm and fresh; elsewhere `judge` is asked. Backtests over columns then need its words
    for the records only.
    """

    exact: ClassVar[Literal[True]]


class Rule(Protocol):
    """One reason to refuse. `layer` says when it is asked: exchange filters first, then risk, then the account."""

    layer: ClassVar[Literal["exchange", "risk", "account"]]

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Keeps quiet (None), or says no with a code, the value and the limit."""
        ...


@runtime_checkable
class Closes(Protocol):
    """A rule that can say of the desk alone that no entry would pass, whatever its size and price.

    Backtests over columns need not make such an entry's signal.
    """

    def closed(self, desk: Standing, symbol: str) -> bool:
        """Says whether every entry of a symbol is refused as the desk stands."""
        ...


class Bounds(NamedTuple):
    """Up to where a market entry into a coin that is not held passes: quantity, worth in the quote asset, desk.

    `cash_pct` is the share of its worth that the free cash must pay, `equity_pct` what of the equity it may be,
    `exposure_pct` what of the equity it may be with all that is at work. `positions` counts those held and entries
    under way, `entries_day` the entries of the UTC day, before this one.
    """

    least_qty: float = 0.0
    most_qty: float = float("inf")
    least_worth: float = 0.0
    most_worth: float = float("inf")
    cash_pct: float = 0.0
    equity_pct: float = float("inf")
    exposure_pct: float = float("inf")
    positions: float = float("inf")
    entries_day: float = float("inf")

    @classmethod
    def nothing(cls) -> "Bounds":
        """Gives bounds within which nothing is."""
        return cls(most_qty=0.0)


#: The fields of `Bounds` that are the least of what passes, or of what is asked of the cash.
_LEAST = frozenset({"least_qty", "least_worth", "cash_pct"})


def within_all(bounds: Sequence[Bounds]) -> Bounds:
    """Gives the bounds of what is within all of them."""
    return Bounds._make(
        (max if name in _LEAST else min)(column)
        for name, column in zip(Bounds._fields, zip(Bounds(), *bounds, strict=True), strict=True)
    )


@runtime_checkable
class Bounded(Protocol):
    """A rule that can say in numbers what it lets pass: backtests over columns judge entries by them.

    What is within the bounds by more than a hair, and of a coin that `Closes` does not close, `check` must let pass.
    """

    def bounds(self, rules: SymbolRules) -> Bounds:
        """Gives the bounds of a market entry into a symbol; its quantity is on the step of market orders."""
        ...


class Sentiment(Protocol):
    """How friendly a text is. Pure: the same text gives the same number."""

    def score(self, text: str) -> float:
        """Gives -1 for hostile to 1 for friendly, 0 where it cannot tell."""
        ...


class Notifier(Protocol):
    """Who is told. Never on the order path; failures are counted, not raised."""

    def tell(self, record: Record) -> None:
        """Passes one alert or trade on."""
        ...
