"""Telling: what went wrong with a market's streams, as alerts for people, not too often, and conditions for the engine.

Nobody decides on alerts. A condition is a fact as any other: it is recorded, and whoever thinks again decides the same.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from engine.errors import HotError
from engine.records.account import Condition
from engine.records.base import Record
from engine.records.desk import Alert
from engine.world.binance.trouble import Banned
from engine.world.streams.bars import STEP_MS, Hole
from engine.world.streams.clock import Clock
from engine.world.streams.dirt import Dirt

MINUTE_MS = 60_000
#: How long what is told again every ten seconds, or every minute, is believed.
SILENT_FOR_S, DIRTY_FOR_S, LAG_FOR_S, DIED_FOR_S = 20, 90, 90, 60
#: The event loop of the sockets is late by so many seconds: worth a word, and too much to trust its facts.
LAG_S, LAG_TOO_LONG_S = 2.0, 10.0
LONGEST_BAN_S = 4 * 86_400
#: More different texts than this within a minute are told no more: somebody makes them up.
MOST_TOLD = 500


class Telling:
    """Makes alerts and conditions of one venue's market."""

    def __init__(self, venue: str, clock: Clock, put: Callable[[Iterable[Record]], None], speed: float = 1.0) -> None:
        """`put` takes each record; `speed` is how many times real time the clock runs."""
        self._venue, self._clock, self._put, self._speed = venue, clock, put, speed
        self.dirt = Dirt()
        self._told: dict[str, int] = {}
        self._dropped = 0
        self._silent: tuple[str, ...] = ()

    def cut(self, why: str) -> None:
        """Tells that a connection was lost, each reason once a minute."""
        if self._is_new(why):
            self._tell("warning", "FEED_CUT", why)

    def silent(self, groups: tuple[str, ...], for_s: float) -> None:
        """Tells which groups of streams have said nothing good for so many seconds; to be told again every ten."""
        if groups and groups != self._silent:
            text = f"{', '.join(groups)} said nothing for {for_s:g} s: no entries until the feed flows again"
            self._tell("error", "FEED_SILENT", text)
        elif self._silent and not groups:
            self._tell("info", "FEED_FLOWS", f"{', '.join(self._silent)} can be heard again")
        self._silent = groups
        if groups:
            self.ails("feed_stale", "degraded", SILENT_FOR_S)

    def lagged(self, seconds: float) -> None:
        """Tells that the sockets' event loop was late by so many seconds."""
        if seconds > LAG_S and self._is_new("lag"):
            self._tell("warning", "LOOP_LAG", f"the sockets' event loop was late by {seconds:.1f} s")
        if seconds > LAG_TOO_LONG_S:
            self.ails("loop_lag", "degraded", LAG_FOR_S)

    def died(self, error: Exception, again: bool) -> None:
        """Tells that what reads the market failed by a mistake of ours; whether it is started again, or all ends."""
        what = f"what reads the market failed ({type(error).__name__}: {error})"
        if again:
            self._tell("error", "FEED_DIED", f"{what}: it is started again; no entries until its windows are whole")
            self.ails("feed_died", "degraded", DIED_FOR_S)
        else:
            self._tell("error", "FEED_DIED", f"{what} once more: no entries until hot resume, and an end")
            self.ails("feed_died", "blocked", 0)

    def uncompiled(self, error: Exception) -> None:
        """Tells that kernels could not be made."""
        text = f"the kernels that read frames could not be compiled ({type(error).__name__}: {str(error)[:200]})"
        self._tell("info", "FRAMES_PLAIN", f"{text}: they are read without, which takes longer")

    def breaker(self, text: str, *, well: bool, blocks: bool) -> None:
        """Tells where the breaker of REST stands; threads may call this."""
        self._tell("info" if well else "error" if blocks else "warning", "BREAKER", text)
        if blocks:
            self.ails("breaker", "blocked", 0)

    def ails(self, scope: str, state: Literal["degraded", "blocked"], for_s: float) -> None:
        """Tells the engine what ails this source, for so many real seconds; 0 is until the operator resumes."""
        at, mono = self._clock()
        until = at + max(1, int(1000 * for_s * self._speed)) if for_s else 0
        self._put([
            Condition(
                at=at, venue=self._venue, scope=scope, state=state, reason=scope, until=until,
                needs_resume=until == 0, mono_ms=mono if mono != at else None,
            )
        ])  # fmt: skip

    def again(self) -> None:
        """Tells that it stands again."""
        self._tell("info", "FEED_AGAIN", "connected again; what was missed is asked for")

    def rolled(self) -> None:
        """Tells that a connection was replaced as planned."""
        self._tell("info", "FEED_ROLLED", "a connection was replaced before its day was over")

    def gap(self, holes: Sequence[Hole]) -> None:
        """Tells which candles were missed, and are asked for."""
        if not holes:
            return
        first, last = min(hole.first for hole in holes), max(hole.last for hole in holes)
        symbol = holes[0].symbol if len(holes) == 1 else None
        text = f"candles from {first} to {last + STEP_MS} were missed of {len(holes)} symbols: they are asked for"
        self._tell("info", "FEED_GAP", text, symbol)

    def failed(self, error: HotError) -> None:
        """Tells that REST failed, each reason once a minute; a ban blocks entries until it ends."""
        if not self._is_new(str(error)):
            return
        self._tell("warning", "REST_FAILED", str(error))
        if isinstance(error, Banned):
            left_s = (error.until_ms - self._clock().at) / 1000 / self._speed
            self.ails("banned", "blocked", min(max(1.0, left_s), LONGEST_BAN_S))

    def _is_new(self, text: str) -> bool:
        """Says whether a text was not told within the last minute, and takes note of it."""
        now = self._clock().mono_ms
        self._told = {told: at for told, at in self._told.items() if now - at < MINUTE_MS * self._speed}
        if text in self._told or len(self._told) >= MOST_TOLD:
            return False
        self._told[text] = now
        return True

    def minute(self, dropped: int, symbols: int) -> None:
        """Tells once a minute what could not be read, and what the reader missed: `dropped` since the last call."""
        self._dropped += dropped
        verdict = self.dirt.minute(self._clock().mono_ms)
        if verdict is None:
            return
        if verdict.dirty:
            text = f"{verdict.dirty} of {verdict.rows} events could not be read, as: {verdict.example}"
            self._tell("error" if verdict.too_dirty else "warning", "DIRTY_MESSAGE", text)
        if verdict.too_dirty:
            self.ails("feed_dirty", "degraded", DIRTY_FOR_S)
        if self._dropped > symbols:  # a few fall between two looks of the reader
            text = f"{self._dropped} facts were replaced by newer ones before they were read"
            self._tell("warning", "FEED_DROPPED", text)
        self._dropped = 0

    def _tell(
        self, level: Literal["info", "warning", "error"], code: str, text: str, symbol: str | None = None
    ) -> None:
        self._put([Alert(at=self._clock().at, level=level, code=code, text=text, symbol=symbol)])
