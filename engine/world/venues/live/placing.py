"""Placing: puts orders and cancels on the wire, once each, and takes what the answers say, or that there was none."""

from collections.abc import Callable, Sequence

from engine.errors import ConfigError, HotError, KeyRefused
from engine.matching.events import VenueOrder
from engine.world.account.account import Placed
from engine.world.binance.trouble import Doubtful, NotSent, Rejected, Sort
from engine.world.venues.live.again import again
from engine.world.venues.live.hub import Hub
from engine.world.venues.live.tracker import Way

#: Spot's words for a stop that price is through already; futures have a code for it.
THROUGH = "would trigger immediately"
RELOAD_EVERY_S = 60.0
#: The exchange's word for an account that was put into hedge mode since it was looked at.
OTHER_MODE = -4061
#: The exchange's words for a sale of more than is held: of a position (reduce-only), and of coins.
NOTHING_THERE = frozenset({"-2022", "-2010"})


class Placing:
    """Makes the requests of one venue, on the threads of its lanes."""

    def __init__(self, hub: Hub, hurry: Callable[[], None]) -> None:
        """`hurry` has what is held compared soon."""
        self._hub, self._hurry = hub, hurry
        self._prepared: set[str] = set()
        self._reloaded: dict[str, float] = {}

    def place(self, *orders: VenueOrder) -> None:
        """Places an order, or two that are a list."""
        order = orders[0]
        if not self._leave(orders):
            return
        try:
            if not order.closes and self._hub.now_ms() - order.sent_at > self._hub.settings.entry_ttl_s * 1000:
                self.reject(orders, "STALE_ORDER")
                return
            self._prepare(order)
            placed = again(lambda: self._request(orders), self._hub.stopping)
        except Doubtful:
            self._doubt(orders, "NO_ANSWER")
        except Rejected as error:
            self._rejected(orders, error)
        except (NotSent, KeyRefused) as error:
            self._hub.trouble(error)
            self.reject(orders, "NOT_SENT")
        except HotError:
            # Nothing else is known to be definite.
            self._doubt(orders, "UNKNOWN")
        else:
            with self._hub.lock:
                for one in placed:
                    for trade in one.trades:
                        self._hub.tracker.hear_trade(trade)
                    self._hub.tracker.hear_order(one.order)
        finally:
            with self._hub.lock:
                self._go(orders, "left")

    def _leave(self, orders: Sequence[VenueOrder]) -> bool:
        """Takes note that orders leave, and says so; where one has ended before, none of its list does."""
        with self._hub.lock:
            if not all(one.client_id in self._hub.tracker.open for one in orders):
                self.reject(orders, "NOT_SENT")
                return False
            self._go(orders, "leaves")
            return True

    def _go(self, orders: Sequence[VenueOrder], way: Way) -> None:
        """Takes note of where orders are on their way; how long they are absent counts anew."""
        for one in orders:
            followed = self._hub.tracker.open.get(one.client_id)
            if followed is not None:
                followed.way, followed.followed_at = way, self._hub.mono()

    def _request(self, orders: Sequence[VenueOrder]) -> list[Placed]:
        if len(orders) == 1:
            return [self._hub.account.place(orders[0], urgent=orders[0].closes)]
        first, second = orders
        return self._hub.account.place_listed(*((second, first) if first.order_type == "stop" else (first, second)))

    def _rejected(self, orders: Sequence[VenueOrder], error: Rejected) -> None:
        if error.sort is Sort.DUPLICATE:
            # An order with this id is there: only ours can be, so it is looked up.
            self._doubt(orders, "DUPLICATE")
            return
        if error.sort is Sort.FILTER:
            self._reload(orders[0].symbol)
        if error.sort is Sort.SYMBOL:
            self.reject(orders, "NOT_TRADED")
            return
        if error.venue_code == OTHER_MODE:
            self._prepared.clear()
            self._hub.trouble(ConfigError(str(error)))
        code = str(error.venue_code) if error.venue_code is not None else error.sort.name
        if orders[0].closes and code in NOTHING_THERE:
            self._hurry()  # what the program would sell is not there: holdings tell
        self.reject(orders, "WOULD_TRIGGER" if THROUGH in error.said.lower() else code)

    def _reload(self, symbol: str) -> None:
        """Tells a symbol's rules anew, before the end of the order that they refused; not more than once a minute."""
        if self._hub.mono() - self._reloaded.get(symbol, -RELOAD_EVERY_S) < RELOAD_EVERY_S:
            return
        self._reloaded[symbol] = self._hub.mono()
        try:
            self._hub.tell(self._hub.account.rules(symbol))
        except HotError as error:
            self._hub.trouble(error)

    def reject(self, orders: Sequence[VenueOrder], code: str) -> None:
        """Tells of orders of which nothing is at the exchange that they are rejected."""
        with self._hub.lock:
            for order in orders:
                self._hub.tracker.reject(order.client_id, code)

    def _doubt(self, orders: Sequence[VenueOrder], code: str) -> None:
        with self._hub.lock:
            for order in orders:
                self._hub.tracker.doubt(order.client_id, code)

    def _prepare(self, order: VenueOrder) -> None:
        """Sets and confirms what a symbol's first entry stands on; exits go without."""
        if order.closes or order.symbol in self._prepared:
            return
        try:
            self._hub.account.prepare(order.symbol)
        except HotError as error:
            self._hub.trouble(error)
            raise NotSent(f"{order.symbol} could not be prepared: {error}", "prepare") from None
        self._prepared.add(order.symbol)
