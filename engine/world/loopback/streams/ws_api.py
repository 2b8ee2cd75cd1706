"""The websocket API: requests by method instead of path, and spot's user events."""

from collections.abc import Callable, Mapping
from typing import Any

from engine.world.loopback.books.orders import Account
from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.rest.routes import NOBODY, Call, Rest, encode
from engine.world.loopback.rest.signing import account_of, check_signature, check_time
from engine.world.loopback.streams.sessions import Bent, Talker
from engine.world.loopback.streams.websocket import Socket

#: Methods that are a path of REST by another name.
SPOT_METHODS = {
    "ping": ("GET", "ping"), "time": ("GET", "time"), "exchangeInfo": ("GET", "exchangeInfo"),
    "depth": ("GET", "depth"), "trades.recent": ("GET", "trades"), "trades.aggregate": ("GET", "aggTrades"),
    "klines": ("GET", "klines"), "uiKlines": ("GET", "uiKlines"), "avgPrice": ("GET", "avgPrice"),
    "ticker.24hr": ("GET", "ticker/24hr"), "ticker.price": ("GET", "ticker/price"),
    "ticker.book": ("GET", "ticker/bookTicker"), "order.place": ("POST", "order"),
    "order.test": ("POST", "order/test"), "order.status": ("GET", "order"), "order.cancel": ("DELETE", "order"),
    "order.cancelReplace": ("POST", "order/cancelReplace"), "openOrders.status": ("GET", "openOrders"),
    "openOrders.cancelAll": ("DELETE", "openOrders"), "allOrders": ("GET", "allOrders"),
    "myTrades": ("GET", "myTrades"), "account.status": ("GET", "account"),
    "account.rateLimits.orders": ("GET", "rateLimit/order"), "orderList.place.oco": ("POST", "orderList/oco"),
}  # fmt: skip
PERP_METHODS = {
    "depth": ("GET", "v1/depth"), "ticker.price": ("GET", "v2/ticker/price"),
    "ticker.book": ("GET", "v1/ticker/bookTicker"), "order.place": ("POST", "v1/order"),
    "order.status": ("GET", "v1/order"), "order.cancel": ("DELETE", "v1/order"),
    "algoOrder.place": ("POST", "v1/algoOrder"), "algoOrder.cancel": ("DELETE", "v1/algoOrder"),
    "v2/account.balance": ("GET", "v3/balance"), "v2/account.status": ("GET", "v3/account"),
    "v2/account.position": ("GET", "v3/positionRisk"), "userDataStream.start": ("POST", "v1/listenKey"),
    "userDataStream.ping": ("PUT", "v1/listenKey"), "userDataStream.stop": ("DELETE", "v1/listenKey"),
}  # fmt: skip
SUBSCRIBE_WEIGHT = 2
Note = Callable[[str, str, str, int, bytes], None]


