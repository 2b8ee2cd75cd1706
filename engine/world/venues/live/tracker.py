"""The tracker: follows each order from its sending to a proven end, and tells each thing once.

News come from answers, the account's stream and look-ups: first, twice, late or never. What is told is the same
whatever their order: `working` once, each execution once, and the end only when the executions add up to what the
exchange says was executed.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from engine.matching.units import plain
from engine.records.account import UNSEEN, Execution, OrderReport, ReportStatus
from engine.records.base import Record
from engine.world.account.account import OrderNews, TradeNews

#: Executions whose order is not known yet, and ids of orders that are over, are kept up to so many.
MOST_KEPT = 2_000
MOST_TRADES = 100_000
Told = Literal["", "in_doubt", "working"]
#: Where an order is on its way: waiting for its turn, with its request made but not answered, or with an end of that.
Way = Literal["waits", "leaves", "left"]


class Followed(msgspec.Struct, kw_only=True):
    """An order that is not over. `followed_at` is monotonic seconds; `asked` and `ask_at` pace the look-ups.

    `rests` says that it waits at the exchange and moves nothing until it triggers, `at_once` that it is over as soon as
    it is there. `ends` is the end that waits for its executions; `absent` counts the answers that knew no such order.
    `way` is where its request is: what waits is asked for by nobody, and only what has left may be absent.
    """

    symbol: str
    client_id: str
    side: str
    conditional: bool
    rests: bool = False
    at_once: bool = False
    followed_at: float
    sent_ms: int
    filled: Decimal = Decimal(0)
    order_ids: list[str] = []
    told: Told = ""
    doubtful: bool = False
    ends: OrderNews | None = None
    cancel_wanted: bool = False
    way: Way = "waits"
    absent: int = 0
    asked: int = 0
    ask_at: float = 0.0
    asking: bool = False

    @property
    def presses(self) -> bool:
        """Says whether something waits for an answer: a way out for the end of its stop, or all for what it became.

        An order at the market whose end was not told is over all the same: what was told of it may be a part.
        """
        return self.doubtful or self.cancel_wanted or self.at_once or self.ends is not None


class Tracker:
    """Every order of ours that is not over. Not for threads: whoever shares it holds a lock."""

    def __init__(self, venue: str, tell: Callable[[Record], None], booked: Iterable[tuple[str, str]] = ()) -> None:
        """`tell` gets facts without a time; `booked` are the (symbol, trade id) that are in the books already."""
        self._venue, self._tell = venue, tell
        self._booked: OrderedDict[tuple[str, str], None] = OrderedDict.fromkeys(booked)
        self.open: dict[str, Followed] = {}
        self._by_number: dict[tuple[str, str], str] = {}
        self._unmatched: OrderedDict[tuple[str, str], TradeNews] = OrderedDict()
        self._over: OrderedDict[str, None] = OrderedDict()
        self.repeats = 0
        self.drains = 0
        self.moved: dict[str, int] = {}

    def follow(self, order: Followed) -> None:
        """Follows an order that is about to be sent, or may have been."""
        self.open[order.client_id] = order
        self.moved[order.symbol] = self.drains

    def drained(self) -> None:
        """Takes note that what was told is on its way into the books."""
        self.drains += 1

    def was_booked(self, moved: int | None) -> bool:
        """Says whether the books hold what moved at that count of drains.

        The next one takes it along, and it is booked when the one after that begins.
        """
        return moved is None or moved + 2 <= self.drains

    def was_told(self, symbol: str, trade_id: str) -> None:
        """Takes note of an execution that an earlier life told: it is in the books, or will be before the start."""
        self._keep((symbol, trade_id))

    def hear_order(self, news: OrderNews) -> bool:
        """Takes what was said of an order; False when it is none that is followed."""
        found = self._find(news)
        if found is None:
            return news.client_id in self._over
        self._number(found, news)
        found.doubtful, found.absent = False, 0
        if news.status == "rejected" and not news.filled_qty:
            self.reject(found.client_id, news.code or "REJECTED")
            return True
        self._say_working(found)
        if news.status != "working":
            found.ends = news
        self._finish(found)
        return True

    def hear_trade(self, trade: TradeNews) -> bool:
        """Takes an execution; False when it belongs to no order that is followed (it is kept for one that may come)."""
        key = (trade.symbol, trade.trade_id)
        if key in self._booked:
            self.repeats += 1
            return True
        client_id = trade.client_id if trade.client_id in self.open else None
        found = self.open.get(client_id or self._by_number.get((trade.symbol, trade.order_id), ""))
        if found is None:
            self._unmatched[key] = trade
            while len(self._unmatched) > MOST_KEPT:
                self._unmatched.popitem(last=False)
            return False
        self._book(found, trade)
        return True

    def doubt(self, client_id: str, code: str) -> None:
        """Takes note that nobody knows what became of an order: it is asked for at once."""
        found = self.open.get(client_id)
        if found is None:
            return
        found.ask_at = 0.0
        if found.told == "working":
            return
        found.doubtful = True
        if found.told == "":
            found.told = "in_doubt"
            self._report(found, "in_doubt", code)

    def unseen(self, client_id: str) -> None:
        """Takes note that nothing of an order is to be seen: that proves nothing, and is told each time."""
        found = self.open.get(client_id)
        if found is not None and found.told != "working":
            found.told = "in_doubt"
            self._report(found, "in_doubt", UNSEEN)

    def reject(self, client_id: str, code: str) -> None:
        """Takes note that an order was turned away, for sure."""
        self._end(client_id, "rejected", code)

    def never(self, client_id: str) -> None:
        """Takes note of the proof that an order does not exist."""
        self._end(client_id, "never_executed", None)

    def on_symbol(self, symbol: str) -> list[Followed]:
        """Gives the orders of a symbol that are not over."""
        return [found for found in self.open.values() if found.symbol == symbol]

    def unmatched(self, symbol: str | None = None) -> list[TradeNews]:
        """Gives the executions that belong to no order of ours, as far as is known."""
        return [trade for trade in self._unmatched.values() if symbol in (None, trade.symbol)]

    def book_stranger(self, trade: TradeNews) -> bool:
        """Tells an execution as one that was not ours; says whether it is news."""
        key = (trade.symbol, trade.trade_id)
        self._unmatched.pop(key, None)
        is_new = self._is_new(key)
        if is_new:
            self._tell(self._execution(trade, None))
        return is_new

    def _find(self, news: OrderNews) -> Followed | None:
        found = self.open.get(news.client_id)
        return found or self.open.get(self._by_number.get((news.symbol, news.order_id), ""))

    def _number(self, found: Followed, news: OrderNews) -> None:
        """Learns the exchange's numbers of an order; a conditional one has executions only as what it became."""
        for number in (None if found.conditional else news.order_id, news.became):
            if number:
                self._learn(found, number)

    def _learn(self, found: Followed, number: str) -> None:
        """Learns a number; executions that came under it before belong to the order."""
        if number in found.order_ids:
            return
        found.order_ids.append(number)
        self._by_number[(found.symbol, number)] = found.client_id
        for trade in self.unmatched(found.symbol):
            if trade.order_id == number:
                self._book(found, trade)

    def _book(self, found: Followed, trade: TradeNews) -> None:
        key = (trade.symbol, trade.trade_id)
        self._unmatched.pop(key, None)
        if not self._is_new(key):
            return
        self._say_working(found)
        found.filled += trade.qty
        found.doubtful = False
        self._tell(self._execution(trade, found.client_id))
        if trade.order_id:
            self._learn(found, trade.order_id)
        self._finish(found)

    def _is_new(self, key: tuple[str, str]) -> bool:
        if key in self._booked:
            self.repeats += 1
            return False
        self._keep(key)
        self.moved[key[0]] = self.drains
        return True

    def _keep(self, key: tuple[str, str]) -> None:
        self._booked[key] = None
        while len(self._booked) > MOST_TRADES:
            self._booked.popitem(last=False)

    def _say_working(self, found: Followed) -> None:
        if found.told != "working":
            found.told = "working"
            self._report(found, "working", None)

    def _finish(self, found: Followed) -> None:
        if found.ends is not None and found.filled >= found.ends.filled_qty:
            self._end(found.client_id, found.ends.status, found.ends.code)

    def _end(self, client_id: str, status: ReportStatus, code: str | None) -> None:
        found = self.open.pop(client_id, None)
        if found is None:
            return
        self._over[client_id] = None
        while len(self._over) > MOST_KEPT:
            self._over.popitem(last=False)
        for number in found.order_ids:
            self._by_number.pop((found.symbol, number), None)
        self._report(found, status, code)

    def _report(self, found: Followed, status: ReportStatus, code: str | None) -> None:
        self._tell(
            OrderReport(
                at=0, venue=self._venue, symbol=found.symbol, client_id=found.client_id,
                status=status, code=code,
            )
        )  # fmt: skip

    def _execution(self, trade: TradeNews, client_id: str | None) -> Execution:
        return Execution(
            at=0, venue=self._venue, symbol=trade.symbol, client_id=client_id, trade_id=trade.trade_id,
            venue_at=trade.venue_at, side=trade.side, qty=plain(trade.qty), price=plain(trade.price),
            notional=plain(trade.notional), fee=plain(trade.fee), fee_asset=trade.fee_asset,
            liquidity=trade.liquidity,
        )  # fmt: skip
