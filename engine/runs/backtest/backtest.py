"""Backtest: one market through all stages in memory; nothing is stored, what is decided is handed on as it is said."""

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from engine.records.base import Record
from engine.runs.market import Market
from engine.runs.pipeline import PipelineState
from engine.runs.session import PASSED_OVER, Progress, Stages
from engine.runs.settings import Settings

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
    """A position at the end: its value is quantity times the last price, of `priced_at`; `status` by its rules."""

    symbol: str
    opened_at: int
    qty: str
    price: str
    priced_at: int
    status: str


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


class Backtest:
    """The record path: the stages of `hot run`, fact by fact."""

    def __init__(
        self, settings: Settings, market: Market, listener: Listener, state: PipelineState | None = None,
        on_failure: Callable[[str, str], None] | None = None,
    ) -> None:  # fmt: skip
        """Starts fresh, or from a state, which says how many facts of the market it has seen."""
        self._market, self._listener = market, listener
        self._stages = Stages(settings, market.snapshot, self._sink, state, on_failure=on_failure)
        self._skip = self.facts = state.facts if state is not None else 0
        self._reached, self._fills, self._ended = 0, 0, False

    def play(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Plays the market to its end or a stop; gives where it is after each fact that closed a cycle."""
        turn = self._stages.turn
        entries = self._market.source.facts()
        for _ in range(self._skip):
            next(entries, None)
        for entry in entries:
            if stopped():
                return
            self.facts += 1
            fact = entry.record
            if fact is None or fact.kind in PASSED_OVER:
                continue
            ticks = turn.ticks
            turn.feed(fact)
            self._reached = fact.at
            if turn.ticks != ticks:
                yield Progress(fact.at, self.facts, turn.ticks, self._fills, False)
        self._ended = True

    def _sink(self, record: Record) -> None:
        self._listener.hear(record)
        if record.kind == "tick":
            desk = self._stages.order.desk.state
            self._listener.mark(Marks((record.at,), (desk.equity_e8,), (desk.cash_e8,), (len(desk.books),)))
        elif record.kind == "fill":
            self._fills += 1

    def state(self) -> PipelineState:
        """Gives what the stages remember, to start another backtest from; to be copied before it is used."""
        return self._stages.state(self.facts)

    def result(self) -> Result:
        """Gives how far it came."""
        return Result(self.facts, self._stages.turn.ticks, self._reached, self._ended, tuple(self._held()))

    def _held(self) -> Iterator[Held]:
        desk = self._stages.order.desk.state
        for symbol, book in sorted(desk.books.items()):
            recent, rules = desk.recent[symbol], desk.rules.get(symbol)
            status = rules.status if rules is not None else ""
            yield Held(symbol, book.opened_at, str(book.qty), recent.text, recent.at, status)


class Playing(Protocol):
    """A backtest that is under way, by whatever path."""

    def play(self, stopped: Callable[[], bool] = lambda: False) -> Iterator[Progress]:
        """Plays the market to its end or a stop; gives where it is now and then."""
        ...

    def result(self) -> Result:
        """Gives how far it came."""
        ...


def playing(
    settings: Settings, market: Market, listener: Listener, path: Path = "records",
    on_failure: Callable[[str, str], None] | None = None,
) -> Playing:  # fmt: skip
    """Gives a backtest that is to be played: fact by fact (`records`), or over columns (`blocks`).

    Both decide the same. Blocks make records of entries asked for and what became of them only, and need a store and
    numba; raises Unfit where they cannot play this market with these settings.
    """
    if path == "records":
        return Backtest(settings, market, listener, on_failure=on_failure)
    if market.more:
        raise Unfit("there are several markets: hot store import makes one store of them")
    if market.broken:
        raise Unfit(f"prices of {', '.join(market.broken)} jump between two candles")
    if market.only.get("posts"):
        raise Unfit("posts are heard beside it")
    from engine.runs.backtest.blocks.play import BlockBacktest

    return BlockBacktest(settings, market, listener, on_failure)


def fastest(
    settings: Settings, market: Market, listener: Listener, on_failure: Callable[[str, str], None] | None = None
) -> tuple[Playing, str | None]:
    """Gives a backtest over columns where that can be, else fact by fact, with why."""
    try:
        return playing(settings, market, listener, "blocks", on_failure), None
    except Unfit as why:
        return playing(settings, market, listener, "records", on_failure), str(why)


def backtest(
    settings: Settings, market: Market, listener: Listener, *, path: Path = "records",
    show: Callable[[Progress], None] = lambda now: None, stopped: Callable[[], bool] = lambda: False,
    on_failure: Callable[[str, str], None] | None = None,
) -> Result:  # fmt: skip
    """Plays a market from its first fact, telling `listener` what is decided; gives how far it came.

    `show` is told where it is, `on_failure` of a strategy that failed on a symbol. Raises what the market's source
    raises, and Unfit.
    """
    under_way = playing(settings, market, listener, path, on_failure)
    for now in under_way.play(stopped):
        show(now)
    return under_way.result()
