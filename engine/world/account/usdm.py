"""The futures account at Binance: what the market-neutral account is asked, in USDT-M's own words."""

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from functools import partial
from typing import Final

import msgspec

from engine.errors import Bug, VenueError
from engine.matching.events import STOPS, VenueOrder
from engine.records.market import SymbolRules
from engine.world.account.account import BalanceNews, HeldNews, IncomeNews, News, OrderNews, Placed, TradeNews
from engine.world.account.became import Became, Stop
from engine.world.account.known import known
from engine.world.account.margin import Margin
from engine.world.account.pages import FULL, number_of, rows_since
from engine.world.account.settings import AccountTerms
from engine.world.account.usdm_income import income_since
from engine.world.account.usdm_told import (
    algo_news,
    balance_news,
    cancel_news,
    held_news,
    income_news,
    order_news,
    trade_news,
)
from engine.world.account.user_stream import EVERYDAY, Rhythm, UserStream
from engine.world.account.user_stream_usdm import UsdmEar
from engine.world.account.words import FINISHED, number_told
from engine.world.binance.binance import Binance
from engine.world.binance.trouble import Doubtful, Unreadable
from engine.world.binance.usdm_shapes import AlgoOrder, AlgoTicket, UsdmTicket

VENUE: Final = "binance-usdm"
#: Where times are asked for, they may be a week apart at most; older than three months is told nowhere.
WINDOW_MS = 7 * 86_400_000
TOLD_MS = 90 * 86_400_000
#: Orders that ended without an execution are forgotten after this.
FORGOTTEN_MS = 3 * 86_400_000
_CALLBACK_STEP = Decimal("0.1")
_TRIGGERS = {"mark": "MARK_PRICE", "last": "CONTRACT_PRICE"}


