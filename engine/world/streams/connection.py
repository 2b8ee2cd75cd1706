"""One managed websocket: kept open, subscribed and heard; replaced before its day is over without losing a frame."""

import asyncio
import json
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from engine.errors import VenueError
from engine.world.streams.budget import ConnectBudget, wait_s
from engine.world.streams.frames import SHUTDOWN
from engine.world.streams.routes import MESSAGE_PAUSE_S, NAMES_A_MESSAGE, Route, group_of, parts

#: The largest whole-market array is about 0.6 MB.
MAX_FRAME_BYTES = 8 << 20
OPEN_TIMEOUT_S = 10.0
#: The exchange cuts a connection after 24 h: it is replaced an hour earlier, at a moment of its own.
LIFE_S = 82_800.0
LIFE_JITTER_S = 1_800.0
#: Old and new run side by side until the new one was heard, and this long after.
OVERLAP_S = 5.0
HEARD_WITHIN_S = 20.0
#: What a closing handshake may take; then the connection is dropped.
CLOSE_S = 0.5
#: One that stood for less is opened again at once only the first time: flaps must not use up an address's attempts.
STEADY_S = 60.0


class Pace(NamedTuple):
    """How long a connection lives, overlaps and waits; tests take shorter days."""

    life_s: float = LIFE_S
    life_jitter_s: float = LIFE_JITTER_S
    overlap_s: float = OVERLAP_S
    heard_within_s: float = HEARD_WITHIN_S
    pause_s: float = MESSAGE_PAUSE_S


EVERYDAY = Pace()


class Hooks(NamedTuple):
    """Who is told: each frame with its group, who says whether it was good; of a cut (why), its end, a replacement."""

    frame: Callable[[bytes, str], bool]
    cut: Callable[[str], None]
    again: Callable[[], None]
    rolled: Callable[[], None]


@dataclass(eq=False)
class _Socket:
    """An open websocket: when it was opened, when each group of its streams was last heard, and what was asked for."""

    ws: ClientConnection
    opened: float
    heard: dict[str, float] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    shutdown: bool = False
    reader: "asyncio.Task[None] | None" = None


