"""Look-ups: asks for each order that nobody knows enough about, until an answer of the exchange ends the doubt."""

from functools import partial
from typing import TYPE_CHECKING

from engine.errors import HotError
from engine.world.account.account import HeldNews
from engine.world.venues.live.tracker import Followed

if TYPE_CHECKING:
    from engine.world.venues.live.venue import LiveVenue

#: Pauses between questions about an order in doubt; the last one stays.
PAUSES_S = (0.3, 0.5, 1.0, 2.0, 3.0)
#: So many answers must have said that there is no such order.
ABSENT_ANSWERS = 3
#: What is held is asked for once in so long, whoever wants to know: on spot each answer costs as much as five orders'.
HELD_FOR_S = 1.0
#: Executions are looked for from so long before the order was sent: clocks differ.
BEFORE_MS = 60_000


class Lookups:
    """Paces the questions of one venue."""

    def __init__(self, venue: "LiveVenue") -> None:
        """Asks for this venue."""
        self._venue = venue
        self._held: dict[str, HeldNews] = {}
        self._held_at = -HELD_FOR_S

    def look(self) -> None:
        """Asks for every order whose time has come."""
        venue, now = self._venue, self._venue.mono()
        with venue.lock:
            sent = [one for one in venue.tracker.open.values() if one.way != "waits"]
            due = [one for one in sent if not one.asking and now >= self._due_at(one)]
            for one in due:
                one.asking = True
        for one in due:
            venue.lanes(f"ask {one.client_id}", partial(self._ask_in_turn, one))

    def ask(self, order: Followed) -> None:
        """Asks what became of an order, and for its executions where they do not add up yet."""
        venue = self._venue
        try:
            news = venue.account.order(
                order.symbol, order.client_id, conditional=order.conditional, urgent=order.presses
            )
            if news is None:
                self._absent(order)
            else:
                venue.hear(news)
                self._executions(order)
        except HotError as error:
            # Only an answer of the exchange is evidence; a failed question changes nothing.
            venue.trouble(error)

    def _ask_in_turn(self, order: Followed) -> None:
        try:
            if order.cancel_wanted:
                self._venue.placing.cancel(order)
            else:
                self.ask(order)
        finally:
            with self._venue.lock:
                order.asking = False
                order.asked += 1
                order.ask_at = self._venue.mono() + self._pause_s(order)

    def _due_at(self, order: Followed) -> float:
        """An order whose end waits for executions, or that came into doubt, is asked for at once."""
        if order.asked == 0 and (order.doubtful or order.ends is not None):
            return 0.0
        return order.ask_at

    def _pause_s(self, order: Followed) -> float:
        if order.presses:
            return PAUSES_S[min(order.asked, len(PAUSES_S) - 1)]
        settings = self._venue.settings
        return settings.poll_s if self._venue.stream_up else settings.poll_deaf_s

    def _executions(self, order: Followed) -> None:
        venue = self._venue
        with venue.lock:
            waits = order.client_id in venue.tracker.open and order.ends is not None
            numbers = list(order.order_ids)
        if not waits:
            return
        for number in numbers:
            since = venue.since(order.sent_ms, BEFORE_MS)
            for trade in venue.account.trades_of(order.symbol, number, since, urgent=True):
                venue.hear(trade)

    def _absent(self, order: Followed) -> None:
        """Counts an answer that knows no such order; enough of them, late enough, and nothing else against it."""
        venue = self._venue
        with venue.lock:
            order.absent += order.way == "left"
            if order.told == "working":
                return
            enough = order.way == "left" and order.absent >= ABSENT_ANSWERS
        if not enough or venue.mono() - order.followed_at < venue.settings.absent_after_s:
            if venue.locks and order.side == "sell":
                self._look_for_coins(order)
            return
        if self._is_open(order):
            return
        for trade in venue.account.trades(order.symbol, venue.since(order.sent_ms, BEFORE_MS), urgent=True):
            venue.hear(trade)
        with venue.lock:
            if not order.filled and order.client_id in venue.tracker.open:
                venue.tracker.never(order.client_id)

    def _look_for_coins(self, order: Followed) -> None:
        """Tells of a sale that nothing of it is to be seen, where its coins are all there and no order locks them.

        It may still arrive, so that is no proof; but then the exchange lets only one order have the coins.
        """
        venue = self._venue
        if self._is_open(order):
            return
        held = self._holding(order.symbol)
        if held is not None and held.free == held.qty >= venue.ours().held.get(order.symbol, 0):
            with venue.lock:
                venue.tracker.unseen(order.client_id)

    def _holding(self, symbol: str) -> HeldNews | None:
        """Gives what is held of a symbol; an exit waits for it, and it must not wait for a budget."""
        now = self._venue.mono()
        if now - self._held_at >= HELD_FOR_S:
            self._held = {one.symbol: one for one in self._venue.account.holdings(urgent=True)}
            self._held_at = now
        return self._held.get(symbol)

    def _is_open(self, order: Followed) -> bool:
        found = self._venue.account.open_orders(order.symbol, urgent=True)
        return any(one.client_id == order.client_id for one in found)
