"""Look-ahead: a backtest over a market that is cut off, or that goes on otherwise, must decide the same up to the cut.

What is kept of the first pass is a hash a decision and some saved states, so a cut is thought over from shortly before
it; one in ten is from the very start. What a strategy remembers outside its state from one pass to the next, or
reads ahead from the market, shows as a difference. What it reads from a file while it thinks is no fact of the market
and cannot be judged so: it is named. Where the market can be played in blocks, what a strategy asks for over columns,
which hold the future too, must come to the same deeds.
"""

import copy
import hashlib
import random
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from engine.records.base import Record
from engine.records.wire import COMPARED, encode
from engine.runs.backtest.backtest import playing
from engine.runs.backtest.futures import Passing, Stretches
from engine.runs.backtest.outcome import Listener, Marks, Unfit
from engine.runs.backtest.reads import Reads, Watched
from engine.runs.backtest.record_path import Backtest
from engine.runs.backtest.results import DEEDS
from engine.runs.market import Market
from engine.runs.pipeline import pack, unpack
from engine.runs.progress import Progress
from engine.runs.settings import Settings

#: So many states of the first pass are kept at most, evenly over it.
STATES = 96
#: One cut in so many is thought over from the very start.
FROM_START = 10
#: So many facts after the cut are shown with other prices.
ALTERED = 2000


class Cut(NamedTuple):
    """A place in the market: after so many facts; the time of the last, and whether more of that time follow."""

    facts: int
    at: int
    inside: bool
    from_start: bool


class Found(NamedTuple):
    """What a cut showed: how many decisions were compared over both futures, and the first that is another one."""

    cut: Cut
    compared: int
    future: str = ""
    decision: int | None = None
    now: str | None = None

    @property
    def same(self) -> bool:
        """True where every decision is what it was."""
        return self.decision is None

    def row(self) -> dict[str, Any]:
        """Gives it as a plain JSON object."""
        return {
            "after_facts": self.cut.facts, "at": self.cut.at, "inside_cycle": self.cut.inside,
            "from_start": self.cut.from_start, "compared": self.compared, "same": self.same,
            "future": self.future or None, "decision": self.decision, "now": self.now,
        }  # fmt: skip


class Saved(NamedTuple):
    """A state of the first pass, with how many facts it had seen and decisions it had made."""

    facts: int
    decided: int
    state: bytes


class FirstPass:
    """Listens to a whole backtest: keeps a hash of each decision, the fact that caused it, and states on the way."""

    def __init__(self, listener: Listener, passing: Passing) -> None:
        """Hands everything on to `listener`."""
        self._listener, self._passing = listener, passing
        self.hashes, self.causes, self.deeds = array("Q"), array("Q"), array("Q")
        self.states: list[Saved] = []
        self._stride, self._until = 1, 0

    def hear(self, record: Record) -> None:
        """Takes a record."""
        self._listener.hear(record)
        if record.kind in COMPARED:
            self.hashes.append(_hash(encode(record)))
            self.causes.append(self._passing.given)
            if record.kind in DEEDS:
                self.deeds.append(self.hashes[-1])

    def mark(self, marks: Marks) -> None:
        """Takes the account at ticks."""
        self._listener.mark(marks)

    def save(self, playing: Backtest) -> None:
        """Saves a state between two facts, when it is time for one; thins them out when they are many."""
        self._until -= 1
        if self._until > 0:
            return
        self.states.append(Saved(playing.facts, len(self.hashes), pack(playing.state())))
        if len(self.states) > STATES:
            self.states = self.states[::2]
            self._stride *= 2
        self._until = self._stride

    def before(self, facts: int) -> Saved | None:
        """Gives the last saved state from before so many facts."""
        found = bisect_right(self.states, facts - 1, key=lambda saved: saved.facts)
        return self.states[found - 1] if found else None

    def decided(self, facts: int) -> int:
        """Gives how many decisions were made by the time so many facts were seen."""
        return bisect_right(self.causes, facts)


class Again:
    """Listens to a pass over another future: holds each decision up to the cut against the first pass."""

    def __init__(self, first: FirstPass, passing: Passing, cut: int, decided: int) -> None:
        """Begins after `decided` decisions."""
        self._first, self._passing, self._cut = first, passing, cut
        self._next, self._due = decided, first.decided(cut)
        self.compared = 0
        self.decision: int | None = None
        self.now: str | None = None

    def hear(self, record: Record) -> None:
        """Takes a record."""
        if record.kind not in COMPARED or self.decision is not None or self._passing.given > self._cut:
            return
        line = encode(record)
        self.compared += 1
        if self._next >= self._due or self._first.hashes[self._next] != _hash(line):
            self.decision, self.now = self._next, line.decode("utf-8", "replace")
        self._next += 1

    def mark(self, marks: Marks) -> None:
        """The account follows from the decisions."""

    def end(self) -> None:
        """Decisions that were not made again differ too."""
        if self.decision is None and self._next < self._due:
            self.decision = self._next


