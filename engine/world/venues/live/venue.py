"""The live venue: sends what is durable, once; asks until it knows; and tells all of it as facts."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from engine.errors import ConfigError, HotError, KeyRefused
from engine.matching.events import STOPS, Event, VenueOrder
from engine.matching.units import plain
from engine.records.account import AccountBalance, AccountHolding, BoundCoins, Condition, ConditionState
from engine.records.base import Record
from engine.records.desk import Alert, EmergencyClose
from engine.world.account.account import (
    Account,
    BalanceNews,
    HeldNews,
    News,
    OrderNews,
    StreamNews,
    TradeNews,
)
from engine.world.awake import awake_s
from engine.world.binance.breaker import OPEN
from engine.world.binance.trouble import Banned
from engine.world.venues.live.care import Care
from engine.world.venues.live.dead_man import DeadMan
from engine.world.venues.live.lanes import Lanes
from engine.world.venues.live.lookups import Lookups
from engine.world.venues.live.placing import Placing
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.syncing import Ours, Syncing
from engine.world.venues.live.tracker import Followed, Tracker
from engine.world.venues.live.watch import Watch

ASKING_THREADS = 12
#: An order that was begun gets its answer within so long at the end; else it is in doubt, and the next start looks.
ANSWER_WITHIN_S = 2.0


class Sent(NamedTuple):
    """An order of an earlier life that was not over: what a restart looks up. `filled` is what is booked of it."""

    order: VenueOrder
    filled: Decimal


class LiveVenue:
    """An account, as the trader sees it. `send` and `cancel` give nothing: answers come out of `drain`, as facts.

    Before `start` nothing leaves: the run thinks its recorded past again, and what it sends there comes too late.
    """

    def __init__(
        self, account: Account, settings: LiveVenueSettings, *, booked: Iterable[tuple[str, str]] = (),
        own: Iterable[str] = (), ours: Callable[[], Ours] = Ours, adopts: bool = True,
        emergencies: Callable[[int], Sequence[EmergencyClose]] = lambda since: (),
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000), mono: Callable[[], float] = awake_s,
    ) -> None:  # fmt: skip
        """`booked` are (symbol, trade id) that the ledger has, `own` the client ids of its orders, over or not.

        `ours` gives what the desk knows of the account, `emergencies` the orders of emergency closes since a time.

        `adopts` says whether holdings that the desk does not know are told: not on spot, where they may be savings.
        """
        self.account, self.settings, self.venue = account, settings, account.venue
        self.locks, self.ours = not account.venue.endswith("usdm"), ours
        self.emergencies = emergencies
        self._now_ms, self._mono = now_ms, mono
        self._lock = threading.RLock()
        self._out: list[Record] = []
        self.tracker = Tracker(self.venue, self._out.append, booked)
        self._cancelled: set[str] = set()
        #: Orders of a list whose other one is still to come, and ids of orders that were refused in a list.
        self._halves: dict[str, VenueOrder] = {}
        self._unlisted: set[str] = set()
        self.own = set(own)
        self._started = False
        self.stopping = threading.Event()
        self.stream_up = False
        #: What was told of the account's stream; an earlier life may have told that it was silent.
        self._deaf: bool | None = None
        self._watch = Watch(self)
        # Questions that hang, or wait for a budget, must not take the threads of orders.
        self._lanes, self._questions = Lanes(self._watch.broken), Lanes(self._watch.broken, ASKING_THREADS)
        self.lookups = Lookups(self)
        self.syncing = Syncing(self, ours, adopts)
        self.placing = Placing(self)
        self.dead_man = DeadMan(self)
        self.care = Care(self)

    # What the trader calls, on its own thread.

    def send(self, order: VenueOrder) -> list[Event]:
        """Sends an order; before the start it is one that comes too late to be sent."""
        if not self._started:
            return self.refuse(order, "STALE_ORDER")
        if not order.closes and not (self.syncing.recovered and self.care.is_fresh):
            # A market may bring its past and a tick before anything that the account tells is heard.
            return self.refuse(order, "NOT_SENT")
        with self._lock:
            followed = self._follow(order)
        if order.listed_with is not None:
            self._send_listed(order, order.listed_with, _lane(followed))
            return []
        leaves = order.closes and not followed.rests
        self._lanes.put(f"{order.symbol} out" if leaves else _lane(followed), lambda: self.placing.place(order))
        return []

    def _send_listed(self, order: VenueOrder, other: str, lane: str) -> None:
        """Sends two orders of a list when the second has come: then both are durable."""
        if other in self._unlisted:
            self._unlisted.remove(other)
            self.placing.reject([order], "NOT_SENT")
        elif other not in self._halves:
            self._halves[order.client_id] = order
        else:
            first = self._halves.pop(other)
            self._lanes.put(lane, lambda: self.placing.place(first, order))

    def refuse(self, order: VenueOrder, code: str) -> list[Event]:
        """Tells of an order that may not be sent, and of its list, that it is rejected: as a fact, like all else."""
        with self._lock:
            self._follow(order)
            self.tracker.reject(order.client_id, code)
            if order.listed_with is not None:
                if self._halves.pop(order.listed_with, None) is not None:
                    self.tracker.reject(order.listed_with, "NOT_SENT")
                elif order.listed_with in self._unlisted:
                    self._unlisted.remove(order.listed_with)
                else:
                    self._unlisted.add(order.client_id)
        return []

    def recall(self, order: VenueOrder) -> list[Event]:
        """Sends nothing: an order of an earlier life is looked up at the start, if it is not over by then."""
        return []

    def cancel(self, client_id: str) -> list[Event]:
        """Cancels an order, again and again until its end is known."""
        if not self._started:
            self._cancelled.add(client_id)
            return []
        with self._lock:
            found = self.tracker.open.get(client_id)
            if found is None:
                return []
            if found.way == "waits":
                self.tracker.reject(client_id, "NOT_SENT")  # it need not leave any more
                return []
            found.cancel_wanted, found.ask_at = True, self._mono() + 2.0
        self._lanes.put(_lane(found), lambda: self.placing.cancel(found))
        return []

    def see(self, fact: Record) -> list[Event]:
        """Looks at nothing: what this venue says comes in as facts."""
        return []

    def start(self, sent: Sequence[Sent]) -> None:
        """Begins to act. `sent` are the orders that were not over when the earlier life ended: they are in doubt."""
        with self._lock:
            self.tell_condition("recovering", "blocked", "recovering")
            for one in sent:
                followed = self._follow(one.order)
                followed.filled, followed.doubtful, followed.way = one.filled, True, "left"
                followed.cancel_wanted = one.order.client_id in self._cancelled
            self._cancelled.clear()
            self._started = True
        self.account.watch(self._hear_breaker)
        self.account.listen(self.hear)
        self._watch.begin()

    def drain(self) -> list[Record]:
        """Gives the facts that came since it was asked last; their times are the reader's to set.

        Raises Bug when what looks after the orders has died too often.
        """
        self._watch.guard()
        with self._lock:
            taken = self._out[:]
            self._out.clear()
            self.tracker.drained()
        return taken

    @property
    def idle(self) -> bool:
        """Says whether everything is known: no order in doubt, no cancel on its way, recovered."""
        with self._lock:
            busy = any(one.presses for one in self.tracker.open.values())
            return self._started and self.syncing.recovered and not busy and not self._out

    @property
    def unanswered(self) -> bool:
        """Whether an order was sent of which nothing has been told yet."""
        with self._lock:
            return any(not one.told for one in self.tracker.open.values())

    @property
    def doubts(self) -> list[str]:
        """The ids of the orders of which nobody knows what became."""
        with self._lock:
            return [client_id for client_id, one in self.tracker.open.items() if one.doubtful]

    def close(self) -> None:
        """Stops: orders that were begun get a moment for their answer, nothing new leaves, stops stay there."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        self._questions.close(0.0)
        self._lanes.close(ANSWER_WITHIN_S)
        self.account.close()
        self._watch.join()

    # What happens on other threads.

    def hear(self, news: News) -> None:
        """Takes what the account's stream, or an answer, tells."""
        with self._lock:
            if isinstance(news, OrderNews):
                if not self.tracker.hear_order(news):
                    self.syncing.stranger_order(news)
            elif isinstance(news, TradeNews):
                self.hear_trade(news)
            elif isinstance(news, StreamNews):
                self._hear_stream(news)

    def hear_trade(self, trade: TradeNews) -> None:
        """Takes an execution; one that names an id that is not ours belongs to somebody else."""
        if not self.tracker.hear_trade(trade) and trade.client_id is not None:
            self.syncing.stranger(trade)

    def tell(self, record: Record) -> None:
        """Tells a fact."""
        with self._lock:
            self._out.append(record)

    def tell_condition(
        self, scope: str, state: ConditionState, reason: str, until: int = 0, needs_resume: bool = False
    ) -> None:
        """Tells what stands in the way of entries, or its end."""
        self.tell(
            Condition(
                at=0, venue=self.venue, scope=scope, state=state, reason=reason,
                until=until, needs_resume=needs_resume,
            )
        )  # fmt: skip

    def tell_alert(self, level: Literal["info", "warning", "error"], code: str, text: str) -> None:
        """Tells people something; nobody decides on it."""
        self.tell(Alert(at=0, level=level, code=code, text=text))

    def recover(self) -> None:
        """Has everything asked for and compared again, before anything is entered."""
        with self._lock:
            self.tell_condition("recovering", "blocked", "recovering")
            self.syncing.begin_again()
            for one in self.tracker.open.values():
                one.ask_at = 0.0

    def tell_holding(self, held: HeldNews, opened_at: int = 0) -> None:
        """Tells what is held of a symbol."""
        entry = f"{held.entry_price:f}" if held.entry_price else None
        self.tell(
            AccountHolding(
                at=0, venue=self.venue, symbol=held.symbol, qty=f"{held.qty:f}", entry_price=entry,
                opened_at=opened_at,
            )
        )  # fmt: skip

    def tell_bound(self, symbol: str, qty: Decimal) -> None:
        """Tells how many coins that are held orders of others have."""
        self.tell(BoundCoins(at=0, venue=self.venue, symbol=symbol, qty=plain(qty)))

    def tell_balance(self, balance: BalanceNews) -> None:
        """Tells what is in the wallet."""
        self.tell(
            AccountBalance(
                at=0, venue=self.venue, asset=balance.asset, free=f"{balance.free:f}", locked=f"{balance.locked:f}"
            )
        )

    def trouble(self, error: HotError) -> None:
        """Tells what an error means for all orders: a ban, a key that is no good, an account in another mode."""
        if isinstance(error, Banned):
            self.tell_condition("banned", "blocked", "banned", until=error.until_ms)
        elif isinstance(error, KeyRefused):
            self.tell_condition("auth", "blocked", "auth", needs_resume=True)
        elif isinstance(error, ConfigError):
            self.tell_condition("account_mode", "blocked", "account_mode", needs_resume=True)

    def lanes(self, lane: str, work: Callable[[], None]) -> None:
        """Has a question asked on another thread, in its lane."""
        self._questions.put(lane, work)

    @property
    def lock(self) -> threading.RLock:
        """Guards the tracker."""
        return self._lock

    def mono(self) -> float:
        """Gives monotonic seconds."""
        return self._mono()

    def now_ms(self) -> int:
        """Gives the time in epoch ms."""
        return self._now_ms()

    def since(self, at_ms: int, before_ms: int) -> int:
        """Gives, for a time of ours, one that is so long before it by the exchange's clock too, where ours is ahead."""
        return max(0, at_ms - before_ms - max(0, self.account.skew_ms() or 0))

    def _follow(self, order: VenueOrder) -> Followed:
        followed = Followed(
            symbol=order.symbol, client_id=order.client_id, side=order.side,
            conditional=order.order_type in STOPS and not self.locks,
            rests=order.order_type in STOPS or order.resting, at_once=order.order_type == "market",
            followed_at=self._mono(), sent_ms=order.sent_at, ask_at=self._mono() + self.settings.poll_deaf_s,
        )  # fmt: skip
        self.tracker.follow(followed)
        self.own.add(order.client_id)
        return followed

    def _hear_stream(self, news: StreamNews) -> None:
        self.stream_up = news.up
        if news.up:
            self.syncing.hurry()
        elif self._deaf is not True:
            self._deaf = True
            self.tell_condition("user_stream", "degraded", "user_stream")

    def _hear_breaker(self, level: int) -> None:
        """Exits pass at every level; at the last one nothing is entered until `hot resume`."""
        state: ConditionState = "blocked" if level == OPEN else "ok"
        self.tell_condition("breaker_account", state, "breaker", needs_resume=level == OPEN)

    def hears_again(self) -> None:
        """Takes note that everything was asked for since the account's stream came back."""
        if self.stream_up and self._deaf is not False:
            self._deaf = False
            self.tell_condition("user_stream", "ok", "user_stream")


def _lane(order: Followed) -> str:
    """Gives the lane of an order's requests.

    An answer may take as long as a request lasts: what rests is placed and cancelled whatever happens beside it, and
    the way out, in a lane of its own, waits for none of it.
    """
    return f"{order.symbol} {order.client_id}" if order.rests else order.symbol
