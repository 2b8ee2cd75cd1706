"""Which stream a websocket address opens: the paths of spot, of both websocket APIs, and of the futures routes."""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote

from engine.world.loopback.httpd import Request, Session
from engine.world.loopback.streams.sessions import Talker
from engine.world.loopback.streams.user_streams import UserSession
from engine.world.loopback.streams.websocket import Socket
from engine.world.loopback.streams.ws_api import PERP_METHODS, SPOT_METHODS, ApiSession

if TYPE_CHECKING:
    from engine.world.loopback.venue import Venue

_ROUTES = ("public", "market", "private")
#: What stands for the hosts of the exchange's streams. Clients look for "/stream" in an address to know spot by.
SPOT, FUTURES = "streams", "futures"
API_WEIGHT = {"spot": 2, "usdm": 5}
#: So many handshakes in five minutes, by address (spot).
MAX_HANDSHAKES = 300
_FIVE_MINUTES = 300.0


class Doors:
    """Opens sessions, and knows who is in."""

    def __init__(self, venue: "Venue") -> None:
        """Opens them on this venue."""
        self._venue = venue
        self.talkers: set[Talker] = set()
        self.refusing_subscriptions = 0
        self._handshakes: deque[float] = deque(maxlen=MAX_HANDSHAKES)

    def open(self, request: Request, transport: asyncio.Transport) -> Session | int:
        """Gives the session behind an address, or the HTTP status that refuses it."""
        if self._too_many():
            return 429
        words = [unquote(word) for word in request.path.strip("/").split("/")]
        query = {name: values[-1] for name, values in parse_qs(request.query).items()}
        if words[:2] in (["ws-api", "v3"], ["ws-fapi", "v1"]):
            socket = Socket(request, transport)
            self._keep(self._api("spot" if words[0] == "ws-api" else "usdm", socket))
            return socket
        futures = words[0] in (FUTURES, *_ROUTES)
        if words[0] in (SPOT, FUTURES):
            words = words[1:]
        route = words.pop(0) if words and words[0] in _ROUTES else ""
        if not words or words[0] not in ("ws", "stream"):
            return 404
        combined = words[0] == "stream"
        names = words[1:] + [name for name in query.get("streams", "").split("/") if name]
        socket = Socket(request, transport)
        if route == "private":
            self._keep(self._user(socket, names, query, combined))
        else:
            hub = self._venue.perp_streams if futures else self._venue.spot_streams
            self._keep(hub.open(socket, route, combined, names, self._venue.bent))
        return socket

    def everybody(self) -> list[Talker]:
        """Gives the sessions that are open, and forgets the others."""
        self.talkers = {one for one in self.talkers if one.socket.is_open}
        return list(self.talkers)

    def _too_many(self) -> bool:
        now = time.monotonic()
        full = len(self._handshakes) == MAX_HANDSHAKES and now - self._handshakes[0] < _FIVE_MINUTES
        self._handshakes.append(now)
        return full and self._venue.options.limits

    def _api(self, kind: str, socket: Socket) -> ApiSession:
        venue = self._venue
        rest = venue.rests["/api/" if kind == "spot" else "/fapi/"]
        rest.meter.used += API_WEIGHT[kind]
        prefix, methods = ("/api/v3/", SPOT_METHODS) if kind == "spot" else ("/fapi/", PERP_METHODS)
        return ApiSession(rest, prefix, methods, socket, venue.bent, self._may_subscribe, venue.note_api)

    def _may_subscribe(self) -> bool:
        if not self.refusing_subscriptions:
            return True
        self.refusing_subscriptions -= 1
        return False

    def _user(self, socket: Socket, names: list[str], query: dict[str, str], combined: bool) -> UserSession:
        keys = [query["listenKey"]] if "listenKey" in query else names
        events = {one for one in query.get("events", "").split("/") if one}
        return UserSession(socket, self._venue.listen_keys.owner, keys, events, combined, self._venue.bent)

    def _keep(self, talker: Talker) -> None:
        self.talkers.add(talker)
