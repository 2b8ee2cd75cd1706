"""Websocket clients of the venue: what any of them may do, how often, and what faults make of the frames they get."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from engine.world.loopback.faults.script import Passed
from engine.world.loopback.rest.routes import encode
from engine.world.loopback.streams.websocket import Socket

MAX_STREAMS = 1024
PING_S = 20.0
PONG_S = 60.0
#: No connection lives longer than a day.
LIFE_S = 86_400.0
#: What becomes of a frame: itself, usually; nothing, or several, or something dirty under a fault.
Bent = Callable[[str, bytes], list[Passed]]


class Talker(ABC):
    """A websocket client that sends JSON messages, so many a second at most."""

    def __init__(self, socket: Socket, messages_a_second: int, bent: Bent) -> None:
        """Listens to its socket."""
        self.socket, self._bent = socket, bent
        self._times: deque[float] = deque(maxlen=messages_a_second + 1)
        self._most = messages_a_second
        self._opened_at = self._pinged_at = time.monotonic()
        socket.on_text = self._hear
        socket.on_gone = self.gone

    @abstractmethod
    def hear(self, message: dict[str, Any]) -> None:
        """Takes a message that is a JSON object."""

    @abstractmethod
    def gone(self) -> None:
        """Hears that the client is gone."""

    def tell(self, message: Any) -> None:
        """Sends an answer: no fault touches it."""
        self.socket.send(encode(message))

    def pass_on(self, what: str, frame: bytes) -> None:
        """Sends an event, or what a fault makes of it, once the request that brought it about has its answer."""
        loop = asyncio.get_running_loop()
        for one, after_s in self._bent(what, frame):
            if after_s:
                loop.call_later(after_s, self.socket.send, one)
            else:
                loop.call_soon(self.socket.send, one)

    def keep_alive(self, now: float) -> None:
        """Pings when it is time, and lets a client go that has not answered for a minute."""
        if now - self.socket.heard_at > PONG_S and self._pinged_at > self.socket.heard_at:
            self.socket.close(1008, "pong timeout")
        elif now - self._opened_at > LIFE_S:
            self.socket.close(1001, "connection lived for 24 hours")
        elif now - self._pinged_at >= PING_S:
            self._pinged_at = now
            self.socket.ping(str(int(now * 1000)).encode())

    def _hear(self, text: bytes) -> None:
        now = time.monotonic()
        self._times.append(now)
        if len(self._times) > self._most and now - self._times[0] < 1.0:
            self.socket.close(1008, "Too many requests")
            return
        try:
            message = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.tell({"error": {"code": 3, "msg": "Invalid JSON: expected value at line 1 column 1"}})
            return
        if isinstance(message, dict):
            self.hear(message)
        else:
            self.tell({"error": {"code": 2, "msg": "Invalid request: request must be an object"}})
