"""An account's own stream on a thread: kept open, proven to hear, replaced before its day is over."""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from typing import NamedTuple, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from engine.errors import HotError, KeyRefused
from engine.world.account.account import News, StreamNews
from engine.world.account.heard import Heard
from engine.world.binance.http import is_here
from engine.world.binance.redact import shown
from engine.world.binance.trouble import Limited, Unreadable
from engine.world.streams.asking import Asking
from engine.world.streams.budget import ConnectBudget, wait_s
from engine.world.streams.connection import (
    CLOSE_S,
    LIFE_JITTER_S,
    LIFE_S,
    OPEN_TIMEOUT_S,
    OVERLAP_S,
    refused,
)

MAX_FRAME_BYTES = 1 << 20
STOP_WITHIN_S = 3.0
#: After a message that could not be read everything is asked by REST, so often at most.
UNREAD_S = 10.0
#: A thread that ended by a mistake of ours is begun again, so often in all; after that the account is polled.
MOST_LIVES = 4
#: A stream that lived so long is opened again as after a first failure.
LASTED_S = 60.0
#: Failures that a refusal counts for: limits and bans are waited out.
_HARD = 6

# At DEBUG it logs frames and addresses, keys and listen keys in them.
logging.getLogger("websockets").setLevel(logging.WARNING)


class Rhythm(NamedTuple):
    """How long a connection lives and overlaps with the next, and how often it is looked at, pinged and proven."""

    life_s: float = LIFE_S
    life_jitter_s: float = LIFE_JITTER_S
    overlap_s: float = OVERLAP_S
    look_s: float = 1.0
    ping_s: float = 15.0
    prove_s: float = 20.0
    unread_s: float = UNREAD_S


EVERYDAY = Rhythm()


class Ear(Protocol):
    """What differs from market to market. What blocks is called on a thread of its own; it raises HotError."""

    def address(self) -> str:
        """Gives the address to connect to next. Blocks."""
        ...

    async def subscribe(self, ws: ClientConnection) -> list[bytes]:
        """Subscribes on a fresh connection; gives frames that came before the yes. Raises HotError for a no."""
        ...

    def read(self, frame: bytes) -> Heard:
        """Gives what a frame says; raises Unreadable."""
        ...

    def late(self) -> tuple[News, ...]:
        """Gives news that was kept back and has waited long enough."""
        ...

    def prove(self) -> str:
        """Looks whether the stream hears what happens to the account; gives why it does not, or nothing. Blocks."""
        ...


@dataclass(eq=False)
class _Socket:
    """An open connection: since when, why it is over, and whether (and from when on) it is to be replaced."""

    ws: ClientConnection
    opened: float
    life_s: float
    reader: "asyncio.Task[None] | None" = None
    ended: str = ""
    leaving: bool = False
    replace_from: float = 0.0
    failures: int = 0


