"""What is said about a symbol: announcements, mentions and their sentiment, in bounded rolling windows."""

from bisect import bisect_left, bisect_right
from typing import Literal

import msgspec

from engine.records.base import figure
from engine.records.ideas import HeatInputs
from engine.records.market import Announcement, Post

HOUR_MS = 3_600_000
WEEK_MS = 168 * HOUR_MS
#: More posts than this about one symbol push the oldest out.
MAX_POSTS = 5_000
#: A listing's heat halves each day; after two weeks nothing is left of it.
ANNOUNCEMENT_MS = 14 * 24 * HOUR_MS
Listing = Literal["spot_listing", "perp_listing", "campaign"]


class Chatter(msgspec.Struct, kw_only=True):
    """One symbol's posts of a week (times, and sentiments where scored) and its latest announcement."""

    times: list[int] = []
    sentiments: list[float | None] = []
    announced: Listing | None = None
    announced_at: int = 0

    def post(self, post: Post) -> None:
        """Takes a post; one that was heard of late counts for when it was written."""
        written = post.at if post.written_at is None else min(post.written_at, post.at)
        place = bisect_right(self.times, written)
        self.times.insert(place, written)
        score = post.sentiment
        self.sentiments.insert(place, max(-1.0, min(1.0, score)) if score is not None and score == score else None)
        if len(self.times) > MAX_POSTS:
            del self.times[0], self.sentiments[0]

    def announce(self, news: Announcement) -> None:
        """Takes an announcement; what is no listing or campaign does not count for heat."""
        if news.category in ("spot_listing", "perp_listing", "campaign"):
            self.announced = news.category
            self.announced_at = next(at for at in (news.opens_at, news.released_at, news.at) if at is not None)

    def sweep(self, now: int) -> None:
        """Forgets posts older than a week and announcements that count for nothing any more."""
        old = bisect_left(self.times, now - WEEK_MS)
        del self.times[:old], self.sentiments[:old]
        if self.announced is not None and now - self.announced_at > ANNOUNCEMENT_MS:
            self.announced = None

    @property
    def empty(self) -> bool:
        """True when nothing is remembered."""
        return not self.times and self.announced is None

    def mentions(self, now: int) -> int:
        """Gives how many posts there were in the last hour."""
        return len(self.times) - bisect_left(self.times, now - HOUR_MS + 1)

    def inputs(self, now: int, sources: tuple[str, ...], base: HeatInputs) -> HeatInputs:
        """Gives heat inputs with those of the declared sources filled in (none said is known to be none)."""
        changes: dict[str, object] = {}
        if "announcement" in sources:
            changes["announcement"] = self.announced or "none"
            if self.announced is not None:
                changes["announcement_hours"] = figure(max(0.0, (now - self.announced_at) / HOUR_MS))
        if "social" in sources:
            changes["mentions_1h"] = self.mentions(now)
            changes["mentions_baseline_1h"] = figure(len(self.times) / 168)
        if "sentiment" in sources:
            scored = [s for s in self.sentiments if s is not None]
            total = 0.0
            for score in scored:
                total += score
            changes["sentiment"] = figure(total / len(scored)) if scored else 0
            changes["sentiment_samples"] = len(scored)
        return msgspec.structs.replace(base, **changes) if changes else base
