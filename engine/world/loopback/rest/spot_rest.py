"""Spot's REST: what /api/v3 answers, with its weights."""

from typing import Any

from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.spot import SpotBooks
from engine.world.loopback.books.spot_events import (
    account_view,
    cancelled,
    cancelled_list,
    list_view,
    own_trade,
    placed,
    queried,
)
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.market.instruments import spot_info
from engine.world.loopback.market.tape import DAY, Tape
from engine.world.loopback.rest import quotes
from engine.world.loopback.rest.limits import Meter
from engine.world.loopback.rest.routes import Call, Route, Routes, by_count, page, symbols_of, within
from engine.world.loopback.rest.spot_names import knowing
from engine.world.loopback.rest.spot_tickers import SpotTickers, of_each

_V3 = "/api/v3/"


class SpotRest:
    """The answers of spot's paths, over its books."""

    def __init__(self, books: SpotBooks, clock: VenueClock, meter: Meter) -> None:
        """Speaks for these books."""
        self.books, self.clock, self.meter = books, clock, meter

    def routes(self) -> Routes:
        """Gives every path with its answer."""
        floor = self.books.floor
        public = {
            "ping": Route(lambda call: {}),
            "time": Route(lambda call: {"serverTime": self.clock.now()}),
            "exchangeInfo": Route(self.exchange_info, 20),
            "depth": Route(lambda call: quotes.depth(floor, call.wanted, 5000), _depth_weight),
            "trades": Route(self.trades, 25),
            "historicalTrades": Route(self.trades, 25),
            "aggTrades": Route(lambda call: quotes.agg_trades(self._tape(call), call.wanted), 4),
            "klines": Route(lambda call: quotes.klines(floor, call.wanted, 1000), 2),
            "uiKlines": Route(lambda call: quotes.klines(floor, call.wanted, 1000), 2),
            "avgPrice": Route(self.average_price, 2),
            "referencePrice": Route(self.reference_price, 2),
            "executionRules": Route(self.execution_rules, by_count(2, 40)),
            "ticker/price": Route(lambda call: of_each(floor, call.wanted, _last_price), by_count(2, 4)),
            "ticker/bookTicker": Route(lambda call: of_each(floor, call.wanted, quotes.book_ticker), by_count(2, 4)),
            **SpotTickers(floor).routes(),
        }
        signed = {
            ("POST", "order"): Route(self.place, 1, "signed", 1, True),
            ("POST", "order/test"): Route(self.test, _test_weight, "signed"),
            ("GET", "order"): Route(lambda call: queried(self.books.find(call.account, call.wanted)), 4, "signed"),
            ("DELETE", "order"): Route(self.cancel, 1, "signed", 0, True),
            ("POST", "order/cancelReplace"): Route(self.cancel_replace, 1, "signed", 1, True),
            ("POST", "orderList/oco"): Route(self.place_pair, 1, "signed", 2, True),
            ("GET", "orderList"): Route(self.order_list, 4, "signed"),
            ("DELETE", "orderList"): Route(self.cancel_list, 1, "signed", 0, True),
            ("GET", "openOrderList"): Route(lambda call: self.lists(call, only_open=True), 6, "signed"),
            ("GET", "allOrderList"): Route(lambda call: self.lists(call, only_open=False), 20, "signed"),
            ("GET", "openOrders"): Route(self.open_orders, by_count(6, 80), "signed"),
            ("DELETE", "openOrders"): Route(self.cancel_all, 1, "signed", 0, True),
            ("GET", "allOrders"): Route(self.all_orders, 20, "signed"),
            ("GET", "myTrades"): Route(self.own_trades, _trades_weight, "signed"),
            ("GET", "myPreventedMatches"): Route(self.nothing_of, 20, "signed"),
            ("GET", "myAllocations"): Route(self.nothing_of, 20, "signed"),
            ("GET", "account"): Route(self.account, 20, "signed"),
            ("GET", "account/commission"): Route(self.commission, 20, "signed"),
            ("GET", "rateLimit/order"): Route(self.order_limits, 40, "signed"),
        }
        routes = {("GET", _V3 + path): route for path, route in public.items()}
        return knowing(routes | {(method, _V3 + path): route for (method, path), route in signed.items()}, _V3)

    def exchange_info(self, call: Call) -> Any:
        """Tells the symbols with their rules, and the rate limits."""
        names, coins = symbols_of(call.wanted), self.books.floor.coins
        status = call.wanted.text("symbolStatus")
        if status is not None and status not in ("TRADING", "HALT", "BREAK"):
            raise Refusal(-1122, "Invalid symbolStatus.")
        listed = list(coins.values()) if names is None else [self.books.floor.coin(name) for name in names]
        return {
            "madeUp": self.clock.venue_name(),
            "timezone": "UTC", "serverTime": self.clock.now(), "rateLimits": self.meter.limits.told(),
            "exchangeFilters": [],
            "symbols": [spot_info(coin) for coin in listed if status is None or coin.status == status], "sors": [],
        }  # fmt: skip

    def trades(self, call: Call) -> Any:
        """Tells the last public trades."""
        return quotes.public_trades(self._tape(call), call.wanted.limit(500, 1000))

    def average_price(self, call: Call) -> Any:
        """Tells the average price that filters of market orders go by."""
        tape = self._tape(call)
        minutes = tape.coin.rules.avg_price_mins
        return {"mins": minutes, "price": tape.coin.price(tape.average(minutes)), "closeTime": tape.at}

    def reference_price(self, call: Call) -> Any:
        """Tells that a symbol has no reference price: filters go by the average."""
        symbol = self.books.floor.coin(call.wanted.must("symbol")).symbol
        return {"symbol": symbol, "referencePrice": None, "timestamp": self.clock.now()}

    def place(self, call: Call) -> Any:
        """Places an order."""
        detail = _detail(call.wanted)
        return placed(self.books.place(call.account, call.wanted), detail)

    def test(self, call: Call) -> Any:
        """Holds an order against the filters without placing it."""
        self.books.compose(call.account, call.wanted)
        if not call.wanted.flag("computeCommissionRates"):
            return {}
        told = self.commission(call)
        parts = ("standardCommission", "specialCommission", "taxCommission")
        sides = {f"{name}ForOrder": {side: told[name][side] for side in ("maker", "taker")} for name in parts}
        return sides | {"discount": told["discount"]}

    def execution_rules(self, call: Call) -> Any:
        """Tells that no symbol has a price range around a reference price."""
        names = symbols_of(call.wanted)
        coins = self.books.floor.coins if names is None else [self.books.floor.coin(name).symbol for name in names]
        return {"symbolRules": [{"symbol": symbol, "rules": []} for symbol in coins]}

    def nothing_of(self, call: Call) -> Any:
        """Tells of a symbol what never happens here."""
        self.books.floor.coin(call.wanted.must("symbol"))
        return []

    def cancel(self, call: Call) -> Any:
        """Cancels an order."""
        order = self.books.cancel(call.account, call.wanted)
        pair = self.books.lists.get(order.list_id)
        return cancelled(order) if pair is None else cancelled_list(pair)

    def cancel_replace(self, call: Call) -> Any:
        """Cancels an order and places another; each half says how it went."""
        wanted = call.wanted
        modes = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
        allow = wanted.one_of("cancelReplaceMode", modes, -1130, "Invalid cancelReplaceMode.") == "ALLOW_FAILURE"
        detail = _detail(wanted)
        names = {
            "symbol": wanted.must("symbol"), "orderId": wanted.text("cancelOrderId") or "",
            "origClientOrderId": wanted.text("cancelOrigClientOrderId") or "",
            "newClientOrderId": wanted.text("cancelNewClientOrderId") or "",
        }  # fmt: skip
        told: dict[str, Any] = {"cancelResult": "SUCCESS", "newOrderResult": "NOT_ATTEMPTED"}
        try:
            told["cancelResponse"] = cancelled(self.books.cancel(call.account, Wanted(names)))
        except Refusal as refusal:
            told |= {"cancelResult": "FAILURE", "cancelResponse": refusal.body()}
        told["newOrderResponse"] = None
        if allow or told["cancelResult"] == "SUCCESS":
            try:
                order = self.books.place(call.account, wanted)
                told |= {"newOrderResult": "SUCCESS", "newOrderResponse": placed(order, detail)}
            except Refusal as refusal:
                told |= {"newOrderResult": "FAILURE", "newOrderResponse": refusal.body()}
        results = (told["cancelResult"], told["newOrderResult"])
        if results == ("SUCCESS", "SUCCESS"):
            return told
        if "SUCCESS" in results:
            raise Refusal(-2021, "Order cancel-replace partially failed.", 409, data=told)
        raise Refusal(-2022, "Order cancel-replace failed.", 400, data=told)

    def place_pair(self, call: Call) -> Any:
        """Places an OCO list."""
        return list_view(self.books.place_pair(call.account, call.wanted), reports=True)

    def order_list(self, call: Call) -> Any:
        """Tells an order list."""
        return list_view(self._pair(call), reports=False)

    def cancel_list(self, call: Call) -> Any:
        """Cancels an order list."""
        pair = self._pair(call)
        for order in pair.orders:
            if order.is_open:
                self.books.withdraw(order)
        return cancelled_list(pair)

    def lists(self, call: Call, only_open: bool) -> Any:
        """Tells the order lists of an account."""
        mine = (pair for pair in self.books.lists.values() if pair.orders[0].account is call.account)
        return [list_view(pair, reports=False) for pair in mine if not only_open or pair.is_open]

    def open_orders(self, call: Call) -> Any:
        """Tells the open orders of a symbol, or all."""
        symbol = call.wanted.text("symbol")
        if symbol is not None:
            self.books.floor.coin(symbol)
        return [queried(order) for order in call.account.open_of(symbol) if order.hidden_until <= self.books.now()]

    def cancel_all(self, call: Call) -> Any:
        """Cancels every open order of a symbol."""
        return [cancelled(order) for order in self.books.cancel_all(call.account, call.wanted.must("symbol"))]

    def all_orders(self, call: Call) -> Any:
        """Tells orders of a symbol, from an order on or within a day."""
        wanted, symbol = call.wanted, self.books.floor.coin(call.wanted.must("symbol")).symbol
        first, since, until = wanted.whole("orderId"), wanted.whole("startTime"), wanted.whole("endTime")
        _check_span(since, until)
        found = [
            order
            for order in call.account.orders.values()
            if order.coin.symbol == symbol
            and order.hidden_until <= self.books.now()
            and (first is None or order.order_id >= first)
            and within(order.at, since, until)
        ]
        return [queried(order) for order in page(found, wanted, first is not None or since is not None)]

    def own_trades(self, call: Call) -> Any:
        """Tells the account's fills of a symbol."""
        wanted, symbol = call.wanted, self.books.floor.coin(call.wanted.must("symbol")).symbol
        order_id, first = wanted.whole("orderId"), wanted.whole("fromId")
        since, until = wanted.whole("startTime"), wanted.whole("endTime")
        _check_span(since, until)
        found = [
            (order, fill)
            for order in call.account.orders.values()
            if order.coin.symbol == symbol and (order_id is None or order.order_id == order_id)
            for fill in order.fills
            if (first is None or fill.trade_id >= first) and within(fill.at, since, until)
        ]
        found.sort(key=lambda one: one[1].trade_id)
        return [own_trade(order, fill) for order, fill in page(found, wanted, first is not None or since is not None)]

    def account(self, call: Call) -> Any:
        """Tells what the account holds."""
        return account_view(call.account, self.books.fees, call.wanted.flag("omitZeroBalances"))

    def commission(self, call: Call) -> Any:
        """Tells the fee rates of a symbol."""
        fees, zero = self.books.fees, {"maker": "0", "taker": "0", "buyer": "0", "seller": "0"}
        standard = zero | {"maker": f"{fees.maker:.8f}", "taker": f"{fees.taker:.8f}"}
        discount = {"enabledForAccount": call.account.burns, "enabledForSymbol": True, "discountAsset": "BNB",
                    "discount": "0.75000000"}  # fmt: skip
        return {
            "symbol": self.books.floor.coin(call.wanted.must("symbol")).symbol, "standardCommission": standard,
            "specialCommission": zero, "taxCommission": zero, "discount": discount,
        }  # fmt: skip

    def order_limits(self, call: Call) -> Any:
        """Tells what the account used of its order limits."""
        return self.meter.counts(call.account.key, self.clock.wall_ms() / 1000)

    def _tape(self, call: Call) -> Tape:
        return self.books.floor.tape(call.wanted.must("symbol"))

    def _pair(self, call: Call) -> Any:
        wanted = call.wanted
        number, name = wanted.whole("orderListId"), wanted.text("listClientOrderId") or wanted.text("origClientOrderId")
        for pair in self.books.lists.values():
            if pair.orders[0].account is call.account and (pair.list_id == number or pair.client_id == name):
                return pair
        raise Refusal(-2018, "Order list does not exist.")


def _last_price(tape: Tape) -> dict[str, str]:
    return {"symbol": tape.coin.symbol, "price": tape.coin.price(tape.last)}


def _detail(wanted: Wanted) -> str:
    """MARKET and LIMIT answer in full unless told otherwise, the other types with an acknowledgement."""
    default = "FULL" if wanted.text("type") in ("MARKET", "LIMIT") else "ACK"
    return wanted.one_of("newOrderRespType", ("ACK", "RESULT", "FULL"), -1130, "Invalid newOrderRespType.", default)


def _depth_weight(wanted: Wanted) -> int:
    limit = wanted.limit(100, 5000)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _test_weight(wanted: Wanted) -> int:
    return 20 if wanted.flag("computeCommissionRates") else 1


def _trades_weight(wanted: Wanted) -> int:
    return 5 if wanted.text("orderId") else 20


def _check_span(since: int | None, until: int | None) -> None:
    if since is not None and until is not None and not 0 <= until - since <= DAY:
        raise Refusal(-1127, "More than 24 hours between startTime and endTime.")
