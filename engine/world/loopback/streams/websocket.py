"""One websocket on the server's side: the library's protocol without its sockets, on our transport."""

import asyncio
import time
from collections.abc import Callable

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import State
from websockets.server import ServerProtocol

from engine.world.loopback.httpd import MAX_UNSENT, Request, reset

MAX_MESSAGE = 1 << 20


class Socket:
    """A websocket. `on_text` hears each message, `on_gone` the end."""

    def __init__(self, request: Request, transport: asyncio.Transport) -> None:
        """Answers the handshake; `is_open` says whether it was one."""
        self._transport = transport
        self._protocol = ServerProtocol(max_size=MAX_MESSAGE)
        self._parts: list[bytes] = []
        self._ended = False
        self.heard_at = time.monotonic()
        self.on_text: Callable[[bytes], None] = lambda text: None
        self.on_gone: Callable[[], None] = lambda: None
        self._protocol.receive_data(request.raw)
        for event in self._protocol.events_received():
            if isinstance(event, Handshake):
                self._protocol.send_response(self._protocol.accept(event))
        self._flush()

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._protocol.state is State.OPEN and not self._ended

    def send(self, text: bytes) -> None:
        """Sends a text message; one that a slow peer cannot take ends the connection."""
        if not self.is_open:
            return
        if self._transport.get_write_buffer_size() > MAX_UNSENT:
            self._transport.abort()
            return
        self._protocol.send_text(text)
        self._flush()

    def ping(self, payload: bytes) -> None:
        """Sends a ping."""
        if self.is_open:
            self._protocol.send_ping(payload)
            self._flush()

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes in order."""
        if self.is_open:
            self._protocol.send_close(code, reason)
            self._flush()

    def cut(self) -> None:
        """Cuts the connection with a reset."""
        reset(self._transport)

    def receive(self, data: bytes) -> None:
        """Takes bytes from the peer."""
        self.heard_at = time.monotonic()
        try:
            self._protocol.receive_data(data)
        except ProtocolError:
            self._transport.close()
            return
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            self._parts.append(bytes(event.data))
            if event.fin:
                message, self._parts = b"".join(self._parts), []
                self.on_text(message)
        self._flush()

    def gone(self) -> None:
        """Hears that the peer is gone."""
        if not self._ended:
            self._ended = True
            self.on_gone()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:  # the closing handshake is done: a server closes first
                self._transport.close()
