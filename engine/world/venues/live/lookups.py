"""Look-ups: asks for each order that nobody knows enough about, and cancels, until the exchange has told its end."""

from functools import partial

from engine.errors import HotError
from engine.world.account.account import HeldNews
from engine.world.venues.live.again import again
from engine.world.venues.live.hub import Hub
from engine.world.venues.live.tracker import Followed

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

    def __init__(self, hub: Hub) -> None:
        """Asks once it is told to look."""
        self._hub = hub
        self._held: dict[str, HeldNews] = {}
        self._held_at = -HELD_FOR_S

    def look(self) -> None:
        """Asks for every order whose time has come."""
        hub, now = self._hub, self._hub.mono()
        with hub.lock:
            sent = [one for one in hub.tracker.open.values() if one.way != "waits"]
            due = [one for one in sent if not one.asking and now >= self._due_at(one)]
            for one in due:
                one.asking = True
        for one in due:
            hub.ask(f"ask {one.client_id}", partial(self._ask_in_turn, one))

    def ask(self, order: Followed) -> None:
        """Asks what became of an order, and for its executions where they do not add up yet."""
        hub = self._hub
        try:
            news = hub.account.order(order.symbol, order.client_id, conditional=order.conditional, urgent=order.presses)
            if news is None:
                self._absent(order)
            else:
                hub.hear(news)
                self._executions(order)
        except HotError as error:
            # Only an answer of the exchange is evidence; a failed question changes nothing.
            hub.trouble(error)

    def cancel(self, order: Followed) -> None:
        """Asks the exchange to cancel; unless it answers how the order ended, what became of it is asked for."""
        hub = self._hub
        try:
            ended = again(
                lambda: hub.account.cancel(order.symbol, order.client_id, conditional=order.conditional), hub.stopping
            )
            if ended is not None:
                hub.hear(ended)
        except HotError as error:
            hub.trouble(error)
        with hub.lock:
            over = order.client_id not in hub.tracker.open
        if not over:
            hub.ask(f"ask {order.client_id}", lambda: self.ask(order))

    def _ask_in_turn(self, order: Followed) -> None:
        try:
            if order.cancel_wanted:
                self.cancel(order)
            else:
                self.ask(order)
        finally:
            with self._hub.lock:
                order.asking = False
                order.asked += 1
                order.ask_at = self._hub.mono() + self._pause_s(order)

    def _due_at(self, order: Followed) -> float:
        """An order whose end waits for executions, or that came into doubt, is asked for at once."""
        if order.asked == 0 and (order.doubtful or order.ends is not None):
            return 0.0
        return order.ask_at

    def _pause_s(self, order: Followed) -> float:
        if order.presses:
            return PAUSES_S[min(order.asked, len(PAUSES_S) - 1)]
        settings = self._hub.settings
        return settings.poll_s if self._hub.stream_up else settings.poll_deaf_s

    def _executions(self, order: Followed) -> None:
        hub = self._hub
        with hub.lock:
            waits = order.client_id in hub.tracker.open and order.ends is not None
            numbers = list(order.order_ids)
        if not waits:
            return
        for number in numbers:
            since = hub.since(order.sent_ms, BEFORE_MS)
            for trade in hub.account.trades_of(order.symbol, number, since, urgent=True):
                hub.hear(trade)

    def _absent(self, order: Followed) -> None:
        """Counts an answer that knows no such order; enough of them, late enough, and nothing else against it."""
        hub = self._hub
        with hub.lock:
            order.absent += order.way == "left"
            if order.told == "working":
                return
            enough = order.way == "left" and order.absent >= ABSENT_ANSWERS
        if not enough or hub.mono() - order.followed_at < hub.settings.absent_after_s:
            if hub.locks and order.side == "sell":
                self._look_for_coins(order)
            return
        if self._is_open(order):
            return
        for trade in hub.account.trades(order.symbol, hub.since(order.sent_ms, BEFORE_MS), urgent=True):
            hub.hear(trade)
        with hub.lock:
            if not order.filled and order.client_id in hub.tracker.open:
                hub.tracker.never(order.client_id)

    def _look_for_coins(self, order: Followed) -> None:
        """Tells of a sale that nothing of it is to be seen, where its coins are all there and no order locks them.

        It may still arrive, so that is no proof; but then the exchange lets only one order have the coins.
        """
        hub = self._hub
        if self._is_open(order):
            return
        held = self._holding(order.symbol)
        if held is not None and held.free == held.qty >= hub.ours().held.get(order.symbol, 0):
            with hub.lock:
                hub.tracker.unseen(order.client_id)

    def _holding(self, symbol: str) -> HeldNews | None:
        """Gives what is held of a symbol; an exit waits for it, and it must not wait for a budget."""
        now = self._hub.mono()
        if now - self._held_at >= HELD_FOR_S:
            self._held = {one.symbol: one for one in self._hub.account.holdings(urgent=True)}
            self._held_at = now
        return self._held.get(symbol)

    def _is_open(self, order: Followed) -> bool:
        found = self._hub.account.open_orders(order.symbol, urgent=True)
        return any(one.client_id == order.client_id for one in found)
