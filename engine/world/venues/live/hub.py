"""The hub of a live venue: what its parts share. The account, its open orders, the time, and the way facts are told."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Literal

from engine.errors import ConfigError, HotError, KeyRefused
from engine.matching.units import plain
from engine.records.account import AccountBalance, AccountHolding, BoundCoins, Condition, ConditionState
from engine.records.base import Record
from engine.records.desk import Alert
from engine.world.account.account import Account, BalanceNews, HeldNews, OrderNews, TradeNews
from engine.world.binance.trouble import Banned
from engine.world.venues.live.known import Known
from engine.world.venues.live.lanes import Lanes
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.tracker import Tracker

ASKING_THREADS = 12
#: A defect that lasts is told every so many seconds.
BROKEN_EVERY_S = 5.0


class Hub:
    """Shared by the parts of one live venue, on all their threads; `lock` guards the tracker."""

    def __init__(
        self, account: Account, settings: LiveVenueSettings, known: Known,
        now_ms: Callable[[], int], mono: Callable[[], float],
    ) -> None:  # fmt: skip
        """`now_ms` gives the time in epoch ms, `mono` monotonic seconds."""
        self.account, self.settings, self.venue = account, settings, account.venue
        self.locks = not account.venue.endswith("usdm")
        self.ours, self.adopts, self.emergencies = known.ours, known.adopts, known.emergencies
        self.now_ms, self.mono = now_ms, mono
        self.lock = threading.RLock()
        self.out: list[Record] = []
        self.tracker = Tracker(self.venue, self.out.append, known.booked)
        self.own = set(known.own)
        self.stream_up = False
        self.stopping = threading.Event()
        self._broke = -BROKEN_EVERY_S
        # Questions that hang, or wait for a budget, must not take the threads of orders.
        self.questions = Lanes(self.broken, ASKING_THREADS)
        #: Take what belongs to no order of ours; set by the part that knows what to do with it.
        self.on_stranger: Callable[[TradeNews], None] = lambda trade: None
        self.on_stranger_order: Callable[[OrderNews], None] = lambda news: None

    def ask(self, lane: str, work: Callable[[], None]) -> None:
        """Has a question asked on another thread, in its lane."""
        self.questions.put(lane, work)

    def hear(self, news: OrderNews | TradeNews) -> None:
        """Takes what the account's stream, or an answer, tells of an order or an execution."""
        with self.lock:
            if isinstance(news, OrderNews):
                if not self.tracker.hear_order(news):
                    self.on_stranger_order(news)
            elif not self.tracker.hear_trade(news) and news.client_id is not None:
                self.on_stranger(news)  # one that names an id that is not ours belongs to somebody else

    def tell(self, record: Record) -> None:
        """Tells a fact."""
        with self.lock:
            self.out.append(record)

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

    def broken(self, error: BaseException) -> None:
        """A defect of ours must stop entries, and be heard of."""
        if self.mono() - self._broke < BROKEN_EVERY_S:
            return
        self._broke = self.mono()
        self.tell_condition("defect", "blocked", f"defect_{type(error).__name__}", needs_resume=True)

    def since(self, at_ms: int, before_ms: int) -> int:
        """Gives, for a time of ours, one that is so long before it by the exchange's clock too, where ours is ahead."""
        return max(0, at_ms - before_ms - max(0, self.account.skew_ms() or 0))