class ApiSession(Talker):
    """One client of a websocket API."""

    def __init__(
        self, rest: Rest, prefix: str, methods: Mapping[str, tuple[str, str]], socket: Socket, bent: Bent,
        may_subscribe: Callable[[], bool], note: Note,
    ) -> None:  # fmt: skip
        """Answers with what `rest` answers below `prefix`.

        `may_subscribe` is asked before each user subscription, `note` writes each request down.
        """
        super().__init__(socket, 100, bent)
        self._rest, self._prefix, self._methods = rest, prefix, methods
        self._listening: dict[int, tuple[Account, Any]] = {}
        self._next = 0
        self._may_subscribe, self._note = may_subscribe, note

    def hear(self, message: dict[str, Any]) -> None:
        """Answers a request: status 200 with a result, or the refusal's status with an error."""
        number, method = message.get("id"), message.get("method")
        params = message.get("params") or {}
        try:
            if not isinstance(method, str) or not isinstance(params, dict):
                raise Refusal(-1135, "Invalid JSON Request")
            result = self._carry_out(method, Wanted({name: _text(value) for name, value in params.items()}))
            answer: dict[str, Any] = {"id": number, "status": 200, "result": result}
        except Refusal as refusal:
            answer = {"id": number, "status": refusal.status, "error": refusal.body()}
        limits = [{**row, "count": self._rest.meter.used} for row in self._rest.meter.limits.told()[:1]]
        answer["rateLimits"] = limits
        self.tell(answer)
        key = params.get("apiKey", "") if isinstance(params, dict) else ""
        self._note(_text(method), _text(params), _text(key), int(answer["status"]), encode(answer))

    def gone(self) -> None:
        """Stops listening."""
        for account, listener in self._listening.values():
            account.listeners.remove(listener)
        self._listening.clear()

    def terminate(self) -> None:
        """Ends every user subscription with the exchange's notice; the socket stays open."""
        for number in tuple(self._listening):
            event = {"e": "eventStreamTerminated", "E": self._rest.clock.now()}
            self.tell({"subscriptionId": number, "event": event})
        self.gone()

    @property
    def listens(self) -> bool:
        """Whether user events go to this client."""
        return bool(self._listening)

    def _carry_out(self, method: str, wanted: Wanted) -> Any:
        if method == "userDataStream.subscribe.signature" and self._prefix.startswith("/api/"):
            return self._subscribe(wanted)
        if method == "userDataStream.unsubscribe" and self._prefix.startswith("/api/"):
            return self._unsubscribe(wanted)
        if method == "session.status":
            return {"apiKey": None, "authorizedSince": None, "connectedSince": None, "returnRateLimits": True,
                    "serverTime": self._rest.clock.now(), "userDataStream": self.listens}  # fmt: skip
        known = self._methods.get(method)
        route = self._rest.routes.get((known[0], self._prefix + known[1])) if known is not None else None
        if method == "session.logon":
            raise Refusal(-4056, "HMAC_SHA256 API key is not supported.")
        if route is None:
            raise Refusal(-1000, f"Method {method} is not served here.")
        weight = route.weight if isinstance(route.weight, int) else route.weight(wanted)
        self._rest.meter.spend(weight, self._rest.clock.wall_ms() / 1000)
        account = NOBODY
        if route.security != "none":
            account = account_of(self._rest.accounts, wanted.text("apiKey"))
        if route.security == "signed":
            self._check(account, wanted)
        return self._rest.let_in(route, Call(wanted, account), weight, self._rest.clock.wall_ms() / 1000)[0]

    def _check(self, account: Account, wanted: Wanted) -> None:
        """The websocket API signs the sorted parameters as they are, not percent-encoded."""
        payload = "&".join(f"{name}={value}" for name, value in sorted(wanted.values.items()) if name != "signature")
        check_signature(account, payload, wanted.text("signature"))
        check_time(self._rest.clock, wanted, self._rest.kind)

    def _subscribe(self, wanted: Wanted) -> dict[str, int]:
        self._rest.meter.spend(SUBSCRIBE_WEIGHT, self._rest.clock.wall_ms() / 1000)
        account = account_of(self._rest.accounts, wanted.text("apiKey"))
        self._check(account, wanted)
        if not self._may_subscribe():
            raise Refusal(-1000, "An unknown error occurred while processing the request.", 500)
        number, self._next = self._next, self._next + 1

        def listener(event: dict[str, Any]) -> None:
            self.pass_on("user", encode({"subscriptionId": number, "event": event}))

        account.listeners.append(listener)
        self._listening[number] = account, listener
        return {"subscriptionId": number}

    def _unsubscribe(self, wanted: Wanted) -> dict[str, int]:
        number = wanted.whole("subscriptionId")
        for one in [number] if number is not None else list(self._listening):
            if one not in self._listening:
                raise Refusal(-2036, "User Data Stream subscription not found.")
            account, listener = self._listening.pop(one)
            account.listeners.remove(listener)
        return {}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else encode(value).decode()
