"""A plain client of a served venue: signed requests over one connection that stays open."""

import hmac
import http.client
import time
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from engine.world.loopback.serving import Serving


class Client:
    """Speaks REST to a venue."""

    def __init__(self, served: Serving) -> None:
        self.served = served
        self.headers: dict[str, str] = {}
        self._connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)

    def ask(self, method: str, path: str, values: dict[str, Any] | None = None, *, signed: bool = False) -> Any:
        """Gives status and decoded answer."""
        query = urlencode(values or {}, quote_via=quote)
        if signed:
            stamp = int(time.time() * 1000)
            query += f"{'&' if query else ''}timestamp={stamp}"
            query += "&signature=" + hmac.new(self.served.secret.encode(), query.encode(), sha256).hexdigest()
        return self.raw(method, f"{path}?{query}" if query else path, {"X-MBX-APIKEY": self.served.key})

    def raw(
        self, method: str, target: str, headers: dict[str, str], body: str | None = None, plain: bool = False
    ) -> Any:
        """Gives status and decoded answer of a request as it stands."""
        self._connection.request(method, target, body, headers)
        answer = self._connection.getresponse()
        self.headers = dict(answer.getheaders())
        text = answer.read()
        return answer.status, msgspec.json.decode(text) if text.startswith((b"{", b"[")) and not plain else text

    def order(self, path: str = "/api/v3/order", **values: str) -> Any:
        """Places an order: a market buy of 0.01 BTCUSDT unless told otherwise."""
        wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01", **values}
        return self.ask("POST", path, wanted, signed=True)

    def close(self) -> None:
        self._connection.close()
