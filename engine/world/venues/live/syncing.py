"""Syncing: compares the exchange's books with ours, at each start and every half a minute; its word counts."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.errors import HotError
from engine.matching.units import plain
from engine.world.account.account import HeldNews, OrderNews, StreamNews, TradeNews
from engine.world.account.walk_back import walk_back
from engine.world.binance.trouble import Rejected, Sort
from engine.world.venues.live.hub import Hub
from engine.world.venues.live.parts import base_of, of_ours
from engine.world.venues.live.strangers import Strangers, locked_by_others
from engine.world.venues.live.ways_out import WaysOut

#: A holding that nobody knows is explained by executions of so many days.
DAYS_BACK = 7
DAY_MS = 86_400_000
#: What hurries a comparison does so no oftener, in seconds: each costs a good part of a minute's budget on spot.
HURRY_S = 5.0
#: After a failure, or where something was on its way, the next try comes after this, in seconds.
AGAIN_S = 2.0
#: Executions of the last so many ms are read again: some come late.
OVERLAP_MS = 120_000
BOUND = "COINS_BOUND"
_NOTHING = Decimal(0)


class Syncing:
    """Compares for one venue. `recovered` says that it has once compared everything and found no doubt."""

    def __init__(self, hub: Hub) -> None:
        """Hears what belongs to no order of ours from now on."""
        self._hub, self._ours, self._adopts = hub, hub.ours, hub.adopts
        hub.on_stranger, hub.on_stranger_order = self.stranger, self.stranger_order
        self._untraded: set[str] = set()
        self._strangers, self._ways_out = Strangers(hub), WaysOut(hub)
        #: What was told of the account's stream; an earlier life may have told that it was silent.
        self._deaf: bool | None = None
        self._due, self._balance_due, self._begun = 0.0, 0.0, -HURRY_S
        self._awaits_doubts = False
        self._busy = False
        self._last_ms = 0
        self.recovered = False

    def look(self) -> None:
        """Starts a comparison when its time has come."""
        self._strangers.look()
        now = self._hub.mono()
        if self._busy or (now < self._due and not self._doubts_are_over()):
            return
        self._awaits_doubts = False
        self._busy, self._begun, self._due = True, now, now + self._hub.settings.sync_s
        self._hub.ask("sync", self._sync)

    def _doubts_are_over(self) -> bool:
        """Says whether the doubts that kept the start from being over have ended: then it need not wait for longer."""
        with self._hub.lock:
            return self._awaits_doubts and not any(one.doubtful for one in self._hub.tracker.open.values())

    def hurry(self) -> None:
        """Has the next comparison made soon."""
        self._due = min(self._due, self._begun + HURRY_S)

    def recover(self) -> None:
        """Has everything asked for and compared as at a start, before anything is entered."""
        with self._hub.lock:
            self._hub.tell_condition("recovering", "blocked", "recovering")
            self.recovered, self._due, self._balance_due = False, 0.0, 0.0
            for one in self._hub.tracker.open.values():
                one.ask_at = 0.0

    def hear_stream(self, news: StreamNews) -> None:
        """Takes whether the account's stream is heard: when it is again, what was missed is asked for."""
        self._hub.stream_up = news.up
        if news.up:
            self.hurry()
        elif self._deaf is not True:
            self._deaf = True
            self._hub.tell_condition("user_stream", "degraded", "user_stream")

    def stranger(self, trade: TradeNews) -> None:
        """Takes an execution that was not ours; on spot only what makes our own holding smaller concerns us.

        Somebody may sell coins of their own there: what is held tells.
        """
        if self._adopts:
            self._hub.tracker.book_stranger(trade)
        elif trade.side == "sell" and self._ours().held.get(trade.symbol):
            self.hurry()
        if trade.client_id not in self._hub.own:
            self._strangers.hear(trade)

    def stranger_order(self, news: OrderNews) -> None:
        """Takes an order that was not ours: one that begins or ends to sell coins that we hold may lock them."""
        if news.side == "sell" and news.client_id not in self._hub.own and self._ours().held.get(news.symbol):
            self.hurry()

    def _sync(self) -> None:
        hub = self._hub
        try:
            started_ms = hub.now_ms()
            compared = self._look_at_holdings(self._look_at_orders(hub.account.open_orders()))
            self._look_at_balances()
            if compared:
                self._last_ms = started_ms
            self._done(compared)
        except HotError as error:
            hub.trouble(error)
            self._due = hub.mono() + AGAIN_S
        finally:
            self._busy = False

    def _done(self, compared: bool) -> None:
        hub = self._hub
        with hub.lock:
            doubtful = any(one.doubtful for one in hub.tracker.open.values())
        if hub.stream_up and self._deaf is not False:
            self._deaf = False
            hub.tell_condition("user_stream", "ok", "user_stream")
        if not compared:
            self._due = hub.mono() + AGAIN_S
        elif doubtful and not self.recovered:
            self._awaits_doubts = True
        elif not self.recovered:
            self.recovered = True
            hub.tell_condition("recovering", "ok", "recovering")

    def _look_at_orders(self, found: list[OrderNews]) -> Mapping[str, Decimal]:
        """Tells what the list says of our orders; one of this ledger that nobody follows is left over, and cancelled.

        Orders of others stay alone, those of another ledger on the same account among them; people hear of them. Gives
        the coins that they lock.
        """
        hub, others = self._hub, list[OrderNews]()
        for news in found:
            with hub.lock:
                followed = hub.tracker.open.get(news.client_id)
            if followed is not None:
                hub.hear(news)
            elif news.client_id in hub.own:
                hub.account.cancel(news.symbol, news.client_id, conditional=news.conditional)
            else:
                others.append(news)
                with hub.lock:
                    self._strangers.hear(news)
        return locked_by_others(others)

    def _look_at_holdings(self, locked: Mapping[str, Decimal]) -> bool:
        """Compares what is held, of symbols on which nothing has moved from before the question to the end of it.

        Says whether that was all of them. `locked` are the coins that orders of others have.
        """
        hub = self._hub
        with hub.lock:
            moved = dict(hub.tracker.moved)
            unbooked = {symbol for symbol, at in moved.items() if not hub.tracker.was_booked(at)}
        theirs = {one.symbol: one for one in hub.account.holdings()}
        self._ways_out.look()
        self._strangers.see(theirs.values())
        held, dust, _ = self._ours()
        looked = {*held, *dust, *(theirs if self._adopts else ())} - self._untraded
        compared = not looked & unbooked
        for symbol in sorted(looked - unbooked):
            news = theirs.get(symbol, nothing_of(symbol))
            if news.qty < 0:
                news = nothing_of(symbol)  # somebody's short position is nothing of ours
            if self._in_flight(symbol):
                continue
            if not self._adopts and self._ways_out.are_booked(symbol):
                compared = False  # the next look compares what is left
                continue
            ours, left = held.get(symbol, _NOTHING), dust.get(symbol, _NOTHING)
            self._tell_bound(news, ours, locked.get(symbol, _NOTHING))
            if news.qty == ours + left or (news.qty > ours + left and not self._adopts):
                continue
            try:
                compared &= self._explain(news, ours, left, moved.get(symbol))
            except Rejected as error:
                if error.sort is not Sort.SYMBOL:
                    raise
                self._untraded.add(symbol)  # a coin without a market, which nobody here can have bought
        return compared

    def _tell_bound(self, news: HeldNews, ours: Decimal, locked: Decimal) -> None:
        """Tells how many of our coins orders of others have, when that has changed: somebody's own are theirs first."""
        bound = min(max(locked - max(news.qty - ours, _NOTHING), _NOTHING), ours)
        before = self._ours().bound.get(news.symbol, _NOTHING)
        if bound == before:
            return
        self._hub.tell_bound(news.symbol, bound)
        if bound > before:
            self._hub.tell_alert(
                "warning", BOUND,
                f"{news.symbol}: sell orders that this ledger did not send have {plain(bound)} of the {plain(ours)} "
                "coins that it holds; its stop covers the others alone: cancel those orders at the exchange, or run "
                f"hot flatten --symbol {news.symbol}",
            )  # fmt: skip

    def _in_flight(self, symbol: str) -> bool:
        """Says whether an order is on its way that may just have changed the holding."""
        hub = self._hub
        with hub.lock:
            return any(not one.rests or one.doubtful for one in hub.tracker.on_symbol(symbol))

    def _explain(self, held: HeldNews, ours: Decimal, dust: Decimal, moved: int | None) -> bool:
        """Tells the executions behind a difference, then the holding itself: what they do not explain it does.

        Where something has moved since the look, the holding is old: it says so, and the next look decides.
        """
        hub = self._hub
        self._ask_for_orders(held.symbol)
        if ours:
            since = hub.since(self._last_ms or hub.now_ms() - DAYS_BACK * DAY_MS, OVERLAP_MS)
            trades = hub.account.trades(held.symbol, since)
        elif self._adopts:
            past = hub.account.trades(held.symbol, hub.now_ms() - DAYS_BACK * DAY_MS)
            opening = walk_back(past, held.qty, base=base_of(past), dust=dust)
            near = opening is not None and (held.entry_price is None or opening.is_near(held.entry_price))
            trades = list(opening.trades) if opening is not None and near else []
        else:
            trades = []  # dust that is gone
        with hub.lock:
            if hub.tracker.moved.get(held.symbol) != moved or self._in_flight(held.symbol):
                return False
            others: Iterable[TradeNews] = [trade for trade in trades if not hub.tracker.hear_trade(trade)]
            if hub.tracker.moved.get(held.symbol) != moved:
                return False  # ours among them may be younger than the look at what is held
            for trade in others if self._adopts else of_ours(others, ours + dust - held.qty):
                hub.tracker.book_stranger(trade)
            hub.tell_holding(held, trades[0].venue_at if trades and not ours else 0)
        return True

    def _ask_for_orders(self, symbol: str) -> None:
        """Asks for what rests on a symbol: a stop that has triggered trades under another number, and is still ours."""
        hub = self._hub
        with hub.lock:
            resting = list(hub.tracker.on_symbol(symbol))
        for one in resting:
            news = hub.account.order(one.symbol, one.client_id, conditional=one.conditional)
            if news is not None:
                hub.hear(news)

    def _look_at_balances(self) -> None:
        hub = self._hub
        if hub.mono() < self._balance_due:
            return
        for balance in hub.account.balances():
            hub.tell_balance(balance)
        self._balance_due = hub.mono() + hub.settings.balance_s


def nothing_of(symbol: str) -> HeldNews:
    """Gives what is held of a symbol of which nothing is."""
    return HeldNews(symbol=symbol, qty=Decimal(0), free=Decimal(0))
