"""Filling: candles of coins that moved are asked for on a thread of its own, so that no fact of the market waits."""

import time
from collections.abc import Callable
from threading import Event, Thread

from engine.errors import DirtyInput
from engine.runs.moved import MovedCoins
from engine.runs.recorder import check_space
from engine.world.streams.binance_live import BinanceLive
from engine.world.streams.binance_rest import BinanceRest
from engine.world.streams.clock import Clock
from engine.world.streams.rest import TROUBLE

#: The candles of every coin that moved are brought up to date so often; what failed is tried again sooner.
LOOK_EVERY_S = 3600.0
AGAIN_S = 60.0
_TURN_S = 0.5


class Filling:
    """A thread that keeps the candles of coins that moved up to date."""

    def __init__(self, coins: MovedCoins, source: BinanceLive, told: Callable[[str], None], min_free_mb: int) -> None:
        """`told` hears what went wrong, and is tried again."""
        self._coins, self._source, self._told, self._min_free_mb = coins, source, told, min_free_mb
        self._ending, self._at_once = Event(), False
        self._look_at = self._again_at = 0.0
        #: What ended it before its time.
        self.failure: Exception | None = None
        self._thread = Thread(target=self._run, name="hot-filling", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def end(self, *, at_once: bool) -> None:
        """Ends it when what is due has been asked for, or after the request that it is at; raises what it failed of."""
        self._at_once = at_once
        self._ending.set()
        self._thread.join()
        self.check()

    def check(self) -> None:
        """Raises what the thread failed of."""
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            with self._source.opened() as (rest, clock):
                while not self._ending.is_set():
                    self._turn(rest, clock)
                    self._ending.wait(_TURN_S)
                self._again_at = 0.0
                self._turn(rest, clock)
                if rest.served.asks:
                    self._told(rest.served.told())
        except Exception as error:
            # On a thread nobody would see it: whoever waits for this one looks here.
            self.failure = error

    def _turn(self, rest: BinanceRest, clock: Clock) -> None:
        """Asks for what is due; after a failure not before a while has passed."""
        if time.monotonic() < self._again_at:
            return
        filled = 0
        try:
            if not rest.named:
                rest.listings()
            if time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + LOOK_EVERY_S
                self._coins.look(clock().at)
            for symbol in self._coins.due():
                if self._ending.is_set() and self._at_once:
                    break
                filled += self._fill(rest, symbol, clock().at)
        except TROUBLE as error:
            self._again_at = time.monotonic() + AGAIN_S
            self._told(f"{error}; asked again in a minute")
        if filled:
            self._coins.write_rules()

    def _fill(self, rest: BinanceRest, symbol: str, now_ms: int) -> bool:
        check_space(self._coins.store.root, self._min_free_mb)
        try:
            self._coins.fill(rest, symbol, now_ms)
        except DirtyInput as error:
            self._coins.pass_over(symbol)
            self._told(f"{error}; the others are kept")
            return False
        return True
