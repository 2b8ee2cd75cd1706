"""A venue on a port of this machine: in this process's own loop, or on a thread beside a test."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from engine.errors import UsageError, VenueError
from engine.world.loopback.httpd import Connection
from engine.world.loopback.streams.doors import FUTURES, SPOT
from engine.world.loopback.venue import Venue, VenueOptions

HOSTS = ("127.0.0.1", "::1")
T = TypeVar("T")


class Serving:
    """A venue that is being served, and where."""

    def __init__(self, venue: Venue, host: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
        """Knows its addresses."""
        self.venue, self._loop = venue, loop
        self.host = f"[{host}]" if ":" in host else host
        self.port = port

    @property
    def key(self) -> str:
        """The API key of the venue's account."""
        return self.venue.account.key

    @property
    def secret(self) -> str:
        """The secret that goes with it."""
        return self.venue.account.secret

    @property
    def rest_url(self) -> str:
        """Where REST answers: /api/v3, /fapi/v1, ..."""
        return f"http://{self.host}:{self.port}"

    @property
    def stream_url(self) -> str:
        """Where spot's market streams are: /ws, /stream below it."""
        return f"ws://{self.host}:{self.port}/{SPOT}"

    @property
    def ws_api_url(self) -> str:
        """Where spot's websocket API is."""
        return f"ws://{self.host}:{self.port}/ws-api/v3"

    @property
    def futures_stream_url(self) -> str:
        """Where the streams of perpetuals are: /public, /market, /private below it."""
        return f"ws://{self.host}:{self.port}/{FUTURES}"

    def told(self) -> dict[str, Any]:
        """Gives what a client has to know: seed, addresses, key and secret."""
        return {
            "seed": self.venue.seed, "rest": self.rest_url, "streams": self.stream_url, "ws_api": self.ws_api_url,
            "futures_streams": self.futures_stream_url, "key": self.key, "secret": self.secret,
        }  # fmt: skip

    def do(self, work: Callable[[Venue], T]) -> T:
        """Does something with the venue on its own thread, between two requests, and gives what came of it."""
        done: Future[T] = Future()

        def carry_out() -> None:
            try:
                done.set_result(work(self.venue))
            except BaseException as error:
                done.set_exception(error)

        self._loop.call_soon_threadsafe(carry_out)
        return done.result(30)


async def serve(venue: Venue, host: str, port: int, ready: Callable[[int], None], stop: asyncio.Event) -> None:
    """Serves a venue until `stop`; `ready` hears the port.

    Raises UsageError for a host that is not this machine, VenueError for a port that is taken.
    """
    if host not in HOSTS:
        raise UsageError(f"{host} is not loopback: the venue listens on {' or '.join(HOSTS)} only")
    loop, everyone = asyncio.get_running_loop(), set[Connection]()
    try:
        server = await loop.create_server(lambda: Connection(venue, everyone), host, port)
    except OSError as error:
        raise VenueError(f"cannot listen on {host} port {port}: {error.strerror}; --port 0 takes a free one") from None
    ready(server.sockets[0].getsockname()[1])
    tasks = [asyncio.ensure_future(venue.run()), asyncio.ensure_future(venue.look_about())]
    for task in tasks:
        task.add_done_callback(lambda done: stop.set() if not done.cancelled() and done.exception() else None)
    await stop.wait()
    server.close()
    for connection in tuple(everyone):
        connection.end()
    await asyncio.sleep(0)
    venue.close()
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()


@contextmanager
def serving(options: VenueOptions | None = None, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Serving]:
    """Serves a venue on a thread while the block lasts: `with serving() as venue: venue.rest_url`."""
    started: Future[Serving] = Future()
    stop: list[Callable[[], object]] = []
    failed: list[BaseException] = []

    async def main() -> None:
        venue, event, loop = Venue(options or VenueOptions()), asyncio.Event(), asyncio.get_running_loop()

        def ready(got: int) -> None:
            stop.append(lambda: loop.call_soon_threadsafe(event.set))
            started.set_result(Serving(venue, host, got, loop))

        await serve(venue, host, port, ready, event)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            if started.done():
                failed.append(error)
            else:
                started.set_exception(error)

    thread = threading.Thread(target=run, name="venue", daemon=True)
    thread.start()
    try:
        yield started.result(60)
    finally:
        for end in () if failed else stop:
            end()
        thread.join(10)
    if failed:
        raise failed[0]
