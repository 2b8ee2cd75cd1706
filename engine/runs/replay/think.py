"""Thinking again: facts through all stages in memory, what is said held against what was written, cycle by cycle."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from engine.records.base import Record
from engine.records.market import SymbolRules, Tick
from engine.records.wire import COMPARED, at_of, encode
from engine.runs.pipeline import PipelineState
from engine.runs.progress import Progress
from engine.runs.quiet import Quiet
from engine.runs.replay.compare import Comparison, Group
from engine.runs.settings import Settings
from engine.runs.stages import Stages
from engine.stages.account_order import LiveSetup

#: The place of the order stage among the stages, for orders of the operator that only it has heard.
ORDER = 4


class Stretch(NamedTuple):
    """One market to think over, and what was written of it.

    `facts` gives None for an entry that no stage is shown. `written` is None where nothing is compared by itself; then
    all facts are thought over, else those up to the last written cycle. `operators_from` is the first stage that hears
    the operator. `whole` says that what was written has its end: nothing may be thought beyond it. `onward` gives how
    many facts the next stretch's state comes after: None for all of them, -1 where there is no next. `live` is given
    where orders went to an account, whose answers are among the facts.
    """

    settings: Settings
    snapshot: Mapping[str, SymbolRules]
    facts: Iterable[Record | None]
    written: Iterator[Group] | None
    state: PipelineState | None = None
    operators_from: int = 0
    whole: bool = False
    onward: int | None = -1
    live: LiveSetup | None = None


class Thinking:
    """One stretch, being thought over."""

    def __init__(
        self, stretch: Stretch, comparison: Comparison, hear: Callable[[Record], None] | None = None,
        on_failure: Callable[[str, str], None] | None = None,
    ) -> None:  # fmt: skip
        """`hear` is told every decision up to the last written cycle."""
        self._stretch, self._comparison, self._hear = stretch, comparison, hear
        self.stages = Stages(
            stretch.settings, stretch.snapshot, self._sink, stretch.state, on_failure=on_failure, live=stretch.live
        )
        self._written = stretch.written if stretch.written is not None else iter(())
        self._next = next(self._written, None)
        self._done = stretch.written is not None and self._next is None
        self._now: list[tuple[str, bytes]] = []
        self.facts = self.fills = 0

    def play(self) -> Iterator[Progress]:
        """Thinks; gives where it is after each cycle."""
        turn, onward, quiet = self.stages.turn, self._stretch.onward, Quiet(self.stages)
        for fact in self._stretch.facts:
            if self._done and (onward == -1 or self.facts == onward):
                break
            self.facts += 1
            if fact is None or quiet.take(fact):
                continue
            ticks = turn.ticks
            quiet.settle(fact)
            turn.feed(fact, before_tick=self._operators)
            quiet.look(fact)
            if turn.ticks != ticks:
                yield Progress(fact.at, self.facts, turn.ticks, self.fills, False)
        quiet.settle(None)
        self._finish()

    def _sink(self, record: Record) -> None:
        kind = record.kind
        if self._done or kind not in COMPARED:
            return
        if kind == "fill":
            self.fills += 1
        if self._hear is not None:
            self._hear(record)
        if self._stretch.written is not None:
            self._now.append((kind, encode(record)))
            if kind == "tick":
                self._close(record.at)

    def _operators(self, at: int) -> None:
        """What the operator had ordered by the tick at `at` counts from there; cycles that have none now are passed."""
        while self._next is not None and self._next.at is not None and self._next.at < at:
            self._order(self._next, at)
            self._comparison.cycle(self._next.rows, [])
            self._advance()
        if self._next is not None:
            self._order(self._next, at)

    def _order(self, group: Group, at: int) -> None:
        for order in group.operators:
            if order.at <= at:
                self.stages.turn.flow(order, self._stretch.operators_from)

    def _close(self, at: int) -> None:
        now, self._now = self._now, []
        group = self._next
        if group is None:
            self._comparison.cycle([], now)
        elif group.at is None:
            self._comparison.open_cycle(group.rows, now)
            self._advance()
        elif group.at == at:
            self._comparison.cycle(group.rows, now)
            self._advance()
        else:
            self._comparison.cycle([], now)

    def _advance(self) -> None:
        self._next = next(self._written, None)
        # What stands beyond the last written cycle is not known to have been decided, unless the end was written.
        self._done = self._next is None and not self._stretch.whole

    def _finish(self) -> None:
        """Compares what was written beyond the last tick of the facts."""
        while not self._done and self._next is not None:
            group = self._next
            if group.at is None and not self._comparison.holds(group.rows, self._now):
                # Cut between the decisions on a tick and the tick itself, which is known by their time.
                tick = Tick(at=max(at_of(row.line) for row in group.rows))
                self._operators(tick.at)
                self.stages.turn.flow(tick)
                continue
            now, self._now = self._now, []
            if group.at is None and not self._stretch.whole:
                self._comparison.open_cycle(group.rows, now)
            else:
                self._comparison.cycle(group.rows, now)
            self._advance()
        if self._now:
            self._comparison.cycle([], self._now)
