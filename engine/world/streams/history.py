"""History by REST: what candles a symbol lacks is asked for, at the start and after every hole."""

import asyncio
from collections.abc import Awaitable, Callable

from engine.errors import HotError
from engine.records.market import Bar
from engine.world.streams.asking import Asking
from engine.world.streams.bars import STEP_MS, BarGate, Hole
from engine.world.streams.rest import TROUBLE, Rest

#: What a day's windows need, and the five minutes that are held against it; two requests a symbol.
MINUTES = 1450
MOST_A_REQUEST = 1000
WORKERS = 4
#: After a failure, or an answer without what was asked for: wait, twice as long each time.
AGAIN_S = 3.0
AGAIN_MAX_S = 600.0
#: Candles that closed longer ago are where they will ever be.
SETTLED_MS = 3 * STEP_MS
#: Nobody waits for the first history of a symbol that was asked for in vain so often.
TRIES_COLD = 3


class History:
    """Fills holes, one symbol at a time each worker, first come first served."""

    def __init__(
        self, rest: Rest, asking: Asking, gate: BarGate, pass_on: Callable[[list[Bar]], Awaitable[None]],
        failed: Callable[[HotError], None], now: Callable[[], int], speed: float = 1.0,
    ) -> None:  # fmt: skip
        """`pass_on` takes candles that may go on, when there is room for them; `now` gives the exchange's time,
        `speed` how fast it runs."""
        self._rest, self._asking, self._gate, self._pass_on, self._failed = rest, asking, gate, pass_on, failed
        self._now, self._again_s, self._settled_ms = now, AGAIN_S / speed, int(SETTLED_MS * speed)
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._holes: dict[str, Hole] = {}
        self._tries: dict[str, int] = {}
        self._not_before: dict[str, float] = {}
        #: The symbols whose first history is still on its way.
        self.cold: set[str] = set()

    def want(self, hole: Hole) -> bool:
        """Asks for a hole's candles, unless the symbol is being asked for, or was in vain a moment ago."""
        now = asyncio.get_running_loop().time()
        if hole.symbol in self._holes or now < self._not_before.get(hole.symbol, 0.0):
            return False
        self._holes[hole.symbol] = hole
        self._wanted.put_nowait(hole.symbol)
        return True

    async def run(self) -> None:
        """Fills holes for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WORKERS):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            symbol = await self._wanted.get()
            try:
                filled = await self._fill(self._holes[symbol])
            except TROUBLE as error:
                self._failed(error)
                filled = False
            del self._holes[symbol]
            if filled:
                self.cold.discard(symbol)
                self._tries.pop(symbol, None)
                self._not_before.pop(symbol, None)
            else:
                self._put_off(symbol)

    def _put_off(self, symbol: str) -> None:
        tries = self._tries[symbol] = self._tries.get(symbol, 0) + 1
        if tries >= TRIES_COLD:
            self.cold.discard(symbol)
        wait_s = min(self._again_s * 2.0 ** (tries - 1), AGAIN_MAX_S)
        self._not_before[symbol] = asyncio.get_running_loop().time() + wait_s

    async def _fill(self, hole: Hole) -> bool:
        """Asks until the hole is filled or the exchange has no more; says whether it is filled."""
        first = hole.first
        while first <= hole.last:
            # Futures charge by the number that is asked for.
            most = min(MOST_A_REQUEST, (hole.last - first) // STEP_MS + 1)
            bars = await self._asking.ask(self._rest.candles, hole.symbol, "1m", first, most)
            ready: list[Bar] = []
            for bar in bars:
                # Candles that the exchange itself does not have (a halt, the time before a listing) never come.
                if bar.open_at > first:
                    ready += self._gate.give_up(Hole(hole.symbol, first, min(bar.open_at - STEP_MS, hole.last)))
                # In their place may come some that nobody asked for, and that may have closed a moment ago.
                if bar.open_at <= hole.last:
                    ready += self._gate.take(bar)
                first = bar.open_at + STEP_MS
            await self._pass_on(ready)
            if len(bars) < most:
                break
        else:
            return True
        return await self._nothing_there(Hole(hole.symbol, first, hole.last))

    async def _nothing_there(self, hole: Hole) -> bool:
        """Passes over what the exchange says, for the second time, that it has not; the newest candles may be late.

        A symbol that was listed a minute ago has no past, and its first candle must not wait for one.
        """
        until = min(hole.last, self._now() // STEP_MS * STEP_MS - self._settled_ms)
        if until < hole.first or not self._tries.get(hole.symbol):
            return False
        await self._pass_on(self._gate.give_up(Hole(hole.symbol, hole.first, until)))
        self._tries[hole.symbol] = 0
        return until >= hole.last
