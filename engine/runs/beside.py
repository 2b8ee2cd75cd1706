"""What is heard beside a market's prices: announcements and posts, where scan.inputs declares them."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
from msgspec import Meta

from engine.plugs import Sentiment, Source
from engine.runs import catalog

if TYPE_CHECKING:
    from engine.world.imports.notes import OnBad
    from engine.world.imports.origin import Window
    from engine.world.streams.beside import MakeSource

#: What scan.inputs may name.
ANNOUNCEMENT, SOCIAL, SENTIMENT = "announcement", "social", "sentiment"


class AnnouncementsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a live market's announcements come from, when scan.inputs names announcement.

    `url`: base address of the exchange's pages. `every_s`: each catalog is asked for so often, seconds; it is no
    official interface, so slowly. `catalogs`: which catalogs: 48 new listings, 161 delistings, 93 activities.
    """

    url: str = "https://www.binance.com"
    every_s: Annotated[int, Meta(ge=1, le=86_400)] = 60
    catalogs: tuple[int, ...] = (48, 161, 93)


class PostsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Social posts, JSON lines of any producer. They count as scan.inputs social and sentiment.

    `path`: a file that grows, a named pipe, or - for stdin; a whole file beside a recorded market; the flag --posts.
    `sentiment`: what scores posts that bring no sentiment.
    """

    path: str = ""
    sentiment: str = "vader"


class PostsWanted(NamedTuple):
    """Which posts: their file, the quote asset that tags count against, and what scores them ("" for nothing)."""

    path: str
    quote: str
    sentiment: str = ""


def scorer(name: str) -> Sentiment | None:
    """Gives what scores texts by its name; None for none. Raises ConfigError for one that is not there."""
    if not name:
        return None
    made: Sentiment = catalog.load("sentiments", name)()
    return made


def beside_live(
    inputs: tuple[str, ...], announcements: AnnouncementsSettings, posts: PostsWanted | None
) -> tuple["MakeSource", ...]:
    """Gives what makes the sources that are declared of a live market; raises ConfigError."""
    made: list[MakeSource] = []
    if ANNOUNCEMENT in inputs:
        source = _source("announcements")
        made.append(
            partial(source, url=announcements.url, every_s=announcements.every_s, catalogs=announcements.catalogs)
        )
    if posts is not None:
        made.append(partial(_source("posts"), path=posts.path, quote=posts.quote, score=scorer(posts.sentiment)))
    return tuple(made)


def _source(name: str) -> Callable[..., Source]:
    return catalog.load("sources", name)


def with_posts(market: Source, posts: PostsWanted, wanted: "Window", strict: bool, on_bad: "OnBad") -> Source:
    """Gives a recorded market with the posts of a file among its facts; raises ConfigError."""
    from engine.world.joined import Joined, PostsFile

    beside = PostsFile(
        path=posts.path, quote=posts.quote, score=scorer(posts.sentiment), wanted=wanted, strict=strict, on_bad=on_bad
    )
    return Joined(market, beside)
