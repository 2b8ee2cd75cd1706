"""A source beside a market: its facts come into the inbox; its troubles are told and end nothing else."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Post
from engine.world.streams.beside import Beside
from engine.world.streams.clock import Clock, Stamp
from engine.world.streams.inbox import Inbox

STAMP = Stamp(5, 5)
POST = Post(at=5, source="x", symbols=("A",))


class Shaky:
    """A source that fails as often as it is told to, then gives a post."""

    def __init__(self, failures: int, clock: Clock, stopped: Callable[[], bool]) -> None:
        self.failures, self.stopped = failures, stopped

    def facts(self) -> Iterator[Entry]:
        if self.failures:
            self.failures -= 1
            raise OSError(5, "the disk is gone")
        yield Entry(POST, None)
        yield Entry(None, b"{}")

    def manifest(self) -> dict[str, Any]:
        return {}


def all_of(inbox: Inbox, count: int) -> list[Record]:
    found: list[Record] = []
    end = time.monotonic() + 10
    while len(found) < count and time.monotonic() < end:
        found += inbox.take(0.1)
    return found


def test_a_failure_is_told_and_the_source_begins_again() -> None:
    inbox = Inbox()
    beside = Beside(lambda **given: Shaky(2, **given), lambda: STAMP, inbox, again_s=0.01)
    beside.start()
    told = all_of(inbox, 4)
    beside.stop()
    assert [getattr(one, "code", one.kind) for one in told] == ["SOURCE_FAILED"] * 2 + ["post", "SOURCE_ENDED"]
    assert "the disk is gone" in getattr(told[0], "text", "")


def test_a_full_inbox_is_waited_for_and_a_stop_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.world.streams.beside.STOP_WITHIN_S", 60.0)
    inbox = Inbox(most=10, roomy=0)
    beside = Beside(lambda **given: Shaky(0, **given), lambda: STAMP, inbox)
    beside.start()
    assert inbox.take(0.2) == []
    start = time.monotonic()
    beside.stop()
    assert time.monotonic() - start < 30