class UserStream:
    """Listens until it is stopped. Whatever happens is told or mended; nothing that is received ends the thread."""

    def __init__(
        self, name: str, ear: Ear, on_news: Callable[[News], None], *, rhythm: Rhythm = EVERYDAY,
        budget: ConnectBudget | None = None, chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        """`on_news` is called on the stream's thread, and must neither block nor raise."""
        self._ear, self._on_news, self._rhythm, self._chance = ear, on_news, rhythm, chance
        self._budget = budget if budget is not None else ConnectBudget()
        self._thread = Thread(target=self._run, name=f"hot-{name}-user", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None
        self._stopping = False
        self._sockets: set[_Socket] = set()
        self._up: bool | None = None
        self._unread = ""
        self._unread_told = float("-inf")
        #: Messages that could not be read.
        self.dirty = 0

    def start(self) -> None:
        """Starts the thread, once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the connections and the thread; waits some seconds at most."""
        self._stopping = True
        if self._loop is not None and self._work is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._work.cancel)
        if self._thread.ident is not None:
            self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        for _ in range(MOST_LIVES):
            try:
                asyncio.run(self._main())
            except asyncio.CancelledError:
                return
            except BaseException as error:
                # It was to end nothing, and did: whoever waits for fills must hear of it at once.
                if not self._stopping:
                    self._tell_down(f"its thread ended by {type(error).__name__}")
            if self._stopping:
                return

    async def _main(self) -> None:
        self._loop, self._work = asyncio.get_running_loop(), asyncio.current_task()
        if self._stopping:
            return
        self._asking = Asking(2)
        failures = 0
        try:
            while True:
                since = self._loop.time()
                hard = 0
                try:
                    why = await self._listen()
                except Exception as error:
                    # Whatever it was: a thread that ends hears of no fill any more, and nobody would know.
                    why, hard = _reason(error), _hardness(error)
                await self._close_all()
                with suppress(Exception):  # that of whoever hears the news: it ends no thread either
                    self._tell_down(why)
                failures = 1 if self._loop.time() - since > LASTED_S else failures + 1 + hard
                await asyncio.sleep(wait_s(failures, self._chance))
        finally:
            await self._close_all()
            self._asking.stop()

    async def _listen(self) -> str:
        """Opens the stream and stays with it, through its replacements, until it ends; gives why it did."""
        socket = await self._open()
        self._tell_up()
        while True:
            why = await self._watch(socket)
            if why:
                return why
            socket = await self._replace(socket)

    async def _open(self) -> _Socket:
        """Opens and subscribes. Raises what is in the way."""
        rhythm, now = self._rhythm, asyncio.get_running_loop().time
        await asyncio.sleep(self._budget.reserve(int(now() * 1000)) / 1000)
        url = await self._asking.ask(self._ear.address)
        ws = await connect(
            url, compression=None, max_size=MAX_FRAME_BYTES, max_queue=64, open_timeout=OPEN_TIMEOUT_S,
            ping_interval=rhythm.ping_s, ping_timeout=rhythm.ping_s, close_timeout=CLOSE_S,
            proxy=None if is_here(url) else True,
        )  # fmt: skip
        socket = _Socket(ws, now(), rhythm.life_s + self._chance() * rhythm.life_jitter_s)
        self._sockets.add(socket)
        try:
            early = await self._ear.subscribe(ws)
            socket.reader = asyncio.create_task(self._read(socket, early))
            why = await self._asking.ask(self._ear.prove)
            if why:
                raise Unreadable(why)
        except BaseException:
            await self._close(socket)
            raise
        return socket

    async def _read(self, socket: _Socket, early: list[bytes]) -> None:
        for frame in early:
            self._hear(socket, frame)
        with suppress(WebSocketException):
            while True:
                self._hear(socket, await socket.ws.recv(decode=False))

    def _hear(self, socket: _Socket, frame: bytes) -> None:
        try:
            heard = self._ear.read(frame)
        except Unreadable as error:
            self.dirty += 1
            self._unread = str(error)
            return
        self._pass_on(heard.news)
        socket.ended = socket.ended or heard.ended
        socket.leaving = socket.leaving or heard.leaving

    async def _watch(self, socket: _Socket) -> str:
        """Waits until something must be done; gives why the connection is no good, nothing when its day is over."""
        assert socket.reader is not None
        now = asyncio.get_running_loop().time
        proof: asyncio.Task[str] | None = None
        prove_at = now() + self._rhythm.prove_s
        try:
            while True:
                waited = {socket.reader} if proof is None else {socket.reader, proof}
                await asyncio.wait(waited, timeout=self._rhythm.look_s, return_when=asyncio.FIRST_COMPLETED)
                self._look_about(now())
                if socket.ended:
                    return socket.ended
                if socket.reader.done():
                    socket.reader.result()
                    return f"closed ({socket.ws.close_code} {shown(socket.ws.close_reason or '', 60)})"
                if proof is not None and proof.done():
                    deaf, proof, prove_at = proof.result(), None, now() + self._rhythm.prove_s
                    if deaf:
                        return deaf
                elif proof is None and now() >= prove_at:
                    proof = asyncio.create_task(self._asking.ask(self._ear.prove))
                over = socket.leaving or now() - socket.opened >= socket.life_s
                if over and now() >= socket.replace_from:
                    return ""
        finally:
            if proof is not None:
                proof.cancel()

    async def _replace(self, old: _Socket) -> _Socket:
        """Opens the next connection beside the old one, which is closed when both have run together for a while."""
        try:
            fresh = await self._open()
        except (HotError, WebSocketException, OSError) as error:
            # The old one is watched and proven meanwhile.
            old.failures += 1 + _hardness(error)
            old.replace_from = asyncio.get_running_loop().time() + wait_s(old.failures, self._chance)
            return old
        await asyncio.sleep(self._rhythm.overlap_s)
        await self._close(old)
        self._tell_up()
        return fresh

    def _look_about(self, now: float) -> None:
        """Lets go what was kept back, and has everything asked anew where a message could not be read."""
        self._pass_on(self._ear.late())
        if self._unread and now - self._unread_told >= self._rhythm.unread_s:
            self._unread_told = now
            why, self._unread = self._unread, ""
            self._on_news(StreamNews(up=True, reason=f"a message could not be read: {why}"))

    def _pass_on(self, news: tuple[News, ...]) -> None:
        for one in news:
            self._on_news(one)

    def _tell_up(self) -> None:
        self._up = True
        self._on_news(StreamNews(up=True))

    def _tell_down(self, why: str) -> None:
        if self._up is not False:
            self._up = False
            self._on_news(StreamNews(up=False, reason=why))

    async def _close_all(self) -> None:
        for socket in list(self._sockets):
            await self._close(socket)

    async def _close(self, socket: _Socket) -> None:
        if socket.reader is not None:
            socket.reader.cancel()
        self._sockets.discard(socket)
        with suppress(WebSocketException, OSError):
            await socket.ws.close()


def _reason(error: Exception) -> str:
    return shown(str(error)) or type(error).__name__


def _hardness(error: Exception) -> int:
    """Says for how many failures more than one an error counts."""
    if isinstance(error, InvalidStatus):
        with suppress(HotError):
            return refused(error, "")
        return _HARD
    # What concerns keys and limits is not mended by asking again soon.
    return _HARD if isinstance(error, Limited | KeyRefused) else 0
