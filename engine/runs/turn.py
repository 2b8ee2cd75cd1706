"""The crank: one record in, through every stage that wants it, all in one process."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from engine.records.base import Record
from engine.records.market import Tick
from engine.stages.intake import Intake

Sink = Callable[[Record], None]


class Takes(Protocol):
    """A stage, as the crank sees it."""

    wants: frozenset[str]

    def take(self, record: Any) -> list[Record]:
        """Takes a record and gives what it says about it."""
        ...


class Turn:
    """Passes records through the stages in the order that a pipe of them would.

    What a stage says about a tick goes on before the tick, anything else after its cause.
    """

    def __init__(self, intake: Intake, stages: Sequence[Takes], sink: Sink | None = None) -> None:
        """`sink` gets every record that leaves the last stage."""
        self.intake, self.stages, self.sink = intake, list(stages), sink
        self._routes: dict[str, tuple[int, ...]] = {}
        self.ticks = 0

    def feed(self, fact: Record, before_tick: Callable[[int], None] | None = None) -> None:
        """Takes the market's next fact, with the ticks and rules that stand before it."""
        for made in self.intake.before(fact):
            if before_tick is not None and isinstance(made, Tick):
                before_tick(made.at)
            self.flow(made)
        if before_tick is not None and isinstance(fact, Tick):
            before_tick(fact.at)
        self.flow(fact)

    def flow(self, record: Record, start: int = 0) -> None:
        """Passes a record from stage `start` on."""
        kind = record.kind
        route = self._routes.get(kind)
        if route is None:
            route = self._routes[kind] = tuple(i for i, stage in enumerate(self.stages) if kind in stage.wants)
        if kind == "tick":
            self._tick(record, route, start)
            return
        stages = self.stages
        later: list[tuple[int, list[Record]]] | None = None
        for i in route:
            if i >= start:
                made = stages[i].take(record)
                if made:
                    later = [*(later or ()), (i, made)]
        if self.sink is not None:
            self.sink(record)
        if later is None:
            return  # most facts make nothing
        for i, made in reversed(later):
            for one in made:
                self.flow(one, i + 1)

    def _tick(self, tick: Record, route: tuple[int, ...], start: int) -> None:
        for i in route:
            if i < start:
                continue
            made = self.stages[i].take(tick)
            if made and isinstance(made[-1], Tick):
                tick = made.pop()  # the scan gives the tick back with its codes
            for one in made:
                self.flow(one, i + 1)
        self.ticks += 1
        if self.sink is not None:
            self.sink(tick)
