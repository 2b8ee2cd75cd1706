"""A lean HTTP/1.1 server: one asyncio protocol that reads requests, and hands websocket handshakes on.

Measured here, one keep-alive client on one core: this carries several times what a framework with an application
interface does, and faults of the transport (cut, reset, silence) need the transport itself anyhow.
"""

import asyncio
import socket
import struct
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

MAX_HEAD = 64 << 10
MAX_BODY = 1 << 20
#: A length has no more digits, however long a body it means.
MOST_DIGITS = 18
#: So much is read at once.
ROOM = 64 << 10
#: So many heads are remembered: a client that stays tells its own again and again.
KEPT_HEADS = 256
#: A consumer that lets so much pile up is let go.
MAX_UNSENT = 32 << 20
_REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
    409: "Conflict", 413: "Payload Too Large", 418: "I'm a teapot", 429: "Too Many Requests",
    451: "Unavailable For Legal Reasons", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip
JSON = "application/json;charset=UTF-8"


class Request(NamedTuple):
    """A request as it came: names of headers in lower case, `raw` the bytes up to the body.

    `closes` says that the client wants the connection closed behind the answer.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    raw: bytes
    closes: bool = False


class Answer(NamedTuple):
    """An answer to be sent."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = JSON


class Reply(NamedTuple):
    """An answer, and how it travels: whole, or as a fault has it.

    `drop` closes without a word, `reset` with a TCP reset, `cut` after half of the body; all after `delay_s`.
    """

    answer: Answer
    delay_s: float = 0.0
    how: str = "whole"


class Session(Protocol):
    """What a connection becomes after a websocket handshake."""

    def receive(self, data: bytes) -> None:
        """Takes bytes from the peer."""
        ...

    def gone(self) -> None:
        """Hears that the peer is gone."""
        ...


class Server(Protocol):
    """Who answers."""

    def answer(self, request: Request) -> Reply:
        """Gives the answer to a request."""
        ...

    def upgrade(self, request: Request, transport: asyncio.Transport) -> Session | int:
        """Gives the session of a websocket handshake, or the HTTP status that refuses it."""
        ...


class Connection(asyncio.BufferedProtocol):
    """One client's connection; requests are answered in their order.

    It reads into room of its own: asyncio would take a quarter of a megabyte from the system for each request.
    """

    def __init__(self, server: Server, everyone: set["Connection"]) -> None:
        """Waits for its transport; it is among `everyone` as long as it has one."""
        self._server, self._everyone = server, everyone
        self._room = memoryview(bytearray(ROOM))
        self._buffer = b""
        self._busy = self._full = False
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._everyone.add(self)
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, error: Exception | None) -> None:
        """Tells the session, where there is one."""
        self._transport = None
        self._everyone.discard(self)
        if self._session is not None:
            self._session.gone()

    def pause_writing(self) -> None:
        """Answers nothing more while the client does not take what there is for it."""
        if self._session is None and self._transport is not None:
            self._full = True
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Goes on answering."""
        if self._full and self._transport is not None:
            self._full = False
            self._transport.resume_reading()
            self._go_on()

    def end(self) -> None:
        """Ends the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Gives the room for what comes next."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """Takes what has come, and answers every request that is whole."""
        data = bytes(self._room[:nbytes])
        if self._session is not None:
            self._session.receive(data)
            return
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) > MAX_HEAD + MAX_BODY:
            self.end()
            return
        self._go_on()

    def _go_on(self) -> None:
        while self._buffer and not self._busy and not self._full and self._session is None:
            request, size = read(self._buffer)
            if request is None:
                if size:
                    self._send(Answer(size, b""), close=True)
                return
            self._buffer = self._buffer[size:]
            if request.headers.get("upgrade", "").lower() == "websocket":
                self._upgrade(request)
            else:
                self._reply(request, self._server.answer(request))

    def _upgrade(self, request: Request) -> None:
        if self._transport is None:
            return
        session = self._server.upgrade(request, self._transport)
        if isinstance(session, int):
            self._send(Answer(session, b""), close=True)
            return
        self._session = session
        if self._buffer:
            session.receive(self._buffer)

    def _reply(self, request: Request, reply: Reply) -> None:
        if reply.delay_s:
            self._busy = True
            asyncio.get_running_loop().call_later(reply.delay_s, self._late, request, reply)
        else:
            self._deliver(request, reply)

    def _late(self, request: Request, reply: Reply) -> None:
        self._busy = False
        self._deliver(request, reply)
        self._go_on()

    def _deliver(self, request: Request, reply: Reply) -> None:
        transport = self._transport
        if transport is None:
            return
        if reply.how == "reset":
            reset(transport)
        elif reply.how == "drop":
            transport.close()
        elif reply.how == "cut":
            whole = written(reply.answer)
            transport.write(whole[: len(whole) - (len(reply.answer.body) + 1) // 2])
            transport.close()
        else:
            self._send(reply.answer, close=request.closes, bare=request.method == "HEAD")

    def _send(self, answer: Answer, close: bool, bare: bool = False) -> None:
        if self._transport is not None:
            whole = written(answer)
            self._transport.write(whole[: len(whole) - len(answer.body)] if bare else whole)
            if close:
                self._transport.close()


class Head(NamedTuple):
    """The lines of a request before its body, and how long that is."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    length: int
    closes: bool


def read(data: bytes) -> tuple[Request | None, int]:
    """Reads a request off the front of `data` and gives it with its length.

    Gives no request and 0 where more has to come, and no request and an HTTP status where it can be none.
    """
    end = data.find(b"\r\n\r\n") + 4
    if end < 4 or end > MAX_HEAD:
        return None, 413 if len(data) > MAX_HEAD else 0
    raw = data[:end]
    head = _head(raw)
    if head is None:
        return None, 400
    size = end + head.length
    if head.length > MAX_BODY:
        return None, 413
    if len(data) < size:
        return None, 0
    return Request(head.method, head.path, head.query, head.headers, data[end:size], raw, head.closes), size


@lru_cache(maxsize=KEPT_HEADS)
def _head(raw: bytes) -> Head | None:
    """Gives what a head says, None for one that is none; those of orders over one connection are all alike."""
    lines = raw[:-4].decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return None
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon:
            return None
        headers[name.lower()] = value.strip()
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > MOST_DIGITS or "transfer-encoding" in headers:
        return None
    path, _, query = words[1].partition("?")
    wish = headers.get("connection", "").lower()
    closes = wish == "close" or (words[2] == "HTTP/1.0" and wish != "keep-alive")
    return Head(words[0], path, query, headers, int(length), closes)


def written(answer: Answer) -> bytes:
    """Gives an answer's bytes."""
    extra = "".join([f"{name}: {value}\r\n" for name, value in answer.headers.items()])
    head = (
        f"HTTP/1.1 {answer.status} {_REASONS.get(answer.status, 'Answer')}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\n{extra}\r\n"
    )
    return head.encode("latin-1") + answer.body


def reset(transport: asyncio.Transport) -> None:
    """Ends a connection with a TCP reset instead of an orderly close."""
    peer = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
