"""The dead man's switch: limit orders stay at the exchange only as long as somebody here says so."""

from functools import partial
from typing import TYPE_CHECKING

from engine.errors import HotError

if TYPE_CHECKING:
    from engine.world.venues.live.venue import LiveVenue

#: A countdown is begun anew when a third of it is over: two requests may fail.
RENEWALS = 3
#: After a failure the next try comes after this, in seconds.
AGAIN_S = 1.0


class DeadMan:
    """Begins the countdown of each symbol with a limit order anew, again and again.

    An end in order says nothing either: what is left then is cancelled by the exchange, unless a start comes before.
    """

    def __init__(self, venue: "LiveVenue") -> None:
        """Speaks for this venue, where its settings ask for it."""
        self._venue = venue
        self._due: dict[str, float] = {}

    def look(self) -> None:
        """Says that somebody is here, where the time for that has come; calls off what counts down for nothing."""
        venue, after_s = self._venue, self._venue.settings.dead_man_s
        if not after_s:
            return
        with venue.lock:
            open_ = venue.tracker.open.values()
            symbols = {one.symbol for one in open_ if not one.conditional and not one.at_once}
        now = venue.mono()
        for symbol in sorted(symbols):
            if now >= self._due.get(symbol, 0.0):
                self._due[symbol] = now + after_s / RENEWALS
                venue.lanes(f"alive {symbol}", partial(self._say, symbol, after_s))
        for symbol in sorted(self._due.keys() - symbols):
            del self._due[symbol]
            venue.lanes(f"alive {symbol}", partial(self._say, symbol, 0))

    def _say(self, symbol: str, after_s: int) -> None:
        try:
            self._venue.account.countdown(symbol, after_s)
        except HotError as error:
            self._venue.trouble(error)
            if symbol in self._due:
                self._due[symbol] = self._venue.mono() + AGAIN_S
