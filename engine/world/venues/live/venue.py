"""The live venue: sends what is durable, once; asks until it knows; and tells all of it as facts."""

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.matching.events import STOPS, Event, VenueOrder
from engine.records.account import ConditionState
from engine.records.base import Record
from engine.world.account.account import (
    Account,
    News,
    OrderNews,
    StreamNews,
    TradeNews,
)
from engine.world.awake import awake_s
from engine.world.binance.breaker import OPEN
from engine.world.venues.live.care import Care
from engine.world.venues.live.dead_man import DeadMan
from engine.world.venues.live.hub import Hub
from engine.world.venues.live.known import NOTHING_KNOWN, Known
from engine.world.venues.live.lanes import Lanes
from engine.world.venues.live.lookups import Lookups
from engine.world.venues.live.placing import Placing
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.syncing import Syncing
from engine.world.venues.live.tracker import Followed
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
        self, account: Account, settings: LiveVenueSettings, known: Known = NOTHING_KNOWN,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1000), mono: Callable[[], float] = awake_s,
    ) -> None:  # fmt: skip
        """`known` is what the ledger knows; `now_ms` gives the time in epoch ms, `mono` monotonic seconds."""
        self.hub = Hub(account, settings, known, now_ms, mono)
        self.account, self.venue, self.tracker = account, account.venue, self.hub.tracker
        self._cancelled: set[str] = set()
        #: Orders of a list whose other one is still to come, and ids of orders that were refused in a list.
        self._halves: dict[str, VenueOrder] = {}
        self._unlisted: set[str] = set()
        self._started = False
        self._lanes = Lanes(self.hub.broken)
        self.syncing, self.lookups = Syncing(self.hub), Lookups(self.hub)
        self._placing, self._care = Placing(self.hub, self.syncing.hurry), Care(self.hub, self.syncing)
        self._watch = Watch(self.hub, (self.lookups, self.syncing, DeadMan(self.hub), self._care))

    # What the trader calls, on its own thread.

    def send(self, order: VenueOrder) -> list[Event]:
        """Sends an order; before the start it is one that comes too late to be sent."""
        if not self._started:
            return self.refuse(order, "STALE_ORDER")
        if not order.closes and not (self.syncing.recovered and self._care.is_fresh):
            # A market may bring its past and a tick before anything that the account tells is heard.
            return self.refuse(order, "NOT_SENT")
        with self.hub.lock:
            followed = self._follow(order)
        if order.listed_with is not None:
            self._send_listed(order, order.listed_with, _lane(followed))
            return []
        leaves = order.closes and not followed.rests
        self._lanes.put(f"{order.symbol} out" if leaves else _lane(followed), lambda: self._placing.place(order))
        return []

    def _send_listed(self, order: VenueOrder, other: str, lane: str) -> None:
        """Sends two orders of a list when the second has come: then both are durable."""
        if other in self._unlisted:
            self._unlisted.remove(other)
            self._placing.reject([order], "NOT_SENT")
        elif other not in self._halves:
            self._halves[order.client_id] = order
        else:
            first = self._halves.pop(other)
            self._lanes.put(lane, lambda: self._placing.place(first, order))

    def refuse(self, order: VenueOrder, code: str) -> list[Event]:
        """Tells of an order that may not be sent, and of its list, that it is rejected: as a fact, like all else."""
        with self.hub.lock:
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
        with self.hub.lock:
            found = self.tracker.open.get(client_id)
            if found is None:
                return []
            if found.way == "waits":
                self.tracker.reject(client_id, "NOT_SENT")  # it need not leave any more
                return []
            found.cancel_wanted, found.ask_at = True, self.hub.mono() + 2.0
        self._lanes.put(_lane(found), lambda: self.lookups.cancel(found))
        return []

    def see(self, fact: Record) -> list[Event]:
        """Looks at nothing: what this venue says comes in as facts."""
        return []

    def start(self, sent: Sequence[Sent]) -> None:
        """Begins to act. `sent` are the orders that were not over when the earlier life ended: they are in doubt."""
        with self.hub.lock:
            self.hub.tell_condition("recovering", "blocked", "recovering")
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
        with self.hub.lock:
            taken = self.hub.out[:]
            self.hub.out.clear()
            self.tracker.drained()
        return taken

    @property
    def idle(self) -> bool:
        """Says whether everything is known: no order in doubt, no cancel on its way, recovered."""
        with self.hub.lock:
            busy = any(one.presses for one in self.tracker.open.values())
            return self._started and self.syncing.recovered and not busy and not self.hub.out

    @property
    def unanswered(self) -> bool:
        """Whether an order was sent of which nothing has been told yet."""
        with self.hub.lock:
            return any(not one.told for one in self.tracker.open.values())

    @property
    def doubts(self) -> list[str]:
        """The ids of the orders of which nobody knows what became."""
        with self.hub.lock:
            return [client_id for client_id, one in self.tracker.open.items() if one.doubtful]

    def close(self) -> None:
        """Stops: orders that were begun get a moment for their answer, nothing new leaves, stops stay there."""
        if self.hub.stopping.is_set():
            return
        self.hub.stopping.set()
        self.hub.questions.close(0.0)
        self._lanes.close(ANSWER_WITHIN_S)
        self.account.close()
        self._watch.join()

    # What happens on other threads.

    def hear(self, news: News) -> None:
        """Takes what the account's stream tells."""
        with self.hub.lock:
            if isinstance(news, OrderNews | TradeNews):
                self.hub.hear(news)
            elif isinstance(news, StreamNews):
                self.syncing.hear_stream(news)

    def _follow(self, order: VenueOrder) -> Followed:
        followed = Followed(
            symbol=order.symbol, client_id=order.client_id, side=order.side,
            conditional=order.order_type in STOPS and not self.hub.locks,
            rests=order.order_type in STOPS or order.resting, at_once=order.order_type == "market",
            followed_at=self.hub.mono(), sent_ms=order.sent_at, ask_at=self.hub.mono() + self.hub.settings.poll_deaf_s,
        )  # fmt: skip
        self.tracker.follow(followed)
        self.hub.own.add(order.client_id)
        return followed

    def _hear_breaker(self, level: int) -> None:
        """Exits pass at every level; at the last one nothing is entered until `hot resume`."""
        state: ConditionState = "blocked" if level == OPEN else "ok"
        self.hub.tell_condition("breaker_account", state, "breaker", needs_resume=level == OPEN)


def _lane(order: Followed) -> str:
    """Gives the lane of an order's requests.

    An answer may take as long as a request lasts: what rests is placed and cancelled whatever happens beside it, and
    the way out, in a lane of its own, waits for none of it.
    """
    return f"{order.symbol} {order.client_id}" if order.rests else order.symbol
