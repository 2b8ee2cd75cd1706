"""The record path: one market through all stages in memory, fact by fact; nothing is stored."""

from collections.abc import Callable, Iterator

from engine.records.base import Record
from engine.runs.backtest.outcome import Held, Listener, Marks, Result
from engine.runs.market import Market
from engine.runs.pipeline import PipelineState
from engine.runs.progress import Progress
from engine.runs.settings import Settings
from engine.runs.stages import PASSED_OVER, Stages


class Backtest:
    """The stages of `hot run`; what is decided is handed on as it is said."""

    def __init__(
        self, settings: Settings, market: Market, listener: Listener, state: PipelineState | None = None,
        on_failure: Callable[[str, str], None] | None = None,
    ) -> None:  # fmt: skip
        """Starts fresh, or from a state, which says how many facts of the market it has seen."""
        self._market, self._listener = market, listener
        self._stages = Stages(settings, market.snapshot, self._sink, state, on_failure=on_failure)
        self._skip = self.facts = state.facts if state is not None else 0
        self._reached, self._fills, self._ended = 0, 0, False
        #: The price of what is held, and when that was, at the last tick.
        self._marked: dict[str, tuple[str, int]] = {}
        self._ticked = 0

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
        self._ended = not stopped()  # else it is the stop that ended a stream

    def _sink(self, record: Record) -> None:
        self._listener.hear(record)
        if record.kind == "tick":
            desk = self._stages.order.desk.state
            self._listener.mark(Marks((record.at,), (desk.equity_e8,), (desk.cash_e8,), (len(desk.books),)))
            self._ticked = record.at
            self._marked = {symbol: (desk.recent[symbol].text, desk.recent[symbol].at) for symbol in desk.books}
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
            # What was opened after the last tick was counted by none, nor was one that it comes after.
            marked, marked_at = self._marked[symbol] if book.opened_at < self._ticked else ("", 0)
            yield Held(symbol, book.opened_at, str(book.qty), recent.text, recent.at, status, marked, marked_at)
