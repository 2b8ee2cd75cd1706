"""HTTP over real sockets on this machine: each phase in which a request can fail, and what is certain then."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import httpx
import pytest

from engine.errors import ConfigError
from engine.world.binance.answers import Answer
from engine.world.binance.http import Link, check_url
from engine.world.binance.trouble import Lost, NotSent

Play = Callable[[socket.socket], None]


class RawServer:
    """Accepts connections and lets a play deal with each; the play gets the socket after the request's first bytes."""

    def __init__(self, play: Play, read_first: bool = True) -> None:
        self._play = play
        self._read_first = read_first
        self.received: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._read_first:
                self.received.append(connection.recv(65536))
            self._play(connection)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    running: list[RawServer] = []

    def start(play: Play, read_first: bool = True) -> RawServer:
        running.append(RawServer(play, read_first))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def link() -> Iterator[Link]:
    made = Link(connect_s=0.5, answer_s=0.5, max_body=1 << 20)
    yield made
    made.close()


def get(link: Link, url: str) -> Answer:
    return link.send("GET", f"{url}/x?signature=abc", {})


def head(length: int | None) -> bytes:
    return b"HTTP/1.1 200 OK\r\n" + (b"" if length is None else f"Content-Length: {length}\r\n".encode()) + b"\r\n"


def test_a_whole_answer_is_given_with_headers_in_lower_case(link: Link, serve: Callable[..., RawServer]) -> None:
    server = serve(
        lambda s: s.sendall(b"HTTP/1.1 418 x\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")
    )
    assert get(link, server.url)[::2] == (418, b"{}")
    assert get(link, server.url).headers["retry-after"] == "5"


def test_a_dead_port_is_not_sent(link: Link) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent) as error:
        get(link, f"http://127.0.0.1:{port}")
    assert error.value.phase == "connect"


def test_a_name_that_does_not_exist_is_not_sent(link: Link) -> None:
    with pytest.raises(NotSent) as error:
        get(link, "https://nobody.invalid")
    assert error.value.phase == "name lookup"


def test_a_failed_handshake_is_not_sent(link: Link, serve: Callable[..., RawServer]) -> None:
    server = serve(lambda s: s.sendall(b"HTTP/1.1 400 no TLS here\r\n\r\n"))
    with pytest.raises(NotSent) as error:
        get(link, server.url.replace("http://", "https://"))
    assert error.value.phase == "TLS"
    assert b"signature" not in server.received[0]


def test_a_handshake_that_never_ends_is_not_sent(link: Link, serve: Callable[..., RawServer]) -> None:
    server = serve(lambda s: time.sleep(2))
    with pytest.raises(NotSent):
        get(link, server.url.replace("http://", "https://"))


@pytest.mark.parametrize(
    ("play", "phase"),
    [
        (lambda s: time.sleep(2), "waiting"),
        (lambda s: s.close(), "answer"),
        (lambda s: s.sendall(b"HTTP/1.1 200"), "answer"),
        (lambda s: s.sendall(b"no http at all\r\n\r\n"), "answer"),
        (lambda s: s.sendall(head(100) + b'{"a":1'), "answer"),
        (lambda s: (s.sendall(head(100) + b'{"a":1'), time.sleep(2)), "waiting"),
        (lambda s: s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), "answer"),
        (lambda s: s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"), "answer"),
    ],
    ids=["silence", "closed", "half a status", "no http", "cut body", "stalled body", "cut chunk", "bad chunk"],
)
def test_what_left_and_has_no_whole_answer_is_lost(
    play: Play, phase: str, link: Link, serve: Callable[..., RawServer]
) -> None:
    server = serve(play)
    with pytest.raises(Lost) as error:
        get(link, server.url)
    assert error.value.phase == phase
    assert len(server.received) == 1
    assert "abc" not in str(error.value)


def test_a_body_that_drips_stops_at_the_deadline(link: Link, serve: Callable[..., RawServer]) -> None:
    def drip(s: socket.socket) -> None:
        s.sendall(head(100))
        for _ in range(50):
            s.sendall(b" ")
            time.sleep(0.1)

    start = time.monotonic()
    with pytest.raises(Lost, match="took longer"):
        get(link, serve(drip).url)
    assert time.monotonic() - start < 4


def test_a_body_without_end_stops_at_the_bound(link: Link, serve: Callable[..., RawServer]) -> None:
    def flood(s: socket.socket) -> None:
        s.sendall(head(None))
        while True:
            s.sendall(b" " * 65536)

    with pytest.raises(Lost, match="longer than 1048576 bytes"):
        get(link, serve(flood).url)


def test_a_redirect_is_not_followed(link: Link, serve: Callable[..., RawServer]) -> None:
    server = serve(lambda s: s.sendall(b"HTTP/1.1 302 x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"))
    assert get(link, server.url).status == 302
    assert len(server.received) == 1


def test_a_venue_on_this_machine_is_not_asked_through_a_proxy(
    serve: Callable[..., RawServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    server = serve(lambda s: s.sendall(head(2) + b"{}"))
    with_proxy = Link(connect_s=0.5, answer_s=0.5)
    assert get(with_proxy, server.url).body == b"{}"
    with_proxy.close()


def test_nothing_is_logged_of_urls_and_headers(
    link: Link, serve: Callable[..., RawServer], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = serve(lambda s: s.sendall(head(2) + b"{}"))
    link.send("GET", f"{server.url}/x?signature=canary", {"X-MBX-APIKEY": "canary"})
    assert "canary" not in caplog.text


def test_an_error_holds_no_request(link: Link) -> None:
    with pytest.raises(NotSent) as error:
        get(link, "https://nobody.invalid")
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__


def test_what_is_sent_is_the_path_as_given() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b""))

    link = Link(transport=httpx.MockTransport(answer))
    link.send("POST", "https://h/p?a=%EF%BC%91%20%2F%2B%26%3D%7E~&b=%5B%22A%22%5D", {})
    assert seen[0].url.raw_path == b"/p?a=%EF%BC%91%20%2F%2B%26%3D%7E~&b=%5B%22A%22%5D"


@pytest.mark.parametrize(
    "url", ["https://api.binance.com", "https://api.binance.com/", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:5"]
)  # fmt: skip
def test_addresses_that_a_key_may_be_sent_to(url: str) -> None:
    assert check_url(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "http://api.binance.com", "http://127.0.0.1.evil.com", "ftp://127.0.0.1", "api.binance.com", "", "https://",
        "https://user:pass@api.binance.com", "https://api.binance.com/api", "https://api.binance.com?x=1", "https://[",
        "http://localhost@evil.com", "http://10.0.0.1",
    ],
)  # fmt: skip
def test_addresses_that_a_key_must_not_be_sent_to(url: str) -> None:
    with pytest.raises(ConfigError):
        check_url(url)
