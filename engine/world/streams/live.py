"""A live market as a source of facts: the feed behind it, the sequence before it, and the reader's own pace."""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from engine.errors import HotError
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.market import Bar, Tick
from engine.world.streams.beside import Beside, MakeSource
from engine.world.streams.clock import Clock, Stamp
from engine.world.streams.feed import Feed
from engine.world.streams.inbox import Inbox
from engine.world.streams.sequence import GRACE_MS, MOST_MISSED, Sequence

#: A feed that fails by a mistake is started again so often within an hour; once more, and the market has ended.
MOST_DEATHS = 3
HOUR_S = 3600.0
MINUTE_S = 60
#: A reader that was told to stop is not kept waiting longer than this.
LONGEST_WAIT_S = 0.25
#: Cycles that were missed for longer are one jump: nobody decides anew on what a sleep has left behind.
MADE_UP_S = 300


def never() -> bool:
    """Says no."""
    return False


@dataclass
class Live:
    """Facts of a live market, with a tick each `cycle_s` whether something was heard or not.

    With `once` they end after the first tick that knows every symbol's history, and at `until_ms` in any case.
    `stopped` is asked at least four times a second; `before_wait` runs before a wait for the next fact. With `beats` an
    empty entry comes at least that often, for a reader that has something else to do meanwhile. `beside` makes other
    sources, whose facts come among the market's. `speed` is how many times real time the clock runs, which is another
    than 1 at a rehearsal only. `newest` is kept up to date with the opening of each symbol's newest minute candle.
    """

    make_feed: Callable[[Inbox], Feed]
    clock: Clock
    cycle_s: int = 60
    once: bool = False
    stopped: Callable[[], bool] = never
    before_wait: Callable[[], None] | None = None
    grace_ms: int = GRACE_MS
    beats: bool = False
    beside: tuple[MakeSource, ...] = ()
    speed: float = 1.0
    until_ms: int | None = None
    newest: dict[str, int] = field(default_factory=dict)
    inbox: Inbox = field(default_factory=Inbox)
    _deaths: list[float] = field(default_factory=list)

    def facts(self) -> Iterator[Entry]:
        """Gives the market's facts for ever, in order of time.

        Raises VenueError where there is no way to it, and what a feed fails of that was started again too often.
        """
        feed = self.make_feed(self.inbox)
        grace_ms, most_missed = int(self.grace_ms * self.speed), self._most_missed()
        # The feed may be another one later.
        sequence = Sequence(
            1000 * self.cycle_s, self.clock(), lambda at: feed.expected(at), grace_ms, most_missed
        )  # fmt: skip
        others, settled = [Beside(make, self.clock, self.inbox) for make in self.beside], False
        feed.start()
        for other in others:
            other.start()
        try:
            while not self.stopped():
                if self.beats:
                    yield Entry(None, None)
                warm = feed.warm
                if self.before_wait is not None and self.inbox.empty:
                    self.before_wait()  # whatever that raises is the reader's, not the feed's
                try:
                    records = self._records(sequence)
                except HotError:
                    raise
                except Exception as error:
                    # Whatever a feed died of was no fault of the exchange's, and another one may live.
                    feed, records = self._again(feed, error), []
                for entry in sequence.take(records, self._after(sequence.last_at)):
                    record = entry.record
                    if self.until_ms is not None and record is not None and record.at >= self.until_ms:
                        return
                    yield entry
                    if warm and self.once and isinstance(record, Tick):
                        return
                    if isinstance(record, Bar) and record.step_s == MINUTE_S:
                        self.newest[record.symbol] = record.open_at
                    if warm and not settled and isinstance(record, Tick):
                        settled = True
                        _settle()
        finally:
            for other in others:
                other.stop()
            feed.stop()

    def _again(self, feed: Feed, error: Exception) -> Feed:
        """Gives the feed that takes the place of one that died; raises the error where that happened too often."""
        now = time.monotonic()
        self._deaths = [at for at in self._deaths if now - at < HOUR_S]
        if len(self._deaths) > MOST_DEATHS:
            raise error
        self._deaths.append(now)
        again = len(self._deaths) <= MOST_DEATHS
        feed.telling.died(error, again)
        if not again:
            return feed  # what was just told is read first, and then the error once more
        feed.stop()
        self.inbox.mend()
        fresh = self.make_feed(self.inbox)
        fresh.start()
        return fresh

    def _most_missed(self) -> int:
        """Gives how many missed cycles are made up for; a rehearsal in quick motion makes up for more."""
        if self.speed > 1.0:
            return int(MOST_MISSED * self.speed)
        return min(MOST_MISSED, max(1, MADE_UP_S // self.cycle_s))

    def _records(self, sequence: Sequence) -> list[Record]:
        return self.inbox.take(min(sequence.wait_s(self.clock()) / self.speed, LONGEST_WAIT_S))

    def _after(self, at: int) -> Stamp:
        """Gives the instant, one that is later than `at`: each millisecond is handed on once, and whole."""
        now = self.clock()
        while now.at <= at:
            time.sleep(0.0005)
            now = self.clock()
        return now


def _settle() -> None:
    """Takes what is known by now out of the collector's sight: a day of every symbol stays as long as it is watched.

    Walking over it takes tens of milliseconds, and would come when much is made: in the middle of a cycle.
    """
    gc.collect()
    gc.freeze()
