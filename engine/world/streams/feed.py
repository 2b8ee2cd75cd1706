"""The feed: a background thread that owns all sockets of a market and puts its facts into the inbox."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple

import msgspec

from engine.errors import ConfigError, HotError, VenueError
from engine.records.base import Record
from engine.records.market import Bar, Fact, Funding, SymbolRules
from engine.world.streams.asking import Asking
from engine.world.streams.bars import STEP_MS, BarGate
from engine.world.streams.budget import ConnectBudget
from engine.world.streams.clock import Clock
from engine.world.streams.columns import load
from engine.world.streams.connection import EVERYDAY, Connection, Hooks, Pace
from engine.world.streams.frames import Frames
from engine.world.streams.history import MINUTES, History
from engine.world.streams.inbox import Inbox
from engine.world.streams.keeping import Keeping
from engine.world.streams.lifecycle import Changes, Symbols
from engine.world.streams.newcomers import Category, Newcomers
from engine.world.streams.polls import Polls
from engine.world.streams.rest import TROUBLE, Rest
from engine.world.streams.routes import (
    STREAMS_A_CONNECTION,
    Channels,
    Route,
    candle_routes,
    candle_stream,
    fixed_routes,
)
from engine.world.streams.telling import Telling

#: A candle is missed when it has not come so long after its close; holes are looked for as often.
LATE_MS = 2_500
LOOK_EVERY_S = 1.0
#: What streams of the whole market say comes by the second. When one was silent for so long, entries stop: within a
#: minute of its last word, whenever that was looked for.
SILENT_AFTER_S = 45.0
SILENCE_EVERY_S = 10.0
#: At a rehearsal in quick motion all this is quicker, but no loop spins.
LOOK_FLOOR_S = 0.02
#: The list of symbols is asked for so often; when a stream tells of one that nobody knows, after this at the earliest.
RULES_EVERY_S = 300.0
RULES_FLOOR_S = 30.0
STOP_WITHIN_S = 2.0
#: A reader that stood still for longer forgets what it had of a symbol (`scan.silent_s`), so that it is told it all.
RESUMES_WITHIN_MS = 8 * 60_000
#: The first list of symbols is asked for once more after each of these waits; without it there is no market.
START_AGAIN_S = (1.0, 4.0)


class Wanted(NamedTuple):
    """What of the market is wanted: quote assets, single symbols (all when empty), and what is asked for by REST.

    `listing` is what a new symbol counts as. Of symbols whose `newest` candle the reader has, and had a moment ago,
    only later candles are told.
    """

    quotes: tuple[str, ...]
    symbols: tuple[str, ...] = ()
    books: bool = False
    ages: bool = False
    open_interest: bool = False
    positioning: bool = False
    history_minutes: int = MINUTES
    newest: Mapping[str, int] = {}
    listing: Category = "spot_listing"


class Feed:
    """A market's streams on a thread of their own. `start`, then read the inbox; `stop` ends everything."""

    def __init__(
        self, venue: str, channels: Channels, rest: Rest, inbox: Inbox, clock: Clock, wanted: Wanted, *,
        base: str | None = None, pace: Pace = EVERYDAY, chance: Callable[[], float] = random.random,
        speed: float = 1.0, kernels: Path | None = None,
    ) -> None:  # fmt: skip
        """`base` is the address of the streams, where it is not the exchange's own; `speed` that of its clock.

        With `kernels`, a folder that keeps what is compiled, tickers of one frame come together (`records.Tickers`),
        and are read by kernels where numba is installed.
        """
        self.venue, self.channels, self.inbox, self.wanted = venue, channels, inbox, wanted
        self._rest, self._clock, self._pace, self._chance = rest, clock, pace, chance
        self._base = base if base is not None else channels.base
        self._late_ms, self._look_s = int(LATE_MS * speed), max(LOOK_FLOOR_S, LOOK_EVERY_S / speed)
        self._speed, self._kernels = speed, kernels
        self._budget = ConnectBudget()
        self._frames, self._gate = Frames(venue, together=kernels is not None), BarGate()
        self.telling, self._keeping = Telling(venue, clock, self._put, speed), Keeping(rest)
        self._heard: dict[str, float] = {}
        self._silence_told = 0.0
        self._symbols = Symbols(wanted.quotes, wanted.symbols)
        self._newcomers = Newcomers(wanted.listing)
        self._funded: dict[str, int] = {}
        self._candles: list[Connection] = []
        self._warm = Event()
        self._ages_asked = not wanted.ages
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def warm(self) -> bool:
        """Says whether every symbol's history and age is there, as far as they can be had."""
        return self._warm.is_set()

    def expected(self, closed_at: int) -> int:
        """Gives how many candles are to close at an instant."""
        return self._gate.expected(closed_at)

    def start(self) -> None:
        """Starts the thread."""
        self._thread = Thread(target=self._run, name=f"hot-{self.venue}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the sockets and the thread; waits two seconds at most."""
        self._stopping = True
        if self._loop is not None and self._work is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._work.cancel)
        if self._thread is not None:
            self._thread.join(STOP_WITHIN_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except asyncio.CancelledError:
            pass
        except BaseExceptionGroup as group:
            self.inbox.fail(_first(group))
        except Exception as error:
            self.inbox.fail(error)

    async def _main(self) -> None:
        self._loop, self._work = asyncio.get_running_loop(), asyncio.current_task()
        self._begun = self._loop.time()
        if self._stopping:
            return
        self._asking = Asking()
        self._news = asyncio.Event()
        self._history = History(
            self._rest, self._asking, self._gate, self._pass_on, self.telling.failed, lambda: self._clock().at,
            self._speed,
        )  # fmt: skip
        try:
            changes = await self._first_list()
            self._check_markets(changes)
            async with asyncio.TaskGroup() as group:
                self._group = group
                for route in fixed_routes(self.channels, self._base):
                    group.create_task(self._connection(route).run())
                await self._apply(changes)
                if self._kernels is not None:
                    group.create_task(self._load_kernels(self._kernels))
                group.create_task(self._history.run())
                group.create_task(self._look_for_holes())
                group.create_task(self._look_at_rules())
                group.create_task(self._keeping.run(self._asking))
                for poll in self._polls():
                    group.create_task(poll)
        finally:
            self._keeping.hand_on()
            self._asking.stop()

    def _polls(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Gives what asks for what no stream tells."""
        polls = Polls(self._rest, self._asking, self._symbols, self._answered, self.telling.failed)
        if self.wanted.books:
            yield polls.books()
        if self.wanted.open_interest:
            yield polls.open_interest()
        if self.wanted.positioning:
            yield polls.positioning()
        if self.wanted.ages:
            yield self._ages(polls)

    # What comes by socket.

    def _connection(self, route: Route) -> Connection:
        hooks = Hooks(self._frame, self.telling.cut, self.telling.again, self.telling.rolled)
        return Connection(route, self.channels.quiet_s, self._budget, hooks, self._pace, self._chance)

    def _frame(self, frame: bytes, group: str) -> bool:
        """Takes a frame; says whether it was a good one."""
        stamp = self._clock()
        read = self._frames.read(frame, stamp)
        self.telling.dirt.count(read.rows, len(read.dirty), read.dirty[0] if read.dirty else "")
        if read.strangers or group == "!contractInfo":
            self._frames.known |= set(read.strangers)  # each is news once; it may be no market of ours
            self._news.set()
        facts: list[Record] = [read.tickers] if read.tickers is not None else []
        for fact in read.facts:
            if isinstance(fact, Bar):
                facts += self._gate.take(fact)
            elif not isinstance(fact, Funding) or self._is_due(fact):
                facts.append(fact)
        self._keeping.hear(facts)
        self._put(facts)
        good = bool(facts) or not read.dirty
        if good and group:
            self._heard[group] = asyncio.get_running_loop().time()
        return good

    async def _load_kernels(self, folder: Path) -> None:
        """Reads tickers by kernels once they are there: they may have to be compiled first, which takes seconds."""
        try:
            self._frames.kernels = await self._asking.ask(load, folder)
        except Exception as error:  # numba and its compiler raise all sorts; it is told, and frames are read without
            self.telling.uncompiled(error)

    def _is_due(self, funding: Funding) -> bool:
        """Mark prices come each second, funding changes in hours: a symbol's are told once a minute."""
        minute = funding.at // STEP_MS
        if self._funded.get(funding.symbol) == minute:
            return False
        self._funded[funding.symbol] = minute
        return True

    def _put(self, records: Iterable[Record]) -> None:
        for refused in self.inbox.put(records):
            if isinstance(refused, Bar):
                self._gate.lose(refused)

    def _received(self, facts: Iterable[Fact]) -> None:
        """Puts what was asked for into the inbox: it could be known now."""
        at, mono = self._clock()
        mono_ms = mono if mono != at else None
        self._put([msgspec.structs.replace(fact, at=at, mono_ms=mono_ms) for fact in facts])

    def _answered(self, facts: Iterable[Fact]) -> None:
        """Puts what a poll was answered into the inbox, and who is new by the age that was asked for."""
        told = list(facts)
        self._received(told)
        at = self._clock().at
        self._put([news for one in told if isinstance(one, SymbolRules) for news in self._newcomers.aged(one, at)])

    # Candles that are missing.

    async def _pass_on(self, bars: list[Bar]) -> None:
        while not self.inbox.roomy:
            await asyncio.sleep(0.02)
        self._received(bars)

    async def _ages(self, polls: Polls) -> None:
        """Asks for ages when there is history: that is more urgent."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._history.cold:
                await polls.ages()
                self._ages_asked = True

    def _look_for_silence(self, now: float) -> None:
        """Tells every ten seconds which streams are silent. Candles are not watched: each missing one is asked for.

        A connection that is silent was given up and opened again before; nobody knows whether that helped.
        """
        if now - self._silence_told < SILENCE_EVERY_S:
            return
        self._silence_told = now
        watched = [group for group in self.channels.quiet_s if group.startswith("!")]
        self.telling.silent(
            tuple(group for group in watched if now - self._heard.get(group, self._begun) > SILENT_AFTER_S),
            SILENT_AFTER_S,
        )

    async def _look_for_holes(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(self._look_s)
            self.telling.lagged(loop.time() - before - self._look_s)
            self._look_for_silence(loop.time())
            if not self._history.cold and self._ages_asked:
                self._warm.set()
            holes = [hole for hole in self._gate.holes(self._clock().at - self._late_ms) if self._history.want(hole)]
            self.telling.gap(holes)
            self.telling.minute(self.inbox.dropped(), len(self._frames.wanted))

    # Symbols.

    async def _first_list(self) -> Changes:
        """Gives the first list of symbols; raises VenueError when it cannot be had."""
        for again_s in START_AGAIN_S:
            try:
                return await self._list()
            except VenueError:
                await asyncio.sleep(again_s)
        return await self._list()

    def _check_markets(self, changes: Changes) -> None:
        """Raises ConfigError where the exchange has no market that is wanted."""
        if not changes.opened:
            named = f"named {', '.join(self.wanted.symbols)}" if self.wanted.symbols else "at all"
            quotes = ", ".join(self.wanted.quotes)
            raise ConfigError(f"{self.venue} trades no symbol quoted in {quotes} {named}: look at scan.quote_assets")

    async def _list(self) -> Changes:
        listings = await self._asking.ask(self._rest.listings)
        return self._symbols.update(listings, self._clock().at)

    async def _look_at_rules(self) -> None:
        while True:
            await asyncio.sleep(RULES_FLOOR_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), RULES_EVERY_S - RULES_FLOOR_S)
            self._news.clear()
            try:
                await self._apply(await self._list())
            except TROUBLE as error:
                self.telling.failed(error)

    async def _apply(self, changes: Changes) -> None:
        """Follows the symbols that opened, leaves those that closed, and tells."""
        known, at = self._symbols.known, self._clock().at
        self._put([*changes.rules, *changes.alerts, *self._newcomers.opened(changes.rules, changes.opened, known, at)])
        self._frames.wanted = set(self._symbols.trading())
        self._frames.known = self._symbols.known
        if changes.opened:
            await self._follow(changes.opened)
        for symbol in changes.closed:
            self._gate.end(symbol)
        gone = [candle_stream(self.channels, symbol) for symbol in changes.closed]
        for connection in self._candles:
            await connection.remove(gone)

    async def _follow(self, symbols: Sequence[str]) -> None:
        last = (self._clock().at - self._late_ms) // STEP_MS * STEP_MS - STEP_MS
        first = last - (self.wanted.history_minutes - 1) * STEP_MS
        for symbol in symbols:
            due = self.wanted.newest.get(symbol, first - STEP_MS) + STEP_MS
            self._gate.begin(symbol, due if first < due and last - due < RESUMES_WITHIN_MS else first)
        holes, followed = self._gate.holes(last + STEP_MS), set(symbols)
        for hole in holes:
            self._history.want(hole)
        self._history.cold |= {hole.symbol for hole in holes} & followed
        await self._carry(symbols)

    async def _carry(self, symbols: Sequence[str]) -> None:
        """Adds the streams of symbols to connections that have room, and opens as many more as are needed."""
        streams = [candle_stream(self.channels, symbol) for symbol in symbols]
        for connection in self._candles:
            room = STREAMS_A_CONNECTION - connection.streams
            await connection.add(streams[:room])
            streams = streams[room:]
        for route in candle_routes(self.channels, self._base, streams):
            connection = self._connection(route)
            self._candles.append(connection)
            self._group.create_task(connection.run())


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Gives the error that the operator should hear of: one of ours, where there is one."""
    ours, _ = group.split(HotError)
    found: BaseException = ours if ours is not None else group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return found
