"""Strangers: orders on the account that are not ours are told to people, each once, all of them once a minute."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.world.account.account import HeldNews, OrderNews, TradeNews
from engine.world.venues.live.hub import Hub

CODE = "EXTERNAL_ACTIVITY"
#: Why nothing is entered while somebody holds a short position on the account.
SHORT = "account_short"
#: So many orders of others are remembered, so that each is told once.
MOST_KNOWN = 1000
AGAIN_S = 60.0
_NAMED = 3


def locked_by_others(orders: Iterable[OrderNews]) -> Mapping[str, Decimal]:
    """Gives the coins that sell orders of others lock, by symbol; those of one list lock the same."""
    lists: dict[tuple[str, str], Decimal] = {}
    for one in orders:
        if one.side == "sell":
            key = (one.symbol, f"list {one.list_id}" if one.list_id is not None else one.order_id)
            lists[key] = max(lists.get(key, one.left), one.left)
    locked: dict[str, Decimal] = {}
    for (symbol, _), qty in lists.items():
        locked[symbol] = locked.get(symbol, Decimal(0)) + qty
    return locked


class Strangers:
    """Tells of one account what somebody else does on it: by hand, by another program, or with a stolen key."""

    def __init__(self, hub: Hub) -> None:
        """Nothing is heard yet."""
        self._hub = hub
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._named: list[str] = []
        self._more = 0
        self._told_at = -AGAIN_S
        self._shorts: list[str] | None = None

    def see(self, held: Iterable[HeldNews]) -> None:
        """Looks for short positions, which are not ours: what is bought there would only make them smaller."""
        shorts = [one.symbol for one in held if one.qty < 0]
        if shorts == self._shorts:
            return
        self._shorts = shorts
        self._hub.tell_condition("short", "degraded" if shorts else "ok", SHORT)
        if shorts:
            named = ", ".join(shorts[:_NAMED]) + (" and more" if len(shorts) > _NAMED else "")
            self._hub.tell_alert(
                "error", CODE,
                f"the account is short of {named}, which no order of this ledger is the cause of: nothing is entered "
                "until that is closed",
            )  # fmt: skip

    def hear(self, news: OrderNews | TradeNews) -> None:
        """Takes an order or an execution that is not ours; the hub's lock is held."""
        key = (news.symbol, news.order_id)
        if key in self._known:
            return
        self._known[key] = None
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        if len(self._named) < _NAMED:
            self._named.append(f"{news.side} {news.symbol}")
        else:
            self._more += 1

    def look(self) -> None:
        """Tells what was heard, when the last word about it is old enough."""
        now = self._hub.mono()
        with self._hub.lock:
            if not self._named or now - self._told_at < AGAIN_S:
                return
            told = ", ".join(self._named) + (f" and {self._more} more" if self._more else "")
            self._named, self._more, self._told_at = [], 0, now
        self._hub.tell_alert(
            "warning", CODE,
            f"orders that this ledger did not send: {told}; if nobody you know placed them, take the key away at the "
            "exchange",
        )  # fmt: skip
