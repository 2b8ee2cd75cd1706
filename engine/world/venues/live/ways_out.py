"""Ways out: what an emergency close of this ledger sold is ours, also where coins of somebody's own lie beside them.

There the holdings do not tell: they are larger than ours before and after.
"""

from engine.records.desk import EmergencyClose
from engine.world.venues.live.hub import Hub

#: An order of which the exchange knows nothing so long after it was written down was never there, in ms.
ABSENT_MS = 60_000
#: Emergency closes of so many days are looked at.
DAYS_BACK = 7
DAY_MS = 86_400_000


class WaysOut:
    """Books for one venue what emergency closes sold."""

    def __init__(self, hub: Hub) -> None:
        """Nothing is known yet."""
        self._hub = hub
        self._open: list[EmergencyClose] = []
        self._over: set[str] = set()

    def look(self) -> None:
        """Reads which orders have been written down."""
        since = self._hub.now_ms() - DAYS_BACK * DAY_MS
        self._open = [one for one in self._hub.emergencies(since) if one.client_id not in self._over]

    def are_booked(self, symbol: str) -> bool:
        """Asks for what the orders of a symbol executed; says whether something was booked that was not before."""
        return any(self._book(one) for one in self._open if one.symbol == symbol)

    def _book(self, close: EmergencyClose) -> bool:
        hub = self._hub
        order = hub.account.order(close.symbol, close.client_id)
        if order is None:
            if hub.now_ms() - close.at > ABSENT_MS:
                self._over.add(close.client_id)
            return False
        trades = hub.account.trades(close.symbol, hub.since(close.at, ABSENT_MS))
        done = [trade for trade in trades if trade.order_id == order.order_id]
        with hub.lock:
            new = [hub.tracker.book_stranger(trade) for trade in done]
        if order.status != "working" and sum(trade.qty for trade in done) >= order.filled_qty:
            self._over.add(close.client_id)
        return any(new)
