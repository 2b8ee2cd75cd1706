"""Telling: what people hear, how often, and what the engine is told to stop entries for."""

import pytest

from engine.errors import VenueError
from engine.records.account import Condition
from engine.records.base import Record
from engine.records.desk import Alert
from engine.world.binance.trouble import Banned
from engine.world.streams.clock import Stamp
from engine.world.streams.telling import MOST_TOLD, Telling

NOW = 1_700_000_000_000


class Room:
    """A telling with a clock that stands, and what was told."""

    def __init__(self) -> None:
        self.at = NOW
        self.told: list[Record] = []
        self.telling = Telling("binance-spot", lambda: Stamp(self.at, self.at + 5), self.told.extend)

    def codes(self) -> list[str]:
        return [one.code for one in self.told if isinstance(one, Alert)]

    def conditions(self) -> list[tuple[str, str, int, bool]]:
        return [(one.scope, one.state, one.until, one.needs_resume) for one in self.told if isinstance(one, Condition)]


@pytest.fixture
def room() -> Room:
    return Room()


def test_silence_is_said_once_and_the_engine_hears_it_as_long_as_it_lasts(room: Room) -> None:
    for _ in range(3):
        room.telling.silent(("!miniTicker@arr",), 45.0)
    room.telling.silent((), 45.0)
    assert room.codes() == ["FEED_SILENT", "FEED_FLOWS"]
    assert room.conditions() == [("feed_stale", "degraded", NOW + 20_000, False)] * 3
    [first, *_] = [one for one in room.told if isinstance(one, Condition)]
    assert first.mono_ms == NOW + 5


def test_a_loop_that_lags_is_said_and_one_that_hangs_stops_entries(room: Room) -> None:
    for late in (0.5, 3.0, 4.0):
        room.telling.lagged(late)
    assert room.codes() == ["LOOP_LAG"]
    assert room.conditions() == []
    room.telling.lagged(11.0)
    assert room.conditions() == [("loop_lag", "degraded", NOW + 90_000, False)]


def test_the_same_trouble_is_said_once_a_minute(room: Room) -> None:
    for _ in range(3):
        room.telling.failed(VenueError("no answer"))
        room.telling.cut("closed by the exchange")
        room.at += 25_000
    assert room.codes() == ["REST_FAILED", "FEED_CUT"]
    room.at += 25_000
    room.telling.failed(VenueError("no answer"))
    assert room.codes()[2:] == ["REST_FAILED"]


def test_made_up_troubles_do_not_fill_the_memory(room: Room) -> None:
    for number in range(2 * MOST_TOLD):
        room.telling.failed(VenueError(f"trouble {number}"))
    assert len(room.codes()) == MOST_TOLD


def test_a_ban_blocks_until_it_ends_and_the_last_level_of_the_breaker_until_somebody_looks(room: Room) -> None:
    room.telling.failed(Banned("banned", NOW + 120_000))
    room.telling.breaker("half of the requests", well=False, blocks=False)
    room.telling.breaker("no entries until hot resume", well=False, blocks=True)
    assert room.conditions() == [("banned", "blocked", NOW + 120_000, False), ("breaker", "blocked", 0, True)]


def test_too_many_bad_events_in_a_minute_stop_entries(room: Room) -> None:
    room.telling.minute(0, 10)
    room.telling.dirt.count(100, 6, "not JSON")
    room.at += 60_000
    room.telling.minute(0, 10)
    assert room.codes() == ["DIRTY_MESSAGE"]
    assert room.conditions() == [("feed_dirty", "degraded", NOW + 150_000, False)]
