"""Telling people: what went wrong with a market's streams, as alerts in the stream itself, and not too often."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from engine.errors import HotError
from engine.records.base import Record
from engine.records.desk import Alert
from engine.world.streams.bars import STEP_MS, Hole
from engine.world.streams.clock import Clock
from engine.world.streams.dirt import Dirt

MINUTE_MS = 60_000


class Telling:
    """Makes alerts. Nobody decides on them: what follows from a bad feed follows from the age of its facts."""

    def __init__(self, clock: Clock, put: Callable[[Iterable[Record]], None]) -> None:
        """`put` takes each alert."""
        self._clock, self._put = clock, put
        self.dirt = Dirt()
        self._failures: dict[str, int] = {}
        self._dropped = 0

    def cut(self, why: str) -> None:
        """Tells that a connection was lost."""
        self._tell("warning", "FEED_CUT", why)

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
        """Tells that REST failed, each reason once a minute."""
        text, now = str(error), self._clock().mono_ms
        recent = {told: at for told, at in self._failures.items() if now - at < MINUTE_MS}
        if text not in recent:
            recent[text] = now
            self._tell("warning", "REST_FAILED", text)
        self._failures = recent

    def minute(self, dropped: int, symbols: int) -> None:
        """Tells once a minute what could not be read, and what the reader missed: `dropped` since the last call."""
        self._dropped += dropped
        verdict = self.dirt.minute(self._clock().mono_ms)
        if verdict is None:
            return
        if verdict.dirty:
            text = f"{verdict.dirty} of {verdict.rows} events could not be read, as: {verdict.example}"
            self._tell("error" if verdict.too_dirty else "warning", "DIRTY_MESSAGE", text)
        if self._dropped > symbols:  # a few fall between two looks of the reader
            text = f"{self._dropped} facts were replaced by newer ones before they were read"
            self._tell("warning", "FEED_DROPPED", text)
        self._dropped = 0

    def _tell(
        self, level: Literal["info", "warning", "error"], code: str, text: str, symbol: str | None = None
    ) -> None:
        self._put([Alert(at=self._clock().at, level=level, code=code, text=text, symbol=symbol)])
