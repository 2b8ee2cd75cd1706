"""Pace: facts come when they are due, and an interrupt ends the wait."""

import pytest

from engine.errors import UsageError
from engine.plugs import Entry
from engine.records.market import SymbolRules, Ticker
from engine.world.pace import factor_of, paced


class Clock:
    """A clock that only moves when somebody waits."""

    def __init__(self, interrupted_after: float = 1e9) -> None:
        self.now, self.limit = 100.0, interrupted_after

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now - 100.0 >= self.limit

    def read(self) -> float:
        return self.now


def entry(at: int) -> Entry:
    return Entry(Ticker(at=at, venue="v", symbol="A", last="1", quote_volume_24h="1"), None)


RULES = Entry(SymbolRules(at=1, venue="v", symbol="A", base="A", quote="", tick="1", step="1"), None)
FACTS = [RULES, entry(1_000_000), entry(1_010_000), Entry(None, b"{}"), entry(1_200_000)]


@pytest.mark.parametrize(("speed", "seconds"), [("max", 0.0), ("realtime", 200.0), ("10", 20.0), ("0.5", 400.0)])
def test_a_market_takes_its_own_time_divided_by_the_speed(speed, seconds):
    clock = Clock()
    assert list(paced(FACTS, speed, clock.wait, clock.read)) == FACTS
    assert clock.now - 100.0 == pytest.approx(seconds, abs=0.01)


def test_an_interrupt_ends_the_facts_within_the_wait():
    clock = Clock(interrupted_after=60.0)
    assert list(paced(FACTS, "realtime", clock.wait, clock.read)) == FACTS[:4]


def test_what_is_late_is_not_waited_for():
    clock = Clock()
    facts = paced(FACTS, "realtime", clock.wait, clock.read)
    next(facts), next(facts)
    clock.now += 1000.0
    assert len(list(facts)) == 3
    assert clock.now == 1100.0


@pytest.mark.parametrize("speed", ["fast", "0", "-1", "nan", "inf", ""])
def test_what_is_no_speed_is_refused(speed):
    with pytest.raises(UsageError, match="is no speed"):
        factor_of(speed)
