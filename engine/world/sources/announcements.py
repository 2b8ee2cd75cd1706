"""Announcements of Binance: its pages asked slowly, each article told once, its title read by our own careful rules."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.errors import VenueError
from engine.plugs import Entry
from engine.records.desk import Alert
from engine.records.market import Announcement
from engine.world.binance.articles import MAX_BODY, Article, Articles
from engine.world.binance.http import Link
from engine.world.binance.trouble import Limited
from engine.world.imports.announcements import category_of, symbols_in
from engine.world.imports.seen import Seen
from engine.world.streams.clock import Clock, Stamp

#: After a failure the wait doubles, up to this; what the exchange itself asks for may be longer.
LONGEST_S = 3_600.0
LONGEST_ASKED_S = 86_400.0
#: An article counts for nothing after two weeks, and one that has not been listed for so long is forgotten.
OLD_MS = 14 * 86_400_000
MOST_SEEN = 5_000
#: An honest title names a few coins.
MAX_SYMBOLS = 10
#: A clock of the pages may be a little ahead of ours.
AHEAD_MS = 3_600_000
_LOOK_S = 0.25


@dataclass(kw_only=True)
class Announcements:
    """What the exchange announces about coins, until `stopped`: listings, delistings, campaigns.

    `url` is the base address of its pages; each of `catalogs` is asked for every `every_s` seconds. `chance` blurs the
    waits after failures.
    """

    url: str
    clock: Clock
    stopped: Callable[[], bool]
    every_s: float = 60
    catalogs: tuple[int, ...] = (48, 161, 93)
    chance: Callable[[], float] = random.random
    _seen: Seen = field(default_factory=lambda: Seen(OLD_MS, MOST_SEEN), init=False, repr=False)

    def facts(self) -> Iterator[Entry]:
        """Gives each announcement that names a coin, once, when it is heard of; and alerts of what failed."""
        link = Link(answer_s=10.0, max_body=MAX_BODY)
        try:
            yield from self._asked(Articles(link, self.url))
        finally:
            link.close()

    def manifest(self) -> dict[str, Any]:
        """Gives its name: what it told is where the market was recorded."""
        return {"stream": "announcements"}

    def _asked(self, pages: Articles) -> Iterator[Entry]:
        failures = 0
        while not self.stopped():
            try:
                for catalog in self.catalogs:
                    yield from self._news(pages.newest(catalog, self.clock().at))
            except VenueError as error:
                failures += 1
                wait_s = self._wait_s(error, failures)
                yield self._alert("warning", "ANNOUNCEMENTS_FAILED", f"{error}; asked again in {wait_s:.0f} s")
            else:
                if failures:
                    yield self._alert("info", "ANNOUNCEMENTS_AGAIN", f"{pages.host} answers again")
                failures, wait_s = 0, self.every_s
            self._sleep(wait_s)

    def _wait_s(self, error: VenueError, failures: int) -> float:
        wait_s = min(self.every_s * 2.0**failures * (0.75 + 0.5 * self.chance()), LONGEST_S)
        if not isinstance(error, Limited):
            return wait_s
        return max(wait_s, min((error.until_ms - self.clock().at) / 1000, LONGEST_ASKED_S))

    def _sleep(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.stopped() and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_S))

    def _news(self, articles: list[Article]) -> Iterator[Entry]:
        for article in reversed(articles):
            stamp = self.clock()
            if self._seen.is_new(article.code, stamp.at):
                news = announcement_of(article, stamp)
                if news is not None:
                    yield Entry(news, None)

    def _alert(self, level: Literal["info", "warning"], code: str, text: str) -> Entry:
        return Entry(Alert(at=self.clock().at, level=level, code=code, text=text), None)


def announcement_of(article: Article, stamp: Stamp) -> Announcement | None:
    """Gives an article's announcement as it was heard of now; None for an old one, or where no coin is named for sure.

    A ticker in a title is only a guess at a market: nothing is bought for it alone, it must be traded and move.
    """
    released = article.released_at
    if released is not None and released > stamp.at + AHEAD_MS:
        released = None
    if released is not None and released < stamp.at - OLD_MS:
        return None
    category = category_of(article.title)
    symbols = symbols_in(article.title, category)
    if not symbols or len(symbols) > MAX_SYMBOLS:
        return None
    return Announcement(
        at=stamp.at, source="binance", announcement_id=article.code, category=category, symbols=symbols,
        title=article.title, released_at=released, mono_ms=stamp.mono_ms if stamp.mono_ms != stamp.at else None,
    )  # fmt: skip
