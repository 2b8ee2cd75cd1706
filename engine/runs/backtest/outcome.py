"""What a backtest tells, to whom, and how it is played: the same for both of its paths."""

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from engine.records.base import Record
from engine.runs.progress import Progress

#: Fact by fact, or over columns with records where something happens only.
Path = Literal["records", "blocks"]


class Mark(NamedTuple):
    """The account at a tick, as the desk itself marks it: money in 1e-8 of the quote asset."""

    at: int
    equity_e8: int
    cash_e8: int
    positions: int


class Marks(NamedTuple):
    """Marks in columns; money in 1e-8 of the quote asset."""

    at: Sequence[int]
    equity_e8: Sequence[int]
    cash_e8: Sequence[int]
    positions: Sequence[int]

    def rows(self) -> Iterator[Mark]:
        """Gives them one by one."""
        return map(Mark._make, zip(*self, strict=True))


class Held(NamedTuple):
    """A position at the end: its value is quantity times the last price, of `priced_at`; `status` by its rules.

    `marked` is the price, of `marked_at`, at which the last tick counted it; empty for one that no tick counted.
    """

    symbol: str
    opened_at: int
    qty: str
    price: str
    priced_at: int
    status: str
    marked: str = ""
    marked_at: int = 0


class Result(NamedTuple):
    """How far a backtest came: `reached` is the time of the last fact, `complete` says that the market ended there."""

    facts: int
    cycles: int
    reached: int
    complete: bool
    held: tuple[Held, ...]


class Unfit(Exception):
    """This market, or these settings, cannot be played over columns; the text says why."""


class Listener(Protocol):
    """Who is told what comes out, in the order of the stream."""

    def hear(self, record: Record) -> None:
        """Takes a record that leaves the last stage: decisions, and the facts between them."""
        ...

    def mark(self, marks: Marks) -> None:
        """Takes the account at ticks, after the ticks themselves; one that changed nothing may be left out."""
        ...


@runtime_checkable
class Choosy(Protocol):
    """A listener that need not hear of every kind: what it does not want may be left out, or told all the same."""

    @property
    def wants(self) -> Container[str]:
        """The kinds that it wants to hear of."""
        ...


class Playing(Protocol):
    """A backtest that is under way, by whatever path."""

    def play(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Plays the market to its end or a stop; gives where it is now and then."""
        ...

    def result(self) -> Result:
        """Gives how far it came."""
        ...
