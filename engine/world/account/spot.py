"""The spot account at Binance: what the market-neutral account is asked, in spot's own words."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import partial
from typing import Final, TypeVar

import msgspec

from engine.errors import Bug, VenueError
from engine.matching.events import VenueOrder
from engine.records.market import SymbolRules
from engine.world.account.account import BalanceNews, HeldNews, IncomeNews, News, OrderNews, Placed, TradeNews
from engine.world.account.known import known
from engine.world.account.pages import FULL, number_of, pages, rows_since
from engine.world.account.settings import AccountTerms
from engine.world.account.spot_told import (
    balance_news,
    cancel_news,
    fills_of,
    held_news,
    open_news,
    order_news,
    trade_news,
)
from engine.world.account.user_stream import EVERYDAY, Rhythm, UserStream
from engine.world.account.user_stream_spot import SpotEar
from engine.world.binance.binance import Binance
from engine.world.binance.spot_shapes import OcoTicket, OrderList, SpotTicket
from engine.world.binance.trouble import Doubtful, Limited, NotSent, Rejected, Sort, Unreadable

T = TypeVar("T")
VENUE: Final = "binance-spot"
#: Where times are asked for, they may be a day apart at most.
WINDOW_MS = 86_400_000


class BinanceSpotAccount:
    """One account on Binance spot (see `Account`). Stops are plain orders here, and nothing has to be prepared."""

    venue: str = VENUE

    def __init__(self, binance: Binance, settings: AccountTerms, rhythm: Rhythm = EVERYDAY) -> None:
        """Acts with the key of `binance`, which is closed with this account; sends nothing yet."""
        self._binance, self._settings, self._rhythm = binance, settings, rhythm
        self._stream: UserStream | None = None
        self._client, self._orders, self._market = binance.spot, binance.spot_orders, binance.spot_market
        self._rules: dict[str, SymbolRules] = {}

    def check_key(self) -> list[str]:
        """Gives warnings about the key; raises KeyRefused for one that must not be used."""
        return self._binance.check_key("spot")

    def prepare(self, symbol: str, leverage: int | None = None) -> None:
        """Does nothing: a spot order stands on the balance alone."""

    def place(self, order: VenueOrder, *, urgent: bool = False) -> Placed:
        """Places an order, once. NotSent and Rejected are definite; Doubtful means look it up, never send again."""
        ticket = self._ticket(order)
        told = self._minding_filters(order.symbol, lambda: self._orders.place(ticket, urgent=urgent))
        try:
            return Placed(order=order_news(told), trades=fills_of(told))
        except Unreadable as error:
            raise Doubtful(f"{error}; order {order.client_id} is there: look it up", order.client_id) from None

    def place_listed(self, limit: VenueOrder, stop: VenueOrder) -> list[Placed]:
        """Places a limit order and a stop of which one ends the other, at once; errors are those of `place`."""
        told = self._listed(limit, stop)
        try:
            return [Placed(order=order_news(one)) for one in told.order_reports]
        except Unreadable as error:
            raise Doubtful(f"{error}; order {limit.client_id} is there: look it up", limit.client_id) from None

    def cancel(self, symbol: str, client_id: str, *, conditional: bool = False) -> OrderNews | None:
        """Cancels an order, and gives how it ended where the answer proves it; else ask `order` what became of it."""
        return cancel_news(self._orders.cancel(symbol, client_id))

    def countdown(self, symbol: str, after_s: int) -> None:
        """Raises Bug: spot knows no countdown."""
        raise Bug(f"{VENUE} cancels nothing of {symbol} by itself")

    def order(
        self, symbol: str, client_id: str, *, conditional: bool = False, urgent: bool = False
    ) -> OrderNews | None:
        """Gives an order by its client id; None where the exchange says it knows none (yet)."""
        found = known(lambda: self._orders.query(symbol, client_id, urgent=urgent))
        return order_news(found) if found is not None else None

    def open_orders(self, symbol: str | None = None, *, urgent: bool = False) -> list[OrderNews]:
        """Gives the open orders of a symbol, or of all; strangers' orders too."""
        return [open_news(order) for order in self._orders.open_orders(symbol, urgent=urgent)]

    def trades_of(self, symbol: str, order_id: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        """Gives the executions of one order, oldest first."""
        ask = partial(self._orders.trades, symbol, order_id=number_of(order_id), limit=FULL, urgent=urgent)
        return [trade_news(row) for row in pages(ask(), lambda from_id: ask(from_id=from_id))]

    def trades(self, symbol: str, since_ms: int, *, urgent: bool = False) -> list[TradeNews]:
        """Gives all executions of a symbol since then, oldest first."""
        ask = partial(self._orders.trades, symbol, limit=FULL, urgent=urgent)
        rows = rows_since(
            lambda start, end: ask(start_ms=start, end_ms=end), lambda from_id: ask(from_id=from_id),
            since_ms, self._client.clock.now_ms(), WINDOW_MS,
        )  # fmt: skip
        return [trade_news(row) for row in rows]

    def holdings(self, *, urgent: bool = False) -> list[HeldNews]:
        """Gives the coins in the wallet, each as its symbol against the quote asset of the settings, traded or not."""
        rows = self._orders.account(urgent=urgent).balances
        held = [held_news(one.asset, one.free, one.locked, self._settings.quote) for one in rows]
        return [one for one in held if one is not None and one.qty]

    def income(self, since_ms: int) -> list[IncomeNews]:
        """Gives nothing: coins that are held neither pay nor cost."""
        return []

    def balances(self) -> list[BalanceNews]:
        """Gives the assets in the wallet."""
        return [balance_news(one) for one in self._orders.account().balances]

    def listen(self, on_news: Callable[[News], None]) -> None:
        """Starts to listen to the account's own stream on a thread of its own; raises Bug the second time."""
        if self._stream is not None:
            raise Bug(f"the account at {VENUE} is listened to already")
        ear = SpotEar(self._binance, self._settings.quote)
        self._stream = UserStream(VENUE, ear, on_news, rhythm=self._rhythm)
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

    def _listed(self, limit: VenueOrder, stop: VenueOrder) -> OrderList:
        if limit.limit_price is None or stop.stop_price is None or limit.side != "sell":
            raise Bug(f"orders {limit.client_id} and {stop.client_id} are no list to sell by")
        below = self._stop(stop, stop.stop_price)
        ticket = OcoTicket(
            symbol=limit.symbol, side="SELL", quantity=limit.qty, list_client_order_id=f"{limit.client_id}-list",
            above_type="LIMIT_MAKER", above_client_order_id=limit.client_id, above_price=limit.limit_price,
            below_type=below.type, below_client_order_id=stop.client_id, below_price=below.price,
            below_stop_price=below.stop_price, below_time_in_force=below.time_in_force,
        )  # fmt: skip
        return self._minding_filters(limit.symbol, lambda: self._orders.place_oco(ticket, urgent=limit.closes))

    def _minding_filters(self, symbol: str, request: Callable[[], T]) -> T:
        """Makes a request; where a filter refuses it, the rules may have changed: the next stop reads them anew."""
        try:
            return request()
        except Rejected as error:
            if error.sort is Sort.FILTER:
                self._rules.pop(symbol, None)
            raise

    def _ticket(self, order: VenueOrder) -> SpotTicket:
        side = order.side.upper()
        match order.order_type, order.limit_price, order.stop_price:
            case "market", _, _:
                return SpotTicket(
                    symbol=order.symbol, side=side, type="MARKET", new_client_order_id=order.client_id,
                    quantity=order.qty,
                )  # fmt: skip
            case "limit", Decimal() as price, _:
                return SpotTicket(
                    symbol=order.symbol, side=side, type="LIMIT", new_client_order_id=order.client_id,
                    quantity=order.qty, price=price, time_in_force="GTC",
                )  # fmt: skip
            case "stop", _, Decimal() as stop:
                return self._stop(order, stop)
        if order.order_type == "trailing_stop" and order.callback_pct is not None:
            # In hundredths of a percent, rather too wide; it trails from now on.
            return SpotTicket(
                symbol=order.symbol, side=side, type="STOP_LOSS", new_client_order_id=order.client_id,
                quantity=order.qty, trailing_delta=int((order.callback_pct * 100).to_integral_value(ROUND_CEILING)),
            )  # fmt: skip
        raise Bug(f"order {order.client_id} lacks its price")

    def _stop(self, order: VenueOrder, stop: Decimal) -> SpotTicket:
        """Gives a stop at market where the symbol knows one, else one with a limit far enough off to be filled."""
        rules = self._rules_of(order.symbol)
        ticket = SpotTicket(
            symbol=order.symbol, side=order.side.upper(), type="STOP_LOSS", new_client_order_id=order.client_id,
            quantity=order.qty, stop_price=stop,
        )  # fmt: skip
        if "STOP_LOSS" in rules.order_types:
            return ticket
        slippage = Decimal(str(self._settings.stop_limit_slippage_pct)) / 100
        away = 1 - slippage if order.side == "sell" else 1 + slippage
        rounding = ROUND_FLOOR if order.side == "sell" else ROUND_CEILING
        tick = Decimal(rules.tick)
        limit = max((stop * away / tick).to_integral_value(rounding), Decimal(1)) * tick
        return msgspec.structs.replace(ticket, type="STOP_LOSS_LIMIT", price=limit, time_in_force="GTC")

    def rules(self, symbol: str) -> SymbolRules:
        """Gives a symbol's rules, asked for anew."""
        self._rules.pop(symbol, None)
        return self._rules_of(symbol)

    def _rules_of(self, symbol: str) -> SymbolRules:
        """Gives a symbol's rules, asked for once; raises NotSent where they cannot be read: no order left then."""
        found = self._rules.get(symbol)
        if found is not None:
            return found
        try:
            info = self._market.exchange_info([symbol], urgent=True)
        except Limited:
            raise
        except VenueError as error:
            if isinstance(error, Rejected) and error.sort is Sort.SYMBOL:
                raise
            raise NotSent(f"{error}; the stop was not sent without the rules of its symbol", "rules") from None
        rules, bad = info.rules(VENUE, self._client.clock.now_ms())
        for one in rules:
            self._rules[one.symbol] = one
        if symbol not in self._rules:
            raise NotSent(f"the rules of {symbol} cannot be read {bad}; the stop was not sent", "rules")
        return self._rules[symbol]
