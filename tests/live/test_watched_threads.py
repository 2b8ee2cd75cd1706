"""Threads behind a live run that die: noticed at once, begun again, and in the end all entries stop, and the run."""

import threading
import time
from typing import Any

import pytest
from tiny_account import TinyAccount

from engine.errors import Bug
from engine.records.account import Condition
from engine.records.base import Record
from engine.records.desk import Alert
from engine.world.account.account import News, StreamNews
from engine.world.account.user_stream import MOST_LIVES, UserStream
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.venue import LiveVenue
from engine.world.venues.live.watch import MOST_DEATHS

QUICK = LiveVenueSettings(sync_s=600)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watch_that_dies_is_begun_again_three_times_and_then_blocks_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    venue, told, lives = LiveVenue(TinyAccount(), QUICK), list[Record](), list[int]()

    def die() -> None:
        lives.append(1)
        raise GeneratorExit  # nothing that code of ours would catch

    monkeypatch.setattr(venue.lookups, "look", die)
    try:
        venue.start([])
        end = time.monotonic() + 20
        with pytest.raises(Bug, match="died too often"):
            while time.monotonic() < end:
                told += venue.drain()
                time.sleep(0.01)
    finally:
        venue.close()
    assert len(lives) == 1 + MOST_DEATHS
    assert [one.code for one in told if isinstance(one, Alert)] == ["WATCH_DIED"] * MOST_DEATHS
    (blocked,) = (one for one in told if isinstance(one, Condition) and one.scope == "watch")
    assert (blocked.state, blocked.needs_resume) == ("blocked", True)


def test_a_defect_that_lasts_is_told_and_floods_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    venue = LiveVenue(TinyAccount(), QUICK)
    lives: list[int] = []

    def fail() -> None:
        lives.append(1)
        raise RuntimeError("a bug")

    monkeypatch.setattr(venue.lookups, "look", fail)
    try:
        venue.start([])
        end = time.monotonic() + 20
        while len(lives) < 8:
            assert time.monotonic() < end
            time.sleep(0.01)
        told = [one for one in venue.drain() if isinstance(one, Condition) and one.scope == "defect"]
    finally:
        venue.close()
    assert [(one.state, one.reason) for one in told] == [("blocked", "defect_RuntimeError")]


def test_a_stream_whose_thread_ends_says_that_it_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[News] = []
    stream = UserStream("test", _Deaf(), heard.append)

    async def die() -> None:
        raise SystemExit(1)

    monkeypatch.setattr(stream, "_main", die)
    stream.start()
    end = time.monotonic() + 10
    while any(one.name == "hot-test-user" for one in threading.enumerate()):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert MOST_LIVES > 1
    assert [(type(one), getattr(one, "up", None)) for one in heard] == [(StreamNews, False)]
    stream.stop()


class _Deaf:
    def __getattr__(self, name: str) -> Any:
        raise AssertionError("it was not to be asked")
