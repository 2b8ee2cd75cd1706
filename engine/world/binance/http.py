"""HTTP: the one place that knows httpx. A request either never left, or left and was lost, or has a whole answer."""

import logging
import re
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping

import httpx

from engine.errors import ConfigError
from engine.world.binance.answers import Answer
from engine.world.binance.redact import RedactingFilter, shown
from engine.world.binance.trouble import Lost, NotSent

CONNECT_S = 5.0
#: The exchange gives an order 10 s before it says that it does not know.
ANSWER_S = 15.0
#: The whole market's rules are about 20 MB.
MAX_BODY_BYTES = 64 << 20
#: More than threads that ask at once: whoever has one must not wait for a connection too.
MOST_AT_ONCE = 40
_PIECE = 1 << 16
# A connection that rested longer may be half dead, and an order sent into it would be in doubt.
_KEEP_S = 15.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_BASE = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?/?", re.ASCII)
_SOCKET = re.compile(
    r"(?P<scheme>wss?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._-]+)*/?", re.ASCII
)

# Both log whole URLs, signatures included, and httpcore headers with the key in them: who asks for that (debugging)
# redacts it. What nobody handles goes to stderr, and is redacted too.
for _name in ("httpx", "httpcore"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.WARNING)
if logging.lastResort is not None:
    logging.lastResort.addFilter(RedactingFilter())


class Link:
    """The connections of this process to the exchange; threads may share it."""

    def __init__(
        self,
        *,
        connect_s: float = CONNECT_S,
        answer_s: float = ANSWER_S,
        max_body: int = MAX_BODY_BYTES,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Opens nothing yet. `answer_s` bounds the wait for an answer and the reading of its body, each."""
        self._answer_s = answer_s
        self._max_body = max_body
        self._client = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(answer_s, connect=connect_s, pool=connect_s),
            limits=httpx.Limits(max_connections=MOST_AT_ONCE, max_keepalive_connections=10, keepalive_expiry=_KEEP_S),
            follow_redirects=False,
            # What the environment says of proxies holds for the world, not for a venue on this machine.
            mounts=dict.fromkeys(f"all://{host}" for host in _LOOPBACK),
            # The one coding that is unpacked below, in bounded pieces.
            headers={"accept-encoding": "gzip", "user-agent": "hot"},
        )

    def send(self, method: str, url: str, headers: Mapping[str, str]) -> Answer:
        """Sends a request whose URL is already encoded, and gives the whole answer.

        Raises NotSent where no byte of it left, Lost where some may have; both name the phase.
        """
        host = url.split("/")[2]
        try:
            with self._client.stream(method, url, headers=dict(headers)) as response:
                body = b"".join(self._pieces(response, host))
                named = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, named, body)
        # The causes are dropped: they hold the request, and with it the signature.
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            phase = _phase(error)
            raise NotSent(f"{host}: not reached, {phase} failed; nothing was sent", phase) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise NotSent(f"{host}: no address to send to ({type(error).__name__})", "address") from None
        except (httpx.WriteError, httpx.WriteTimeout):
            raise Lost(f"{host}: the connection broke while sending", "sending") from None
        except httpx.TimeoutException:
            raise Lost(f"{host}: no answer within {self._answer_s:g} s", "waiting") from None
        except httpx.HTTPError as error:
            raise Lost(f"{host}: the answer was cut ({type(error).__name__})", "answer") from None

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    def _pieces(self, response: httpx.Response, host: str) -> Iterator[bytes]:
        """Gives the body unpacked, piece by piece, so that neither its size nor a bomb inside it can fill memory."""
        deadline = time.monotonic() + self._answer_s
        coding = response.headers.get("content-encoding", "identity").lower()
        if coding not in ("identity", "gzip"):
            raise Lost(f"{host}: an answer in a coding that was not asked for ({coding[:20]!r})", "answer")
        size = 0
        raw = response.iter_raw()
        for piece in _unpacked(raw, host) if coding == "gzip" else raw:
            size += len(piece)
            if size > self._max_body:
                raise Lost(f"{host}: the answer is longer than {self._max_body} bytes", "answer too long")
            if time.monotonic() > deadline:
                raise Lost(f"{host}: the answer took longer than {self._answer_s:g} s", "answer")
            yield piece


def check_url(url: str) -> str:
    """Gives a base URL without its last slash; raises ConfigError for one that a key must not be sent to.

    That is anything but https, or http on this machine (a loopback venue), and anything with a path or user in it.
    """
    found = _BASE.fullmatch(url)
    if found is None or (found["scheme"] == "http" and found["host"] not in _LOOPBACK):
        raise ConfigError(
            f"{shown(url, 80)!r}: give https://HOST or https://HOST:PORT (http:// only for 127.0.0.1, localhost, [::1])"
        )
    return url.rstrip("/")


def is_here(url: str) -> bool:
    """Says whether a checked URL is one of this machine, which no proxy stands before."""
    found = _SOCKET.match(url) or _BASE.match(url)
    return found is not None and found["host"] in _LOOPBACK


def check_socket_url(url: str) -> str:
    """Gives a websocket's URL without its last slash; raises ConfigError for one that a key must not be sent to."""
    found = _SOCKET.fullmatch(url)
    if found is None or (found["scheme"] == "ws" and found["host"] not in _LOOPBACK):
        raise ConfigError(
            f"{shown(url, 80)!r}: give wss://HOST or wss://HOST/PATH (ws:// only for 127.0.0.1, localhost, [::1])"
        )
    return url.rstrip("/")


def _unpacked(pieces: Iterator[bytes], host: str) -> Iterator[bytes]:
    gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
    for packed in pieces:
        left = packed
        while left and not gzip.eof:
            try:
                yield gzip.decompress(left, _PIECE)
            except zlib.error:
                raise Lost(f"{host}: the answer is damaged (gzip)", "answer") from None
            left = gzip.unconsumed_tail
    yield gzip.flush()
    if not gzip.eof:
        raise Lost(f"{host}: the answer was cut (gzip)", "answer")


def _phase(error: httpx.TransportError) -> str:
    """Names how far a request came that was not sent: pool, proxy, name lookup, TLS or connect."""
    if isinstance(error, httpx.PoolTimeout):
        return "waiting for a free connection"
    if isinstance(error, httpx.ProxyError):
        return "proxy"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return "name lookup"
        if isinstance(cause, ssl.SSLError):
            return "TLS"
        cause = cause.__cause__ or cause.__context__
    return "connect"
