"""Keeping: the candles that a stream told are handed to the cache now and then, away from the sockets' thread."""

import asyncio
from collections.abc import Iterable

from engine.records.base import Record
from engine.records.market import Bar
from engine.world.streams.asking import Asking
from engine.world.streams.rest import Rest

#: A process that is killed loses what it heard in this time, and its next start asks for it.
KEEP_EVERY_S = 60.0


class Keeping:
    """Gathers final candles and hands them on."""

    def __init__(self, rest: Rest) -> None:
        """Starts with none."""
        self._rest = rest
        self._heard: list[Bar] = []

    def hear(self, facts: Iterable[Record]) -> None:
        """Takes the candles among some facts."""
        self._heard += [fact for fact in facts if isinstance(fact, Bar)]

    async def run(self, asking: Asking) -> None:
        """Hands them on once a minute, for ever."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await asking.ask(self._rest.heard, self._taken())

    def hand_on(self) -> None:
        """Hands on what was heard since, at the end."""
        self._rest.heard(self._taken())

    def _taken(self) -> list[Bar]:
        heard, self._heard = self._heard, []
        return heard
