"""Polls: what no stream tells and REST is asked for, again and again: books, open interest, positioning, and ages."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from engine.errors import HotError
from engine.records.market import Fact, LongShort, TakerFlow
from engine.world.streams.asking import Asking
from engine.world.streams.lifecycle import Symbols
from engine.world.streams.rest import TROUBLE, Rest

BOOKS_EVERY_S = 20.0
#: Each contract's open interest once a minute, of so many contracts at most, the most traded ones.
OPEN_INTEREST_EVERY_S = 60.0
OPEN_INTEREST_SYMBOLS = 300
#: Longs against shorts and the takers' flow: four requests a symbol, of 1000 in five minutes that the exchange allows.
POSITIONING_EVERY_S = 300.0
POSITIONING_SYMBOLS = 150


class Polls:
    """Asks on a schedule, for the symbols that are traded. A failure is told, and costs one turn."""

    def __init__(
        self, rest: Rest, asking: Asking, symbols: Symbols, received: Callable[[Iterable[Fact]], None],
        failed: Callable[[HotError], None],
    ) -> None:  # fmt: skip
        """`received` takes what was answered."""
        self._rest, self._asking, self._symbols, self._received, self._failed = rest, asking, symbols, received, failed
        self._aged: set[str] = set()
        self._positioned: dict[tuple[str, str], int] = {}

    async def books(self) -> None:
        """Asks for the best bids and asks of the whole market, for ever."""
        while True:
            try:
                books = await self._asking.ask(self._rest.books)
                traded = set(self._symbols.trading())
                self._received([book for book in books if book.symbol in traded])
            except TROUBLE as error:
                self._failed(error)
            await asyncio.sleep(BOOKS_EVERY_S)

    async def open_interest(self) -> None:
        """Asks for each contract in turn, spread over the minute, for ever: there is no request for all."""
        await self._each(self._open_interest_of, OPEN_INTEREST_SYMBOLS, OPEN_INTEREST_EVERY_S)

    async def positioning(self) -> None:
        """Asks for longs against shorts and the takers' flow of each contract in turn, for ever."""
        await self._each(self._positioning_of, POSITIONING_SYMBOLS, POSITIONING_EVERY_S)

    async def _each(self, ask: Callable[[str], Coroutine[Any, Any, None]], most: int, every_s: float) -> None:
        """Asks for the most traded symbols one by one, spread over the time in which each is asked for once."""
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            symbols = await self._most_traded(most)
            async with asyncio.TaskGroup() as turn:
                for i, symbol in enumerate(symbols):
                    await asyncio.sleep(begun + i * every_s / len(symbols) - loop.time())
                    turn.create_task(ask(symbol))
            await asyncio.sleep(max(1.0, begun + every_s - loop.time()))

    async def ages(self) -> None:
        """Asks when each symbol was listed, if that was not asked before."""
        for symbol in self._symbols.ageless():
            if symbol in self._aged:
                continue
            self._aged.add(symbol)
            try:
                listed_at = await self._asking.ask(self._rest.listed_at, symbol)
            except TROUBLE as error:
                self._failed(error)
                continue
            rules = self._symbols.aged(symbol, listed_at) if listed_at is not None else None
            if rules is not None:
                self._received([rules])

    async def _open_interest_of(self, symbol: str) -> None:
        try:
            self._received([await self._asking.ask(self._rest.open_interest, symbol)])
        except TROUBLE as error:
            self._failed(error)

    async def _positioning_of(self, symbol: str) -> None:
        try:
            facts = await self._asking.ask(self._rest.positioning, symbol)
        except TROUBLE as error:
            self._failed(error)
            return
        self._received([fact for fact in facts if self._is_new(fact)])

    def _is_new(self, fact: LongShort | TakerFlow) -> bool:
        key = (fact.symbol, fact.whose if isinstance(fact, LongShort) else fact.kind)
        before, self._positioned[key] = self._positioned.get(key, 0), fact.ended_at
        return fact.ended_at > before

    async def _most_traded(self, most: int) -> list[str]:
        symbols = self._symbols.trading()
        if len(symbols) <= most:
            return symbols
        try:
            volumes = await self._asking.ask(self._rest.volumes)
        except TROUBLE as error:
            self._failed(error)
            volumes = {}
        return sorted(symbols, key=lambda symbol: (-volumes.get(symbol, 0.0), symbol))[:most]