class Connection:
    """Keeps one route open for ever; `run` ends only when it is cancelled or the exchange refuses for good."""

    def __init__(
        self, route: Route, quiet_s: dict[str, float], budget: ConnectBudget, hooks: Hooks, pace: Pace = EVERYDAY,
        chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        """`quiet_s` tells how long each group of streams may be silent before the connection is given up."""
        self.route, self._quiet_s, self._budget, self._hooks, self._pace = route, quiet_s, budget, hooks, pace
        self._chance = chance
        self._streams = list(route.streams)
        self._request = 0
        self._sockets: set[_Socket] = set()
        self._asking = asyncio.Lock()

    @property
    def streams(self) -> int:
        """How many streams it carries."""
        return len(self._streams)

    async def add(self, streams: Iterable[str]) -> None:
        """Carries more streams from now on."""
        self._streams += [name for name in streams if name not in self._streams]
        for socket in list(self._sockets):
            with suppress(WebSocketException, OSError):
                await self._subscribe(socket)

    async def remove(self, streams: Iterable[str]) -> None:
        """Carries these streams no more."""
        gone = [name for name in streams if name in self._streams]
        self._streams = [name for name in self._streams if name not in gone]
        for socket in list(self._sockets):
            with suppress(WebSocketException, OSError):
                await self._ask("UNSUBSCRIBE", gone, socket)
                socket.asked.difference_update(gone)

    async def run(self) -> None:
        """Keeps the route open. Raises VenueError where the exchange refuses this place or address for good."""
        clock, flaps = asyncio.get_running_loop().time, 0
        try:
            socket = await self._open_at_last()
            while True:
                life_s = self._pace.life_s + self._chance() * self._pace.life_jitter_s
                why = await self._watch(socket, life_s)
                if why is None:
                    socket = await self._roll_over(socket)
                    continue
                self._hooks.cut(why)
                await self._close(socket)
                flaps = flaps + 1 if clock() - socket.opened < STEADY_S else 0
                if flaps > 1:
                    await asyncio.sleep(wait_s(flaps - 1, self._chance))
                socket = await self._open_at_last()
                self._hooks.again()
        finally:
            for socket in list(self._sockets):
                await self._close(socket)

    async def _open_at_last(self, beside: _Socket | None = None) -> _Socket:
        """Opens as soon as that can be done; gives back the one it is to stand beside when that ended first."""
        failures = 0
        while beside is None or not _done(beside):
            try:
                socket = await self._open()
                if beside is None or not _done(socket):
                    return socket
                await self._close(socket)
                failures += 1
                await asyncio.sleep(wait_s(failures, self._chance))
            except (WebSocketException, OSError, TimeoutError) as error:
                if failures == 0 and beside is None:
                    self._hooks.cut(f"{self.route.base} cannot be opened: {error}")
                failures += 1 + (refused(error, self.route.base) if isinstance(error, InvalidStatus) else 0)
                await asyncio.sleep(wait_s(failures, self._chance))
        return beside

    async def _open(self) -> _Socket:
        """Opens and subscribes; the reader is at work before the first SUBSCRIBE, or pings would go unanswered.

        One that is cut while it subscribes was open, for a moment: whoever watches it sees its end, and counts it.
        """
        await asyncio.sleep(self._budget.reserve(_now_ms()) / 1000)
        ws = await connect(
            self.route.url, compression=None, max_size=MAX_FRAME_BYTES, max_queue=64, open_timeout=OPEN_TIMEOUT_S,
            ping_interval=None, close_timeout=CLOSE_S,
        )  # fmt: skip
        socket = _Socket(ws, asyncio.get_running_loop().time())
        self._sockets.add(socket)
        socket.reader = asyncio.create_task(self._read(socket))
        with suppress(ConnectionClosed):
            await self._subscribe(socket)
        return socket

    async def _subscribe(self, socket: _Socket) -> None:
        """Asks for what was not asked for yet. The first stream came with the address; asking again does no harm."""
        while missing := [name for name in self._streams if name not in socket.asked]:
            await self._ask("SUBSCRIBE", missing, socket)
            socket.asked.update(missing)

    async def _ask(self, method: str, streams: list[str], socket: _Socket) -> None:
        for names in parts(streams, NAMES_A_MESSAGE):
            async with self._asking:
                self._request += 1
                asked = {"method": method, "params": names, "id": self._request}
                await socket.ws.send(json.dumps(asked, ensure_ascii=False))
                await asyncio.sleep(self._pace.pause_s)

    async def _read(self, socket: _Socket) -> None:
        clock = asyncio.get_running_loop().time
        try:
            while True:
                frame = await socket.ws.recv(decode=False)
                if len(frame) < 200 and SHUTDOWN in frame:
                    socket.shutdown = True
                    continue
                group = _group(frame)
                # An answer to a request is no sign of life: streams that do not exist are acknowledged, too.
                if self._hooks.frame(frame, group) and group:
                    socket.heard[group] = clock()
        except WebSocketException:
            return

    async def _watch(self, socket: _Socket, life_s: float) -> str | None:
        """Waits until something must be done; gives why the connection is no good, None when its day is over."""
        assert socket.reader is not None
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.wait((socket.reader,), timeout=min(1.0, life_s / 10))
            now = clock()
            if socket.reader.done():
                socket.reader.result()
                return f"closed by the exchange ({socket.ws.close_code})"
            if socket.shutdown or now - socket.opened >= life_s:
                return None
            for group in sorted({group_of(name) for name in self._streams}):
                quiet = self._quiet_s.get(group)
                if quiet is not None and now - socket.heard.get(group, socket.opened) > quiet:
                    return f"{group} silent for {quiet:g} s"

    async def _roll_over(self, old: _Socket) -> _Socket:
        """Opens the next connection beside the old one, and closes that one when the next was heard; gives the next."""
        fresh = await self._open_at_last(beside=old)
        if fresh is old:
            return old
        clock = asyncio.get_running_loop().time
        until = clock() + self._pace.heard_within_s
        while not fresh.heard and clock() < until and not _done(fresh):
            await asyncio.sleep(0.02)
        if fresh.heard:
            await asyncio.sleep(self._pace.overlap_s)
        await self._close(old)
        self._hooks.rolled()
        return fresh

    async def _close(self, socket: _Socket) -> None:
        if socket.reader is not None:
            socket.reader.cancel()
        self._sockets.discard(socket)
        with suppress(WebSocketException, OSError, TimeoutError):
            await socket.ws.close()


def _done(socket: _Socket) -> bool:
    return socket.reader is None or socket.reader.done()


def refused(error: InvalidStatus, base: str) -> int:
    """Says how much harder than a failure an answer is: limits and bans are waited out; raises VenueError for never."""
    status = error.response.status_code
    if status == 451:
        raise VenueError(f"{base}: refused from this place (451): the exchange does not serve it")
    return 6 if status in (403, 418, 429) else 0


def _group(frame: bytes) -> str:
    """Gives the group of a combined stream's frame by its opening; empty for answers to requests and for nonsense."""
    if not frame.startswith(b'{"stream":"'):
        return ""
    return group_of(frame[11 : frame.find(b'"', 11)].decode("utf-8", "replace"))


def _now_ms() -> int:
    return int(asyncio.get_running_loop().time() * 1000)
