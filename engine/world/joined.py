"""A recorded market with posts of a file beside it, in order of time."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import BadRecord, ConfigError
from engine.plugs import Entry, Sentiment, Source
from engine.records.market import Post
from engine.records.wire import MAX_LINE_BYTES
from engine.world.imports.batches import place, sorted_batches
from engine.world.imports.lines import numbered_lines
from engine.world.imports.notes import Notes, OnBad
from engine.world.imports.origin import Window
from engine.world.imports.posts import QUOTE, post_of, scored
from engine.world.imports.unpack import pieces


@dataclass(kw_only=True)
class PostsFile:
    """The posts of a file that name a coin, each once, in the order of time; it is read whole, in any order.

    Tags count against `quote`; `score` gives the sentiment of posts that bring none. `wanted` is the part of it that
    counts. A line that is no post is told to `on_bad`; `strict` stops at the first.
    """

    path: str
    quote: str = QUOTE
    score: Sentiment | None = None
    wanted: Window = field(default_factory=Window)
    on_bad: OnBad | None = None
    strict: bool = False

    def __post_init__(self) -> None:
        """Raises ConfigError where there is no such file."""
        if not Path(self.path).is_file():
            raise ConfigError(f"no file of posts at {self.path}: beside a recorded market they come from a file")

    def facts(self) -> Iterator[Entry]:
        """Gives the posts."""
        for _, entries in sorted_batches(self._posts()):
            yield from filter(self.wanted.wants, entries)

    def manifest(self) -> dict[str, Any]:
        """Gives path, sha256 and size."""
        with Path(self.path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"files": [{"path": self.path, "sha256": digest, "bytes": Path(self.path).stat().st_size}]}

    def _posts(self) -> Iterator[Post]:
        notes, seen = Notes(self.on_bad, self.strict), set[str]()
        for number, line in numbered_lines(pieces(Path(self.path))):
            try:
                if line is None:
                    raise BadRecord(f"longer than {MAX_LINE_BYTES} bytes")
                post = post_of(line, self.quote)
            except BadRecord as error:
                notes.bad(self.path, number, str(error), line or b"")
                continue
            name = f"{post.source} {post.post_id}"
            if post.symbols and (post.post_id is None or name not in seen):
                seen.add(name)
                yield scored(post, self.score)


class Joined:
    """Two sources as one: the facts of a market, and others between them at their time."""

    def __init__(self, market: Source, beside: Source) -> None:
        """`beside` gives records only; what comes after the market's last fact is left out."""
        self._market, self._beside = market, beside

    def facts(self) -> Iterator[Entry]:
        """Gives the facts of both in order of time and kind."""
        waiting = self._beside.facts()
        following = next(waiting, None)
        for entry in self._market.facts():
            while following is not None and entry.record is not None and _key(following) <= _key(entry):
                yield following
                following = next(waiting, None)
            yield entry

    def manifest(self) -> dict[str, Any]:
        """Names the files of both; a market that is a stream keeps its name, since both are recorded."""
        market = self._market.manifest()
        if "files" not in market:
            return market
        return {**market, "files": [*market["files"], *self._beside.manifest()["files"]]}


def _key(entry: Entry) -> tuple[int, tuple[float, str, str]]:
    assert entry.record is not None
    return entry.record.at, place(entry)
