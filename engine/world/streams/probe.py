"""A probe: does a stream really bring events? An acknowledgement proves nothing, and a wrong path acknowledges all."""

import json
import time

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import connect

from engine.errors import VenueError
from engine.world.binance.http import is_here
from engine.world.streams.connection import CLOSE_S, MAX_FRAME_BYTES
from engine.world.streams.routes import Route


def first_event_ms(route: Route, open_s: float, within_s: float) -> int:
    """Gives how long the first event took to come, in ms, counted from the handshake; the connection is then closed.

    Raises VenueError where there is no way to it, or nothing but acknowledgements comes.
    """
    host = route.base.partition("://")[2]
    try:
        with connect(
            route.url, compression=None, max_size=MAX_FRAME_BYTES, open_timeout=open_s, close_timeout=CLOSE_S,
            proxy=None if is_here(route.base) else True,
        ) as ws:  # fmt: skip
            start = time.monotonic()
            while (left := start + within_s - time.monotonic()) > 0:
                if _is_event(ws.recv(left, decode=False)):
                    return int(1000 * (time.monotonic() - start))
    except InvalidStatus as error:
        raise VenueError(f"{host} refused the stream with {error.response.status_code}") from None
    except TimeoutError:
        pass
    except (WebSocketException, OSError) as error:
        raise VenueError(f"{host}: not reached ({type(error).__name__})") from None
    raise VenueError(f"{host}: connected, but no event of {route.streams[0]} came within {within_s:g} s")


def _is_event(frame: bytes) -> bool:
    try:
        told = json.loads(frame)
    except (ValueError, RecursionError):
        return False
    return isinstance(told, dict) and "data" in told