class InBlocks:
    """Listens to the same market in blocks: holds each deed against the first pass."""

    def __init__(self, first: FirstPass) -> None:
        """Has heard nothing yet."""
        self._deeds, self._next = first.deeds, 0
        self.differs: str | None = None

    def hear(self, record: Record) -> None:
        """Takes a record."""
        if record.kind not in DEEDS or self.differs is not None:
            return
        line = encode(record)
        if self._next >= len(self._deeds) or self._deeds[self._next] != _hash(line):
            self.differs = line.decode("utf-8", "replace")
        self._next += 1

    def mark(self, marks: Marks) -> None:
        """The account follows from the decisions."""

    def end(self) -> None:
        """Deeds that were not done again differ too."""
        if self.differs is None and self._next < len(self._deeds):
            self.differs = "nothing"


class Lookahead:
    """A backtest that is thought over again with other futures."""

    def __init__(
        self, settings: Settings, market: Market, listener: Listener,
        on_failure: Callable[[str, str], None] | None = None,
    ) -> None:  # fmt: skip
        """`listener` hears the first pass, which is the backtest itself."""
        self._reads = Reads()
        self._plain, self._settings, self._market = settings, copy.copy(settings), market
        self._on_failure = on_failure
        self._settings.strategy = Watched(settings.strategy, self._reads)
        passing = Passing(market.source)
        self.first = FirstPass(listener, passing)
        self.playing = Backtest(self._settings, market._replace(source=passing), self.first, on_failure=on_failure)

    @property
    def reads(self) -> frozenset[str]:
        """The files that the strategy opened while it was thinking."""
        return frozenset(self._reads.files)

    def play(self, stopped: Callable[[], bool]) -> Iterator[Progress]:
        """Plays the first pass."""
        for now in self.playing.play(stopped):
            self.first.save(self.playing)
            yield now

    def check(self, count: int, seed: int, stopped: Callable[[], bool]) -> Iterator[Found]:
        """Gives what each of `count` cuts shows, in the order of time; the seed chooses them."""
        stretches = Stretches(self._market.source)
        for cut in self.cuts(count, seed):
            found = Found(cut, 0)
            for future, altered in (("none", 0), ("other prices", ALTERED)):
                if found.same:
                    found = self._over(found, future, altered, stretches, stopped)
            if stopped():
                return
            yield found

    def in_blocks(self, stopped: Callable[[], bool]) -> str | None:
        """Gives the first deed that is another one when the market is played in blocks; None for none, or no blocks.

        The block path may leave out what a strategy's columns do not ask for, so a column that knows the future could
        pick its trades.
        """
        heard = InBlocks(self.first)
        try:
            blocks = playing(self._plain, self._market, heard, "blocks", self._on_failure)
        except Unfit:
            return None
        for _ in blocks.play(stopped):
            if heard.differs is not None:
                return heard.differs
        if not stopped():
            heard.end()
        return heard.differs

    def cuts(self, count: int, seed: int) -> list[Cut]:
        """Chooses cuts: every other one right after a fact that caused a decision, the rest anywhere.

        A cycle holds a fact of every symbol, so nearly all of them are inside of one, after a single bar.
        """
        rng = random.Random(seed)
        causes, facts = self.first.causes, self.playing.facts
        if not facts:
            return []
        chosen = sorted(rng.choice(causes) if i % 2 and causes else rng.randint(1, facts) for i in range(count))
        start = set(rng.sample(range(count), -(-count // FROM_START)))
        return self._described(chosen, start)

    def _described(self, chosen: list[int], start: set[int]) -> list[Cut]:
        """Reads the market once more for the times at the cuts."""
        made: list[Cut] = []
        entries = enumerate(self._market.source.facts(), 1)
        number, at, after = 0, 0, next(entries, None)
        for i, cut in enumerate(chosen):
            while after is not None and number < cut:
                number, entry = after
                at = entry.record.at if entry.record is not None else at
                after = next(entries, None)
            follows = after[1].record if after is not None else None
            made.append(Cut(cut, at, follows is not None and follows.at == at, i in start))
        return made

    def _over(
        self, found: Found, future: str, altered: int, stretches: Stretches, stopped: Callable[[], bool]
    ) -> Found:  # fmt: skip
        cut, state, given, decided = found.cut, None, 0, 0
        source = self._market.source
        saved = None if cut.from_start else self.first.before(cut.facts)
        if saved is not None:
            given, decided = saved.facts, saved.decided
            source = stretches.between(given, cut.facts + ALTERED)
            state = unpack(saved.state)
            state.facts = 0  # of the stretch, it has seen none
        passing = Passing(source, cut.facts, altered, given)
        again = Again(self.first, passing, cut.facts, decided)
        playing = Backtest(self._settings, self._market._replace(source=passing), again, state, self._on_failure)
        for _ in playing.play(lambda: stopped() or again.decision is not None):
            pass
        again.end()
        compared = found.compared + again.compared
        if again.decision is None:
            return found._replace(compared=compared)
        return Found(cut, compared, future, again.decision, again.now)


def _hash(line: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(line, digest_size=8).digest(), "big")
