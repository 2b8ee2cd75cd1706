"""Care for time: whether this machine's clock is off, and whether the process stood still (a sleep, a stop)."""

from engine.world.venues.live.hub import Hub
from engine.world.venues.live.syncing import Syncing

#: So far off a clock is worth a word, and so far off it is not trusted. Orders are stamped with the measured time.
SKEW_TOLD_MS, SKEW_DEGRADES_MS = 500, 5_000
#: The watch looks several times a second: after a gap as long as this whatever was known is old.
GAP_S = 30.0


class Care:
    """Looks after the time of one live venue."""

    def __init__(self, hub: Hub, syncing: Syncing) -> None:
        """Has everything compared after a gap."""
        self._hub, self._syncing = hub, syncing
        self._looked = hub.mono()
        self._woken = False
        self._skew: int | None = None
        #: What was told of the clock; an earlier life may have told that it was off.
        self._degraded: bool | None = None

    @property
    def is_fresh(self) -> bool:
        """Says whether entries may leave: not while the process has just woken and not compared its books again."""
        return not self._woken and self._hub.mono() - self._looked < GAP_S

    def look(self) -> None:
        """Notices a gap since the last look, and a clock that is off."""
        now = self._hub.mono()
        if now - self._looked >= GAP_S:
            self._wake(now - self._looked)
        elif self._woken and self._syncing.recovered:
            self._woken = False
        self._looked = now
        self._look_at_skew()

    def _wake(self, gap_s: float) -> None:
        """After a sleep recovery comes first: every order and holding is asked for before anything is entered."""
        self._woken = True
        self._syncing.recover()
        self._hub.tell_alert("warning", "WOKEN", f"nothing was done for {gap_s:.0f} s: the books are compared first")

    def _look_at_skew(self) -> None:
        skew = self._hub.account.skew_ms()
        if skew is None or skew == self._skew:
            return
        self._skew = skew
        off = abs(skew)
        if off > SKEW_TOLD_MS:
            where = "ahead of" if skew > 0 else "behind"
            text = f"this machine's clock is {off / 1000:.1f} s {where} the exchange's: set it (NTP)"
            self._hub.tell_alert("error" if off > SKEW_DEGRADES_MS else "warning", "CLOCK_SKEW", text)
        if (off > SKEW_DEGRADES_MS) is not self._degraded:
            self._degraded = off > SKEW_DEGRADES_MS
            self._hub.tell_condition("clock_skew", "degraded" if self._degraded else "ok", "clock_skew")
