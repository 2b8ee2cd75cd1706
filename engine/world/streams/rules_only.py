"""A live market that tells its rules and the time, and nothing else: what a comparison of books needs of it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from engine.plugs import Entry
from engine.records.market import Tick
from engine.world.streams.asking import ask_unless
from engine.world.streams.binance_live import BinanceLive
from engine.world.streams.lifecycle import Symbols

BEAT_S = 0.02


@dataclass(frozen=True)
class RulesOnly:
    """The rules of `market` once, empty entries until `done` says so, a tick, and again until what it began is done."""

    market: BinanceLive
    done: Callable[[], bool]

    def facts(self) -> Iterator[Entry]:
        """Gives the rules, and beats; raises VenueError where there is no way to the market."""
        with self.market.opened() as (rest, clock):
            symbols = Symbols(self.market.quotes, self.market.symbols)
            listings = ask_unless(rest.listings, self.market.stopped)
            if listings is None:
                return
            for rules in symbols.update(listings, clock().at).rules:
                yield Entry(rules, None)
            yield from self._beat()
            yield Entry(Tick(at=clock().at), None)
            yield from self._beat()

    def _beat(self) -> Iterator[Entry]:
        while not self.done():
            yield Entry(None, None)
            time.sleep(BEAT_S)
        yield Entry(None, None)

    def manifest(self) -> dict[str, Any]:
        """Gives the market's name: a run on it goes on from here."""
        return self.market.manifest()
