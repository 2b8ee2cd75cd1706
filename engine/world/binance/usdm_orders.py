"""Futures orders, plain and conditional: needs a key. Orders and cancels are sent once; queries may be asked again."""

from collections.abc import Callable
from typing import Any, TypeVar

from engine.world.binance.budget import ORDERS_10S, ORDERS_MINUTE, WEIGHT
from engine.world.binance.client import Ask, Client, Method, check_client_id
from engine.world.binance.shape import reader
from engine.world.binance.sign import Params
from engine.world.binance.usdm_shapes import (
    AlgoCancelled,
    AlgoOrder,
    AlgoTicket,
    Countdown,
    Done,
    UsdmOrder,
    UsdmTicket,
    UsdmTrade,
)

T = TypeVar("T")
_ONE_ORDER = {WEIGHT: 0, ORDERS_10S: 1, ORDERS_MINUTE: 1}


class UsdmOrders:
    """One account's orders and what they brought. Errors are those of `Client.read` and `Client.order`."""

    def __init__(self, client: Client) -> None:
        """Acts with this client's key."""
        self.client = client

    def place(self, ticket: UsdmTicket, *, urgent: bool = False) -> UsdmOrder:
        """Places an order; `urgent` is for exits. Doubtful means: look it up by its id, never place it again."""
        client_id = check_client_id(ticket.new_client_order_id)
        ask = Ask("/fapi/v1/order", ticket.params(), "POST", "signed", _ONE_ORDER, urgent, client_id)
        return self.client.order(ask, reader(UsdmOrder))

    def test(self, ticket: UsdmTicket) -> None:
        """Has an order checked without placing it."""
        check_client_id(ticket.new_client_order_id)
        self._read("order/test", ticket.params(), 1, reader(dict[str, Any]), "POST")

    def query(self, symbol: str, client_id: str, *, urgent: bool = False) -> UsdmOrder:
        """Gives an order by its client id; Rejected with sort ABSENT where the exchange knows none (yet)."""
        params: Params = {"symbol": symbol, "origClientOrderId": client_id}
        ask = Ask("/fapi/v1/order", params, "GET", "signed", {WEIGHT: 1}, urgent, client_id)
        return self.client.read(ask, reader(UsdmOrder))

    def query_id(self, symbol: str, order_id: int, *, urgent: bool = False) -> UsdmOrder:
        """Gives an order by the exchange's id: the one that a conditional order became."""
        return self._read("order", {"symbol": symbol, "orderId": order_id}, 1, reader(UsdmOrder), urgent=urgent)

    def cancel(self, symbol: str, client_id: str) -> UsdmOrder:
        """Cancels an order; a yes says how much was executed before. After anything else query it."""
        params: Params = {"symbol": symbol, "origClientOrderId": client_id}
        return self.client.order(self._cancel("order", params, client_id), reader(UsdmOrder))

    def cancel_all(self, symbol: str) -> None:
        """Cancels every open plain order of a symbol; conditional ones stay (`cancel_all_algos`)."""
        self.client.order(self._cancel("allOpenOrders", {"symbol": symbol}), reader(Done))

    def open_orders(self, symbol: str | None = None, *, urgent: bool = False) -> list[UsdmOrder]:
        """Gives the open plain orders of a symbol, or of all."""
        weight = 1 if symbol else 40
        return self._read("openOrders", {"symbol": symbol}, weight, reader(list[UsdmOrder]), urgent=urgent)

    def all_orders(
        self, symbol: str, *, from_id: int | None = None, start_ms: int | None = None, end_ms: int | None = None,
        limit: int = 500,
    ) -> list[UsdmOrder]:  # fmt: skip
        """Gives orders of a symbol in any state, from an id on or within at most seven days."""
        params: Params = {
            "symbol": symbol, "orderId": from_id, "startTime": start_ms, "endTime": end_ms, "limit": limit,
        }  # fmt: skip
        return self._read("allOrders", params, 5, reader(list[UsdmOrder]))

    def trades(
        self, symbol: str, *, from_id: int | None = None, start_ms: int | None = None, end_ms: int | None = None,
        limit: int = 500, urgent: bool = False,
    ) -> list[UsdmTrade]:  # fmt: skip
        """Gives our executions, oldest first: from a trade id on, or within at most seven of the last 90 days."""
        params: Params = {
            "symbol": symbol, "fromId": from_id, "startTime": start_ms, "endTime": end_ms, "limit": limit,
        }  # fmt: skip
        return self._read("userTrades", params, 5, reader(list[UsdmTrade]), urgent=urgent)

    def place_algo(self, ticket: AlgoTicket, *, urgent: bool = False) -> AlgoOrder:
        """Places a conditional order. Margin is looked at only when it triggers: accepted is not protected."""
        client_id = check_client_id(ticket.client_algo_id)
        ask = Ask("/fapi/v1/algoOrder", ticket.params(), "POST", "signed", _ONE_ORDER, urgent, client_id)
        return self.client.order(ask, reader(AlgoOrder))

    def query_algo(self, client_id: str, *, urgent: bool = False) -> AlgoOrder:
        """Gives a conditional order by its client id; plain queries do not know it."""
        params: Params = {"clientAlgoId": client_id}
        ask = Ask("/fapi/v1/algoOrder", params, "GET", "signed", {WEIGHT: 1}, urgent, client_id)
        return self.client.read(ask, reader(AlgoOrder))

    def cancel_algo(self, client_id: str) -> AlgoCancelled:
        """Cancels a conditional order that has not triggered yet."""
        return self.client.order(
            self._cancel("algoOrder", {"clientAlgoId": client_id}, client_id), reader(AlgoCancelled)
        )

    def cancel_all_algos(self, symbol: str) -> None:
        """Cancels every conditional order of a symbol; what is held there is then without a stop."""
        self.client.order(self._cancel("algoOpenOrders", {"symbol": symbol}), reader(Done))

    def open_algos(self, symbol: str | None = None, *, urgent: bool = False) -> list[AlgoOrder]:
        """Gives the conditional orders of a symbol, or of all, that have not triggered."""
        weight = 1 if symbol else 40
        return self._read("openAlgoOrders", {"symbol": symbol}, weight, reader(list[AlgoOrder]), urgent=urgent)

    def all_algos(
        self, symbol: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 500
    ) -> list[AlgoOrder]:
        """Gives conditional orders of a symbol in any state, within at most seven days."""
        params: Params = {"symbol": symbol, "startTime": start_ms, "endTime": end_ms, "limit": limit}
        return self._read("allAlgoOrders", params, 5, reader(list[AlgoOrder]))

    def countdown(self, symbol: str, after_ms: int) -> Countdown | None:
        """Has all plain orders of a symbol cancelled after so many ms, unless it is called again; 0 switches it off."""
        params: Params = {"symbol": symbol, "countdownTime": after_ms}
        ask = Ask("/fapi/v1/countdownCancelAll", params, "POST", "signed", {WEIGHT: 10}, True)
        return self.client.change(ask, reader(Countdown))

    def _cancel(self, path: str, params: Params, client_id: str | None = None) -> Ask:
        return Ask(f"/fapi/v1/{path}", params, "DELETE", "signed", {WEIGHT: 1}, True, client_id)

    def _read(
        self, path: str, params: Params, weight: int, read: Callable[[bytes], T], method: Method = "GET", *,
        urgent: bool = False,
    ) -> T:  # fmt: skip
        return self.client.read(Ask(f"/fapi/v1/{path}", params, method, "signed", {WEIGHT: weight}, urgent), read)
