"""Spot orders, trades and balances: needs a key. Orders and cancels are sent once; what is asked may be asked again."""

from collections.abc import Callable
from typing import Any, TypeVar

from engine.world.binance.budget import ORDERS_10S, ORDERS_DAY, WEIGHT
from engine.world.binance.client import Ask, Client, Method, check_client_id
from engine.world.binance.shape import reader
from engine.world.binance.sign import Params
from engine.world.binance.spot_shapes import (
    Cancelled,
    OcoTicket,
    OrderList,
    SpotAccount,
    SpotFees,
    SpotOrder,
    SpotTicket,
    SpotTrade,
)
from engine.world.binance.trouble import Rejected, Sort

T = TypeVar("T")


class SpotOrders:
    """One account's orders and what they brought. Errors are those of `Client.read` and `Client.order`."""

    def __init__(self, client: Client) -> None:
        """Acts with this client's key."""
        self.client = client

    def place(self, ticket: SpotTicket, *, urgent: bool = False) -> SpotOrder:
        """Places an order; `urgent` is for exits. Doubtful means: look it up by its id, never place it again."""
        client_id = check_client_id(ticket.new_client_order_id)
        costs = {WEIGHT: 1, ORDERS_10S: 1, ORDERS_DAY: 1}
        ask = Ask("/api/v3/order", ticket.params(), "POST", "signed", costs, urgent, client_id)
        return self.client.order(ask, reader(SpotOrder))

    def test(self, ticket: SpotTicket) -> None:
        """Has an order checked without placing it; balances are not looked at."""
        check_client_id(ticket.new_client_order_id)
        self._read("order/test", ticket.params(), 1, reader(dict[str, Any]), "POST")

    def query(self, symbol: str, client_id: str, *, urgent: bool = False) -> SpotOrder:
        """Gives an order by its client id; Rejected with sort ABSENT where the exchange knows none (yet)."""
        params: Params = {"symbol": symbol, "origClientOrderId": client_id}
        ask = Ask("/api/v3/order", params, "GET", "signed", {WEIGHT: 4}, urgent, client_id)
        return self.client.read(ask, reader(SpotOrder))

    def cancel(self, symbol: str, client_id: str) -> SpotOrder:
        """Cancels an order, and its list with it; a yes says how much was executed before, anything else nothing."""
        params: Params = {"symbol": symbol, "origClientOrderId": client_id}
        ask = Ask("/api/v3/order", params, "DELETE", "signed", {WEIGHT: 1}, True, client_id)
        return self.client.order(ask, reader(Cancelled)).of(client_id)

    def cancel_all(self, symbol: str) -> None:
        """Cancels every open order and list of a symbol; none open is fine."""
        ask = Ask("/api/v3/openOrders", {"symbol": symbol}, "DELETE", "signed", {WEIGHT: 1}, True)
        try:
            self.client.order(ask, reader(list[Any]))
        except Rejected as error:
            if error.sort is not Sort.ABSENT:
                raise

    def open_orders(self, symbol: str | None = None, *, urgent: bool = False) -> list[SpotOrder]:
        """Gives the open orders of a symbol, or of all."""
        weight = 6 if symbol else 80
        return self._read("openOrders", {"symbol": symbol}, weight, reader(list[SpotOrder]), urgent=urgent)

    def all_orders(
        self, symbol: str, *, from_id: int | None = None, start_ms: int | None = None, end_ms: int | None = None,
        limit: int = 500,
    ) -> list[SpotOrder]:  # fmt: skip
        """Gives orders of a symbol in any state, from an id on or within at most 24 h."""
        params: Params = {
            "symbol": symbol, "orderId": from_id, "startTime": start_ms, "endTime": end_ms, "limit": limit,
        }  # fmt: skip
        return self._read("allOrders", params, 20, reader(list[SpotOrder]))

    def trades(
        self, symbol: str, *, order_id: int | None = None, from_id: int | None = None, start_ms: int | None = None,
        end_ms: int | None = None, limit: int = 500, urgent: bool = False,
    ) -> list[SpotTrade]:  # fmt: skip
        """Gives our executions, oldest first: of an order, from a trade id on, or within at most 24 h."""
        params: Params = {
            "symbol": symbol, "orderId": order_id, "fromId": from_id, "startTime": start_ms, "endTime": end_ms,
            "limit": limit,
        }  # fmt: skip
        weight = 5 if order_id is not None else 20
        return self._read("myTrades", params, weight, reader(list[SpotTrade]), urgent=urgent)

    def place_oco(self, ticket: OcoTicket, *, urgent: bool = False) -> OrderList:
        """Places two orders of which one cancels the other; each counts as an order of its own."""
        client_id = check_client_id(ticket.list_client_order_id)
        for leg in (ticket.above_client_order_id, ticket.below_client_order_id):
            check_client_id(leg)
        costs = {WEIGHT: 1, ORDERS_10S: 2, ORDERS_DAY: 2}
        ask = Ask("/api/v3/orderList/oco", ticket.params(), "POST", "signed", costs, urgent, client_id)
        return self.client.order(ask, reader(OrderList))

    def query_list(self, client_id: str) -> OrderList:
        """Gives an order list by its client id."""
        return self._read("orderList", {"origClientOrderId": client_id}, 4, reader(OrderList))

    def cancel_list(self, symbol: str, client_id: str) -> OrderList:
        """Cancels a list, all its orders with it."""
        params: Params = {"symbol": symbol, "listClientOrderId": client_id}
        ask = Ask("/api/v3/orderList", params, "DELETE", "signed", {WEIGHT: 1}, True, client_id)
        return self.client.order(ask, reader(OrderList))

    def open_lists(self) -> list[OrderList]:
        """Gives all open order lists."""
        return self._read("openOrderList", {}, 6, reader(list[OrderList]))

    def all_lists(self, *, from_id: int | None = None, limit: int = 500) -> list[OrderList]:
        """Gives order lists in any state: the newest, or those from an id on."""
        return self._read("allOrderList", {"fromId": from_id, "limit": limit}, 20, reader(list[OrderList]))

    def account(self, *, urgent: bool = False) -> SpotAccount:
        """Gives the account with its balances that are not zero."""
        return self._read("account", {"omitZeroBalances": True}, 20, reader(SpotAccount), urgent=urgent)

    def fees(self, symbol: str) -> SpotFees:
        """Gives a symbol's fees for this account."""
        return self._read("account/commission", {"symbol": symbol}, 20, reader(SpotFees))

    def _read(
        self, path: str, params: Params, weight: int, read: Callable[[bytes], T], method: Method = "GET", *,
        urgent: bool = False,
    ) -> T:  # fmt: skip
        return self.client.read(Ask(f"/api/v3/{path}", params, method, "signed", {WEIGHT: weight}, urgent), read)
