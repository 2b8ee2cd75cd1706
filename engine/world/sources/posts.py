"""Posts from any producer of JSON lines: what is appended to a file, written into a named pipe, or comes on stdin."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import BadRecord, ConfigError
from engine.plugs import Entry, Sentiment
from engine.records.desk import Alert
from engine.records.market import Post
from engine.records.wire import MAX_LINE_BYTES
from engine.world.imports.lines import numbered_lines
from engine.world.imports.posts import QUOTE, post_of, scored
from engine.world.imports.seen import Seen
from engine.world.imports.tail import STDIN, tail
from engine.world.streams.clock import Clock, Stamp

#: Nothing older is of use: heat looks back a week.
WEEK_MS = 604_800_000
#: Ids that are remembered, so that a post that comes twice counts once.
MOST_SEEN = 50_000
TELL_EVERY_MS = 60_000


@dataclass(kw_only=True)
class Posts:
    """Posts about coins, in the lines of `path`, as they come, until `stopped`.

    Tags count against `quote`. `score` gives the sentiment of those that bring none. Lines that are no posts are
    counted, and told as an alert once a minute.
    """

    path: str
    clock: Clock
    stopped: Callable[[], bool]
    quote: str = QUOTE
    score: Sentiment | None = None
    _seen: Seen = field(default_factory=lambda: Seen(WEEK_MS, MOST_SEEN), init=False, repr=False)
    _bad: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ConfigError for what cannot be a file of posts."""
        if self.path != STDIN and Path(self.path).is_dir():
            raise ConfigError(f"{self.path} is a folder: name a file of posts, a named pipe or -")

    def facts(self) -> Iterator[Entry]:
        """Gives the posts that name a coin, each once, at the time when it was heard of; and alerts."""
        told = self.clock().mono_ms - TELL_EVERY_MS
        for number, line in numbered_lines(tail(self.path, self.stopped)):
            stamp = self.clock()
            try:
                post = self._read(line, stamp)
            except BadRecord as error:
                self._bad += 1
                if stamp.mono_ms - told >= TELL_EVERY_MS:
                    yield Entry(_alert(self._bad, f"line {number}: {error}", stamp), None)
                    told, self._bad = stamp.mono_ms, 0
                continue
            if post.symbols and self._is_news(post, stamp):
                yield Entry(_heard(scored(post, self.score), stamp), None)

    def manifest(self) -> dict[str, Any]:
        """Gives its name: what it told is where the market was recorded."""
        return {"stream": "posts"}

    def _read(self, line: bytes | None, stamp: Stamp) -> Post:
        if line is None:
            raise BadRecord(f"longer than {MAX_LINE_BYTES} bytes")
        return post_of(line, self.quote, stamp.at)

    def _is_news(self, post: Post, stamp: Stamp) -> bool:
        if post.at < stamp.at - WEEK_MS:
            return False
        return post.post_id is None or self._seen.is_new(f"{post.source} {post.post_id}", stamp.at)


def _heard(post: Post, stamp: Stamp) -> Post:
    """Gives a post as it was heard of now; when it was written stays known."""
    written = post.at if post.at < stamp.at else None
    mono = stamp.mono_ms if stamp.mono_ms != stamp.at else None
    return msgspec.structs.replace(post, at=stamp.at, written_at=written, mono_ms=mono)


def _alert(bad: int, example: str, stamp: Stamp) -> Alert:
    text = f"{bad} {'line' if bad == 1 else 'lines'} of posts could not be read, as {example}"
    return Alert(at=stamp.at, level="warning", code="POSTS_SKIPPED", text=text)
