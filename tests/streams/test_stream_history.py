"""Candles asked for by REST: what a hole lacks is taken, and nothing that closed a moment ago in its place."""

import asyncio

import pytest
from tiny_exchange import MINUTE, TinyRest

from engine.errors import HotError
from engine.records.market import Bar
from engine.world.streams.asking import Asking
from engine.world.streams.bars import BarGate, Hole
from engine.world.streams.history import History

T = 1_700_000_040_000


def filled(rest: TinyRest, hole: Hole) -> list[int]:
    """Asks for a hole's candles; gives which of them passed, counted from T."""
    passed: list[Bar] = []
    failures: list[HotError] = []

    async def fill() -> None:
        gate, asking = BarGate(), Asking(1)
        gate.begin(hole.symbol, hole.first)

        async def keep(bars: list[Bar]) -> None:
            passed.extend(bars)

        history = History(rest, asking, gate, keep, failures.append, rest.now)
        history.cold = {hole.symbol}
        history.want(hole)
        work = asyncio.create_task(history.run())
        while history.cold:
            await asyncio.sleep(0.01)
        work.cancel()
        asking.stop()

    asyncio.run(asyncio.wait_for(fill(), 10))
    assert not failures
    return [(bar.open_at - T) // MINUTE for bar in passed]


@pytest.mark.parametrize("absent", [set(), {1}, {0, 1}, {2}, {1, 2}])
def test_only_candles_that_were_asked_for_are_taken(absent: set[int]) -> None:
    """In place of candles that it does not have the exchange gives later ones, whose last trades may be missing."""
    rest = TinyRest(["AUSDT"], lambda: T + 5 * MINUTE + 1)
    rest.absent = {("AUSDT", T + minute * MINUTE) for minute in absent}
    passed = filled(rest, Hole("AUSDT", T, T + 2 * MINUTE))
    assert passed == [minute for minute in (0, 1, 2) if minute not in absent]
