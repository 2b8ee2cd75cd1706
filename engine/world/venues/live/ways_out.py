"""Ways out: what an emergency close of this ledger sold is ours, also where coins of somebody's own lie beside them.

There the holdings do not tell: they are larger than ours before and after.
"""

from typing import TYPE_CHECKING

from engine.records.desk import EmergencyClose

if TYPE_CHECKING:
    from engine.world.venues.live.venue import LiveVenue

#: An order of which the exchange knows nothing so long after it was written down was never there, in ms.
ABSENT_MS = 60_000
#: Emergency closes of so many days are looked at.
DAYS_BACK = 7
DAY_MS = 86_400_000


class WaysOut:
    """Books for one venue what emergency closes sold."""

    def __init__(self, venue: "LiveVenue") -> None:
        """Nothing is known yet."""
        self._venue = venue
        self._open: list[EmergencyClose] = []
        self._over: set[str] = set()

    def look(self) -> None:
        """Reads which orders have been written down."""
        since = self._venue.now_ms() - DAYS_BACK * DAY_MS
        self._open = [one for one in self._venue.emergencies(since) if one.client_id not in self._over]

    def are_booked(self, symbol: str) -> bool:
        """Asks for what the orders of a symbol executed; says whether something was booked that was not before."""
        return any(self._book(one) for one in self._open if one.symbol == symbol)

    def _book(self, close: EmergencyClose) -> bool:
        venue = self._venue
        order = venue.account.order(close.symbol, close.client_id)
        if order is None:
            if venue.now_ms() - close.at > ABSENT_MS:
                self._over.add(close.client_id)
            return False
        trades = venue.account.trades(close.symbol, venue.since(close.at, ABSENT_MS))
        done = [trade for trade in trades if trade.order_id == order.order_id]
        with venue.lock:
            new = [venue.tracker.book_stranger(trade) for trade in done]
        if order.status != "working" and sum(trade.qty for trade in done) >= order.filled_qty:
            self._over.add(close.client_id)
        return any(new)
