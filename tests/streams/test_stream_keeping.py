"""Keeping: what a stream told is handed to the cache, each candle once, also at the end."""

import asyncio
from collections.abc import Sequence

import pytest
from tiny_exchange import TinyRest, bar, rules

from engine.records.market import Bar
from engine.world.streams import keeping
from engine.world.streams.asking import Asking
from engine.world.streams.keeping import Keeping


class Hearing(TinyRest):
    """A REST that remembers what it heard."""

    def __init__(self) -> None:
        super().__init__([], lambda: 0)
        self.told: list[list[int]] = []

    def heard(self, bars: Sequence[Bar]) -> None:
        self.told.append([one.open_at for one in bars])


def test_candles_are_handed_on_now_and_then_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "KEEP_EVERY_S", 0.05)
    rest = Hearing()
    kept = Keeping(rest)

    async def play() -> None:
        asking = Asking(1)
        task = asyncio.create_task(kept.run(asking))
        kept.hear([bar("AUSDT", 60_000), rules("AUSDT", 1), bar("AUSDT", 120_000)])
        await asyncio.sleep(0.2)
        kept.hear([bar("AUSDT", 180_000)])
        task.cancel()
        asking.stop()

    asyncio.run(play())
    kept.hand_on()
    assert [one for one in rest.told if one] == [[60_000, 120_000], [180_000]]
