"""USDT-M's orders over REST: placed, asked for and cancelled, conditional ones in their own service."""

from typing import Any

import msgspec

from engine.world.loopback.books.perp import PerpBooks
from engine.world.loopback.books.perp_algo import AlgoBooks
from engine.world.loopback.books.perp_algo_events import algo_view
from engine.world.loopback.books.perp_events import (
    placed,
    queried,
)
from engine.world.loopback.books.refusals import Refusal, missing, no_such_order
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.rest.perp_account import check_week, trader_of
from engine.world.loopback.rest.routes import Call, Route, Routes, by_count, page, within

_MOST_BATCH = 5


class PerpOrders:
    """What becomes of orders."""

    def __init__(self, books: PerpBooks, algo: AlgoBooks) -> None:
        """Speaks for these books."""
        self.books, self.algo = books, algo

    def routes(self) -> Routes:
        """Gives every path with its answer."""
        orders = {
            ("POST", "order"): Route(self.place, 0, "signed", 1),
            ("POST", "order/test"): Route(self.test, 1, "signed"),
            ("GET", "order"): Route(lambda call: queried(self.books.find(trader_of(call), call.wanted)), 1, "signed"),
            ("DELETE", "order"): Route(
                lambda call: placed(self.books.cancel(trader_of(call), call.wanted)), 1, "signed"
            ),
            ("PUT", "order"): Route(
                lambda call: placed(self.books.amend(trader_of(call), call.wanted)), 1, "signed", 1
            ),
            ("POST", "batchOrders"): Route(self.batch, 5, "signed", 5),
            ("DELETE", "batchOrders"): Route(self.cancel_batch, 1, "signed"),
            ("GET", "openOrder"): Route(self.open_order, 1, "signed"),
            ("GET", "openOrders"): Route(self.open_orders, by_count(1, 40), "signed"),
            ("GET", "allOrders"): Route(self.all_orders, 5, "signed"),
            ("DELETE", "allOpenOrders"): Route(self.cancel_all, 1, "signed"),
            ("POST", "countdownCancelAll"): Route(self.set_countdown, 10, "signed"),
            ("POST", "algoOrder"): Route(self.place_algo, 0, "signed", 1),
            ("GET", "algoOrder"): Route(
                lambda call: algo_view(self.algo.find(trader_of(call), call.wanted), True), 1, "signed"
            ),
            ("DELETE", "algoOrder"): Route(self.cancel_algo, 1, "signed"),
            ("DELETE", "algoOpenOrders"): Route(self.cancel_all_algos, 1, "signed"),
            ("GET", "openAlgoOrders"): Route(self.open_algos, by_count(1, 40), "signed"),
            ("GET", "allAlgoOrders"): Route(self.all_algos, 5, "signed"),
        }
        return {(method, f"/fapi/v1/{path}"): route for (method, path), route in orders.items()}

    def place(self, call: Call) -> Any:
        """Places an order; only RESULT waits for what becomes of it, the default acknowledges."""
        kinds = ("ACK", "RESULT")
        detail = call.wanted.one_of("newOrderRespType", kinds, -1130, "Invalid newOrderRespType.", "ACK")
        told = placed(self.books.place(trader_of(call), call.wanted))
        return told if detail == "RESULT" else told | {"status": "NEW", "executedQty": "0", "cumQty": "0"}

    def test(self, call: Call) -> Any:
        """Holds an order against the filters without placing it."""
        return placed(self.books.compose(trader_of(call), call.wanted))

    def batch(self, call: Call) -> Any:
        """Places up to five orders; each answers for itself."""
        told: list[Any] = []
        for values in _batch_of(call.wanted):
            try:
                told.append(placed(self.books.place(trader_of(call), Wanted(values))))
            except Refusal as refusal:
                told.append(refusal.body())
        return told

    def cancel_batch(self, call: Call) -> Any:
        """Cancels up to ten orders of a symbol."""
        symbol, wanted = call.wanted.must("symbol"), call.wanted
        # Some clients write these two names in lower case, and the exchange lets them.
        numbers = _list_of(wanted.text("orderIdList") or wanted.text("orderidlist") or "[]")
        names = _list_of(wanted.text("origClientOrderIdList") or wanted.text("origclientorderidlist") or "[]")
        told: list[Any] = []
        for values in [{"orderId": one} for one in numbers] + [{"origClientOrderId": one} for one in names]:
            try:
                told.append(placed(self.books.cancel(trader_of(call), Wanted({"symbol": symbol, **values}))))
            except Refusal as refusal:
                told.append(refusal.body())
        return told

    def open_order(self, call: Call) -> Any:
        """Tells an open order."""
        order = self.books.find(trader_of(call), call.wanted)
        if not order.is_open:
            raise no_such_order()
        return queried(order)

    def open_orders(self, call: Call) -> Any:
        """Tells the open orders of a symbol, or all; conditional ones are not among them."""
        symbol = call.wanted.text("symbol")
        if symbol is not None:
            self.books.floor.coin(symbol)
        return [queried(order) for order in call.account.open_of(symbol) if order.hidden_until <= self.books.now()]

    def all_orders(self, call: Call) -> Any:
        """Tells orders, from an order on or within a week."""
        wanted, symbol = call.wanted, call.wanted.text("symbol")
        first, since, until = wanted.whole("orderId"), wanted.whole("startTime"), wanted.whole("endTime")
        check_week(since, until)
        found = [
            order
            for order in call.account.orders.values()
            if (symbol is None or order.coin.symbol == symbol)
            and order.hidden_until <= self.books.now()
            and (first is None or order.order_id >= first)
            and within(order.at, since, until)
        ]
        return [queried(order) for order in page(found, wanted, first is not None or since is not None)]

    def cancel_all(self, call: Call) -> Any:
        """Cancels every open order of a symbol; conditional ones stay."""
        self.books.cancel_all(trader_of(call), call.wanted.must("symbol"))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def set_countdown(self, call: Call) -> Any:
        """Sets when the open orders of a symbol are cancelled unless this is called again; 0 takes it back."""
        symbol, after = self.books.floor.coin(call.wanted.must("symbol")).symbol, call.wanted.whole("countdownTime")
        if after is None or after < 0:
            raise missing("countdownTime")
        trader_of(call).countdowns.pop(symbol, None)
        if after:
            trader_of(call).countdowns[symbol] = self.books.now() + after
        return {"symbol": symbol, "countdownTime": str(after)}

    def place_algo(self, call: Call) -> Any:
        """Places a conditional order."""
        return algo_view(self.algo.place(trader_of(call), call.wanted), query=False)

    def cancel_algo(self, call: Call) -> Any:
        """Cancels a conditional order."""
        algo = self.algo.cancel(trader_of(call), call.wanted)
        return {"algoId": algo.algo_id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}

    def cancel_all_algos(self, call: Call) -> Any:
        """Cancels every conditional order of a symbol."""
        self.algo.cancel_all(trader_of(call), call.wanted.must("symbol"))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def open_algos(self, call: Call) -> Any:
        """Tells the open conditional orders."""
        found = self.algo.open_of(trader_of(call), self.books.floor.listed(call.wanted.text("symbol")))
        return [algo_view(one, query=True) for one in found]

    def all_algos(self, call: Call) -> Any:
        """Tells every conditional order of a symbol."""
        found = self.algo.all_of(trader_of(call), call.wanted.must("symbol"))
        return [algo_view(one, query=True) for one in page(found, call.wanted, False)]


def _batch_of(wanted: Wanted) -> list[dict[str, str]]:
    try:
        rows = msgspec.json.decode(wanted.must("batchOrders"), type=list[dict[str, Any]])
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise Refusal(-1130, "Data sent for parameter 'batchOrders' is not valid.") from None
    if not 0 < len(rows) <= _MOST_BATCH:
        raise Refusal(-1130, "Data sent for parameter 'batchOrders' is not valid.")
    return [{name: value if isinstance(value, str) else str(value) for name, value in row.items()} for row in rows]


def _list_of(text: str) -> list[str]:
    try:
        return [str(one) for one in msgspec.json.decode(text, type=list[int | str])][:10]
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise Refusal(-1130, "Data sent for a list is not valid.") from None