class BinanceUsdmAccount:
    """One account on Binance USDT-M (see `Account`), in one-way mode. Stops are orders of the algo service."""

    venue: str = VENUE

    def __init__(self, binance: Binance, settings: AccountTerms, rhythm: Rhythm = EVERYDAY) -> None:
        """Acts with the key of `binance`, which is closed with this account; sends nothing yet."""
        self._binance, self._settings, self._rhythm = binance, settings, rhythm
        self._client, self._orders, self._account = binance.usdm, binance.usdm_orders, binance.usdm_account
        self._margin, self._became = Margin(self._account), Became()
        self._stream: UserStream | None = None

    def check_key(self) -> list[str]:
        """Gives warnings about the key; raises KeyRefused for one that must not be used."""
        return self._binance.check_key("usdm")

    def prepare(self, symbol: str, leverage: int | None = None) -> None:
        """Sets and confirms isolated margin and leverage; raises ConfigError where the account's mode is another."""
        self._margin.prepare(symbol, leverage if leverage is not None else self._settings.leverage)

    def place(self, order: VenueOrder, *, urgent: bool = False) -> Placed:
        """Places an order, once. NotSent and Rejected are definite; Doubtful means look it up, never send again.

        The answer tells no executions.
        """
        try:
            if order.order_type in STOPS:
                ticket = self._stop(order) if order.order_type == "stop" else self._trailing_stop(order)
                return Placed(order=algo_news(self._orders.place_algo(ticket, urgent=urgent)))
            return Placed(order=order_news(self._orders.place(_ticket(order), urgent=urgent)))
        except Unreadable as error:
            raise Doubtful(f"{error}; order {order.client_id} is there: look it up", order.client_id) from None

    def place_listed(self, limit: VenueOrder, stop: VenueOrder) -> list[Placed]:
        """Raises Bug: futures know no lists, and need none."""
        raise Bug(f"orders {limit.client_id} and {stop.client_id} are a list, which {VENUE} does not know")

    def rules(self, symbol: str) -> SymbolRules:
        """Gives a symbol's rules, asked for anew."""
        found, bad = self._binance.usdm_market.exchange_info().rules(VENUE, self._client.clock.now_ms())
        for one in found:
            if one.symbol == symbol:
                return one
        raise VenueError(f"the rules of {symbol} cannot be read: {'; '.join(bad[:3]) or 'it is not listed'}")

    def cancel(self, symbol: str, client_id: str, *, conditional: bool = False) -> OrderNews | None:
        """Cancels an order, and gives how it ended where the answer proves it; else ask `order` what became of it."""
        if not conditional:
            return cancel_news(self._orders.cancel(symbol, client_id))
        self._orders.cancel_algo(client_id)
        return None

    def countdown(self, symbol: str, after_s: int) -> None:
        """Has the plain orders of a symbol cancelled after so many seconds, unless asked again; 0 calls it off."""
        self._orders.countdown(symbol, after_s * 1000)

    def order(
        self, symbol: str, client_id: str, *, conditional: bool = False, urgent: bool = False
    ) -> OrderNews | None:
        """Gives an order by its client id; None where the exchange says it knows none (yet)."""
        if not conditional:
            plain = known(lambda: self._orders.query(symbol, client_id, urgent=urgent))
            return order_news(plain) if plain is not None else None
        algo = known(lambda: self._orders.query_algo(client_id, urgent=urgent))
        return self._as_it_went_on(algo, urgent) if algo is not None else None

    def open_orders(self, symbol: str | None = None, *, urgent: bool = False) -> list[OrderNews]:
        """Gives the open orders of a symbol, or of all, plain and conditional; strangers' orders too."""
        plain = [self._named(order_news(order)) for order in self._orders.open_orders(symbol, urgent=urgent)]
        return plain + [algo_news(order) for order in self._orders.open_algos(symbol, urgent=urgent)]

    def trades_of(self, symbol: str, order_id: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        """Gives the executions of one plain order, oldest first; of a conditional one ask by what it became."""
        number_of(order_id)
        return [trade for trade in self.trades(symbol, since_ms, urgent=urgent) if trade.order_id == order_id]

    def trades(self, symbol: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        """Gives all executions of a symbol since then, oldest first; none older than three months."""
        now, ask = self._client.clock.now_ms(), partial(self._orders.trades, symbol, limit=FULL, urgent=urgent)
        rows = rows_since(
            lambda start, end: ask(start_ms=start, end_ms=end), lambda from_id: ask(from_id=from_id),
            max(since_ms, now - TOLD_MS), now, WINDOW_MS,
        )  # fmt: skip
        return [trade_news(row) for row in rows]

    def holdings(self, *, urgent: bool = False) -> list[HeldNews]:
        """Gives the open positions; raises ConfigError in hedge mode."""
        return [held_news(one) for one in self._account.positions(urgent=urgent) if one.position_amt]

    def income(self, since_ms: int) -> list[IncomeNews]:
        """Gives what positions brought and cost since then, oldest first; none older than three months."""
        now = self._client.clock.now_ms()
        return [income_news(row) for row in income_since(self._account, max(since_ms, now - TOLD_MS), now)]

    def balances(self) -> list[BalanceNews]:
        """Gives the assets in the wallet."""
        return [balance_news(one) for one in self._account.balances()]

    def listen(self, on_news: Callable[[News], None]) -> None:
        """Starts to listen to the account's own stream on a thread of its own; raises Bug the second time."""
        if self._stream is not None:
            raise Bug(f"the account at {VENUE} is listened to already")
        self._stream = UserStream(
            VENUE, UsdmEar(self._binance, self._settings.quote, self._became), on_news, rhythm=self._rhythm
        )
        self._stream.start()

    def skew_ms(self) -> int | None:
        """Gives how far this machine's clock was ahead of the exchange's when it was measured last."""
        return self._client.clock.skew_ms

    def watch(self, on_breaker: Callable[[int], None]) -> None:
        """Has each level of REST's breaker told, the one that holds now at once."""
        self._client.watch_breaker(on_breaker)

    def close(self) -> None:
        """Stops listening, and closes what is open."""
        if self._stream is not None:
            self._stream.stop()
        self._binance.close()

    def _stop(self, order: VenueOrder) -> AlgoTicket:
        """Gives a stop at market; one that closes takes the whole position with it, however large it is by then."""
        if order.stop_price is None:
            raise Bug(f"order {order.client_id} lacks its price")
        return AlgoTicket(
            symbol=order.symbol, side=order.side.upper(), type="STOP_MARKET", client_algo_id=order.client_id,
            trigger_price=order.stop_price, working_type=_TRIGGERS[self._settings.stop_trigger],
            quantity=None if order.closes else order.qty, close_position=True if order.closes else None,
        )  # fmt: skip

    def _trailing_stop(self, order: VenueOrder) -> AlgoTicket:
        """Gives a stop that trails from now on; its callback, in tenths of a percent, is rather too wide."""
        if order.callback_pct is None:
            raise Bug(f"order {order.client_id} lacks its callback")
        return AlgoTicket(
            symbol=order.symbol, side=order.side.upper(), type="TRAILING_STOP_MARKET", client_algo_id=order.client_id,
            callback_rate=order.callback_pct.quantize(_CALLBACK_STEP, ROUND_CEILING), quantity=order.qty,
            reduce_only=True if order.closes else None, working_type=_TRIGGERS[self._settings.stop_trigger],
        )  # fmt: skip

    def _as_it_went_on(self, algo: AlgoOrder, urgent: bool) -> OrderNews:
        """Gives a conditional order; once it has triggered, as the plain order that it became stands."""
        became = number_told(algo.actual_order_id)
        if algo.algo_status not in ("TRIGGERED", FINISHED) or became is None:
            return algo_news(algo)
        if not became.isdecimal():
            raise Unreadable(f"stop {algo.client_algo_id} became order {became[:40]!r}, which is no number")
        number = number_of(became)
        self._became.learn(became, Stop(algo.client_algo_id, str(algo.algo_id)))
        plain = known(lambda: self._orders.query_id(algo.symbol, number, urgent=urgent))
        if plain is not None:
            return self._named(order_news(plain))
        if algo.algo_status == FINISHED and self._is_forgotten(algo):
            unfilled = msgspec.structs.replace(algo, algo_status="EXPIRED", actual_qty=Decimal(0))
            return algo_news(unfilled)
        if algo.algo_status == FINISHED:
            raise Unreadable(f"stop {algo.client_algo_id} became order {number}, which does not show yet; ask again")
        return algo_news(algo)

    def _named(self, plain: OrderNews) -> OrderNews:
        """Gives a plain order under the ids of the stop that became it, where one did."""
        stop = self._became.stop_of(plain.order_id)
        if stop is None:
            return plain
        return msgspec.structs.replace(
            plain, client_id=stop.client_id, order_id=stop.algo_id, conditional=True, became=plain.order_id
        )

    def _is_forgotten(self, algo: AlgoOrder) -> bool:
        """Says whether its plain order ended so long ago, and without an execution, that nobody tells of it."""
        age = self._client.clock.now_ms() - (algo.update_time or 0)
        return age > FORGOTTEN_MS and not algo.actual_qty


def _ticket(order: VenueOrder) -> UsdmTicket:
    side, closes = order.side.upper(), True if order.closes else None
    if order.order_type == "market":
        return UsdmTicket(
            symbol=order.symbol, side=side, type="MARKET", new_client_order_id=order.client_id, quantity=order.qty,
            reduce_only=closes,
        )  # fmt: skip
    if order.limit_price is None:
        raise Bug(f"order {order.client_id} lacks its price")
    return UsdmTicket(
        symbol=order.symbol, side=side, type="LIMIT", new_client_order_id=order.client_id, quantity=order.qty,
        price=order.limit_price, time_in_force="GTC", reduce_only=closes,
    )  # fmt: skip
