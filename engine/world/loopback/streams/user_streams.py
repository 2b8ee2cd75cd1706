"""The user streams of perpetuals: a socket that listens by a listen key."""

import time
from collections.abc import Callable
from typing import Any

from engine.world.loopback.books.orders import Account, Listener
from engine.world.loopback.rest.routes import encode
from engine.world.loopback.streams.sessions import Bent, Talker
from engine.world.loopback.streams.websocket import Socket


class UserSession(Talker):
    """One client of user streams. A dead key opens a socket all the same: it is silent."""

    def __init__(
        self, socket: Socket, owner: Callable[[str], Account | None], keys: list[str], events: set[str],
        combined: bool, bent: Bent,
    ) -> None:  # fmt: skip
        """Listens to the accounts of its keys; `events` narrows what it hears, all where it is empty."""
        super().__init__(socket, 10, bent)
        self._owner, self._events, self._combined = owner, events, combined
        self._listening: dict[str, tuple[Account, Listener]] = {}
        for key in keys:
            self._listen(key)

    def hear(self, message: dict[str, Any]) -> None:
        """Listens to more keys, or to fewer; acknowledges whatever is asked."""
        params = message.get("params")
        for key in params if isinstance(params, list) else ():
            if message.get("method") == "SUBSCRIBE":
                self._listen(str(key))
            elif message.get("method") == "UNSUBSCRIBE":
                self._leave(str(key))
        self.tell({"result": None, "id": message.get("id")})

    def gone(self) -> None:
        """Stops listening."""
        for key in tuple(self._listening):
            self._leave(key)

    def keep_alive(self, now: float) -> None:
        """Also lets go of keys that nobody renewed for an hour."""
        if any(self._owner(key) is None for key in self._listening):
            self.expire(int(time.time() * 1000))
        super().keep_alive(now)

    def expire(self, now: int) -> None:
        """Says that its keys have expired; the socket stays open and says no more."""
        for key in tuple(self._listening):
            self._pass_on(key, {"e": "listenKeyExpired", "E": now, "listenKey": key})
        self.gone()

    def _listen(self, key: str) -> None:
        account = self._owner(key)
        if account is None or key in self._listening:
            return

        def listener(event: dict[str, Any]) -> None:
            if not self._events or event["e"] in self._events:
                self._pass_on(key, event)

        account.listeners.append(listener)
        self._listening[key] = account, listener

    def _leave(self, key: str) -> None:
        account, listener = self._listening.pop(key, (None, None))
        if account is not None and listener is not None:
            account.listeners.remove(listener)

    def _pass_on(self, key: str, event: dict[str, Any]) -> None:
        self.pass_on("user", encode({"stream": key, "data": event} if self._combined else event))
