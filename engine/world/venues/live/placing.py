"""Placing: puts orders and cancels on the wire, once each, and takes what the answers say, or that there was none."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from engine.errors import ConfigError, HotError, KeyRefused
from engine.matching.events import VenueOrder
from engine.world.account.account import Placed
from engine.world.binance.trouble import TURNED_AWAY, Banned, Doubtful, NotSent, Rejected, Sort
from engine.world.venues.live.tracker import Followed, Way

if TYPE_CHECKING:
    from engine.world.venues.live.venue import LiveVenue

T = TypeVar("T")
#: A request of which no byte left may be made again: so often, after these pauses.
SEND_AGAIN_S = (0.1, 0.4, 1.0)
#: Spot's words for a stop that price is through already; futures have a code for it.
THROUGH = "would trigger immediately"
RELOAD_EVERY_S = 60.0
#: The exchange's word for an account that was put into hedge mode since it was looked at.
OTHER_MODE = -4061
#: The exchange's words for a sale of more than is held: of a position (reduce-only), and of coins.
NOTHING_THERE = frozenset({"-2022", "-2010"})


class Placing:
    """Makes the requests of one venue, on the threads of its lanes."""

    def __init__(self, venue: "LiveVenue") -> None:
        """Places for this venue."""
        self._venue = venue
        self._prepared: set[str] = set()
        self._reloaded: dict[str, float] = {}

    def place(self, *orders: VenueOrder) -> None:
        """Places an order, or two that are a list."""
        order = orders[0]
        if not self._leave(orders):
            return
        try:
            if not order.closes and self._venue.now_ms() - order.sent_at > self._venue.settings.entry_ttl_s * 1000:
                self.reject(orders, "STALE_ORDER")
                return
            self._prepare(order)
            placed = self._again(lambda: self._request(orders))
        except Doubtful:
            self._doubt(orders, "NO_ANSWER")
        except Rejected as error:
            self._rejected(orders, error)
        except (NotSent, KeyRefused) as error:
            self._venue.trouble(error)
            self.reject(orders, "NOT_SENT")
        except HotError:
            # Nothing else is known to be definite.
            self._doubt(orders, "UNKNOWN")
        else:
            with self._venue.lock:
                for one in placed:
                    for trade in one.trades:
                        self._venue.tracker.hear_trade(trade)
                    self._venue.tracker.hear_order(one.order)
        finally:
            with self._venue.lock:
                self._go(orders, "left")

    def cancel(self, order: Followed) -> None:
        """Asks the exchange to cancel; unless it answers how the order ended, what became of it is asked for."""
        try:
            ended = self._again(
                lambda: self._venue.account.cancel(order.symbol, order.client_id, conditional=order.conditional)
            )
            if ended is not None:
                self._venue.hear(ended)
        except HotError as error:
            self._venue.trouble(error)
        with self._venue.lock:
            over = order.client_id not in self._venue.tracker.open
        if not over:
            self._venue.lanes(f"ask {order.client_id}", lambda: self._venue.lookups.ask(order))

    def _leave(self, orders: Sequence[VenueOrder]) -> bool:
        """Takes note that orders leave, and says so; where one has ended before, none of its list does."""
        with self._venue.lock:
            if not all(one.client_id in self._venue.tracker.open for one in orders):
                self.reject(orders, "NOT_SENT")
                return False
            self._go(orders, "leaves")
            return True

    def _go(self, orders: Sequence[VenueOrder], way: Way) -> None:
        """Takes note of where orders are on their way; how long they are absent counts anew."""
        for one in orders:
            followed = self._venue.tracker.open.get(one.client_id)
            if followed is not None:
                followed.way, followed.followed_at = way, self._venue.mono()

    def _request(self, orders: Sequence[VenueOrder]) -> list[Placed]:
        if len(orders) == 1:
            return [self._venue.account.place(orders[0], urgent=orders[0].closes)]
        first, second = orders
        return self._venue.account.place_listed(*((second, first) if first.order_type == "stop" else (first, second)))

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
            self._venue.trouble(ConfigError(str(error)))
        code = str(error.venue_code) if error.venue_code is not None else error.sort.name
        if orders[0].closes and code in NOTHING_THERE:
            self._venue.syncing.hurry()  # what the program would sell is not there: holdings tell
        self.reject(orders, "WOULD_TRIGGER" if THROUGH in error.said.lower() else code)

    def _reload(self, symbol: str) -> None:
        """Tells a symbol's rules anew, before the end of the order that they refused; not more than once a minute."""
        if self._venue.mono() - self._reloaded.get(symbol, -RELOAD_EVERY_S) < RELOAD_EVERY_S:
            return
        self._reloaded[symbol] = self._venue.mono()
        try:
            self._venue.tell(self._venue.account.rules(symbol))
        except HotError as error:
            self._venue.trouble(error)

    def reject(self, orders: Sequence[VenueOrder], code: str) -> None:
        """Tells of orders of which nothing is at the exchange that they are rejected."""
        with self._venue.lock:
            for order in orders:
                self._venue.tracker.reject(order.client_id, code)

    def _doubt(self, orders: Sequence[VenueOrder], code: str) -> None:
        with self._venue.lock:
            for order in orders:
                self._venue.tracker.doubt(order.client_id, code)

    def _prepare(self, order: VenueOrder) -> None:
        """Sets and confirms what a symbol's first entry stands on; exits go without."""
        if order.closes or order.symbol in self._prepared:
            return
        try:
            self._venue.account.prepare(order.symbol)
        except HotError as error:
            self._venue.trouble(error)
            raise NotSent(f"{order.symbol} could not be prepared: {error}", "prepare") from None
        self._prepared.add(order.symbol)

    def _again(self, request: Callable[[], T]) -> T:
        """Makes a request, and once more where not a byte of it left."""
        for pause in SEND_AGAIN_S:
            try:
                return request()
            except Banned:
                raise
            except NotSent as error:
                if error.phase == TURNED_AWAY or self._venue.stopping.wait(pause):
                    raise  # what has arrived once is never sent again under its id
        return request()
