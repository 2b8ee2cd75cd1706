"""The dead man's switch: limit orders stay at the exchange only as long as somebody here says so."""

from functools import partial

from engine.errors import HotError
from engine.world.venues.live.hub import Hub

#: A countdown is begun anew when a third of it is over: two requests may fail.
RENEWALS = 3
#: After a failure the next try comes after this, in seconds.
AGAIN_S = 1.0


class DeadMan:
    """Begins the countdown of each symbol with a limit order anew, again and again.

    An end in order says nothing either: what is left then is cancelled by the exchange, unless a start comes before.
    """

    def __init__(self, hub: Hub) -> None:
        """Speaks where the settings ask for it."""
        self._hub = hub
        self._due: dict[str, float] = {}

    def look(self) -> None:
        """Says that somebody is here, where the time for that has come; calls off what counts down for nothing."""
        hub, after_s = self._hub, self._hub.settings.dead_man_s
        if not after_s:
            return
        with hub.lock:
            open_ = hub.tracker.open.values()
            symbols = {one.symbol for one in open_ if not one.conditional and not one.at_once}
        now = hub.mono()
        for symbol in sorted(symbols):
            if now >= self._due.get(symbol, 0.0):
                self._due[symbol] = now + after_s / RENEWALS
                hub.ask(f"alive {symbol}", partial(self._say, symbol, after_s))
        for symbol in sorted(self._due.keys() - symbols):
            del self._due[symbol]
            hub.ask(f"alive {symbol}", partial(self._say, symbol, 0))

    def _say(self, symbol: str, after_s: int) -> None:
        try:
            self._hub.account.countdown(symbol, after_s)
        except HotError as error:
            self._hub.trouble(error)
            if symbol in self._due:
                self._due[symbol] = self._hub.mono() + AGAIN_S
