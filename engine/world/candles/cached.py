"""Candles asked for through the cache: what it holds is not asked for, what it lacks is, stretch by stretch."""

from collections.abc import Callable, Collection, Iterator
from itertools import pairwise
from operator import attrgetter
from threading import Lock
from typing import Protocol

from engine.records.market import Bar
from engine.world.candles.cache import CandleCache, Series, Served

#: Steps whose candles open at whole multiples of it since 1970; others are asked for past the cache.
STEPS_S = {
    "1m": 60, "3m": 180, "5m": 300, "15m": 900, "30m": 1800, "1h": 3600, "2h": 7200, "4h": 14_400, "6h": 21_600,
    "8h": 28_800, "12h": 43_200, "1d": 86_400,
}  # fmt: skip
#: An exchange that shares its work between machines may tell a candle that has just closed without its last trades.
SETTLED_MS = 5_000
#: A candle that is not there, with later ones behind it, may still be brought in; after an hour it is believed.
ABSENT_MS = 3_600_000
#: More missing stretches than this between two known ones are asked for as one, though some of it is known.
MOST_STRETCHES = 2


class Fetch(Protocol):
    """Asks the exchange for closed candles, from the one that opens at `first` on, oldest first, at most so many.

    With `last` none that opens after it.
    """

    def __call__(self, symbol: str, step: str, first: int, most: int, last: int | None) -> list[Bar]:
        """Gives the candles; raises what a read may fail with."""
        ...


class CachedCandles:
    """Asks for the candles of one venue at one place. Threads may share it."""

    def __init__(
        self, cache: CandleCache, place: str, venue: str, fetch: Fetch, weight: Callable[[int], int],
        now_ms: Callable[[], int], speed: float = 1.0,
    ) -> None:  # fmt: skip
        """`weight` tells what a request for so many candles costs, `now_ms` the exchange's time, `speed` how fast it
        runs."""
        self._settled_ms = int(SETTLED_MS * speed)
        self._cache, self._place, self._venue = cache, place, venue
        self._fetch, self._weight, self._now_ms = fetch, weight, now_ms
        #: What this process has asked for so far.
        self.served = Served()
        self._counting = Lock()

    def candles(self, symbol: str, step: str, first: int, most: int) -> list[Bar]:
        """Gives closed candles from the one that opens at `first` on, oldest first, at most so many; as Fetch does."""
        if step not in STEPS_S:
            return self._fetch(symbol, step, first, most, None)
        ask = _Ask(
            self._cache, self._fetch, self._series(symbol, STEPS_S[step]), step, self._now_ms(), self._settled_ms
        )
        bars: list[Bar] = []
        try:
            bars = ask.candles(first, most)[:most]
        finally:
            self._note(ask, most, len(bars))
        return bars

    def newest(self, symbol: str, step: str, count: int) -> list[Bar]:
        """Gives the newest `count` closed candles, oldest first; fewer where the exchange has no more."""
        step_ms = 1000 * STEPS_S[step]
        return self.candles(symbol, step, self._now_ms() // step_ms * step_ms - count * step_ms, count)

    def heard(self, bars: Collection[Bar]) -> None:
        """Keeps final candles that a stream told, those that have closed by the exchange's time."""
        now = self._now_ms()
        by_series: dict[Series, list[Bar]] = {}
        for bar in bars:
            if _closed_at(bar) <= now:
                by_series.setdefault(self._series(bar.symbol, bar.step_s), []).append(bar)
        for of, closed in by_series.items():
            self._cache.keep(of, closed, (), now)

    def _series(self, symbol: str, step_s: int) -> Series:
        return Series(self._place, self._venue, symbol, step_s)

    def _note(self, ask: "_Ask", most: int, given: int) -> None:
        served = Served(
            asks=1, hits=int(not ask.limits), candles=given, kept=given - min(given, ask.fetched),
            requests=len(ask.limits), plain_requests=1, weight=sum(map(self._weight, ask.limits)),
            plain_weight=self._weight(most),
        )  # fmt: skip
        with self._counting:
            self.served = self.served.plus(served)
        self._cache.note(self._venue, ask.of.step_s, served, ask.now)


class _Ask:
    """One ask: what of it the cache knows, and the requests that were made for the rest."""

    def __init__(self, cache: CandleCache, fetch: Fetch, of: Series, step: str, now: int, settled_ms: int) -> None:
        self._cache, self._fetch, self.of, self._step, self.now = cache, fetch, of, step, now
        self._settled_ms = settled_ms
        self._step_ms = 1000 * of.step_s
        #: How many candles each request asked for, and how many came in all.
        self.limits: list[int] = []
        self.fetched = 0

    def candles(self, first: int, most: int) -> list[Bar]:
        step_ms = self._step_ms
        first, edge = -(-first // step_ms) * step_ms, self.now // step_ms * step_ms
        found: list[Bar] = []
        while first < edge and len(found) < most:
            end = min(edge, first + (most - len(found)) * step_ms)
            known, ended = self._window(first, end)
            found += [bar for _, bar in sorted(known.items()) if bar is not None]
            if ended:
                break
            first = max(end, found[-1].open_at + step_ms if found else 0)
        return found

    def _window(self, first: int, end: int) -> tuple[dict[int, Bar | None], bool]:
        """Gives what is known when the missing stretches have been asked for, and whether the exchange has no more.

        The last stretch is asked for without an end, and may give candles behind the window: in place of some that
        the exchange does not have, which shows in no other way.
        """
        known = self._cache.known(self.of, first, end)
        ended = False
        for low, high in _missing(known, first, end, self._step_ms):
            count, open_ended = (high - low) // self._step_ms, high == end
            bars = self._ask(low, count, None if open_ended else high - self._step_ms)
            known.update((bar.open_at, bar) for bar in bars)
            ended = open_ended and len(bars) < count
        return known, ended

    def _ask(self, low: int, count: int, last: int | None) -> list[Bar]:
        self.limits.append(count)
        told = self._fetch(self.of.symbol, self._step, low, count, last)
        bars = sorted((bar for bar in told if self._fits(bar, low)), key=attrgetter("open_at"))
        self.fetched += len(bars)
        settled = [bar for bar in bars if _closed_at(bar) + self._settled_ms <= self.now]
        self._cache.keep(self.of, settled, list(self._absent(low, bars, last)), self.now)
        return bars

    def _fits(self, bar: Bar, low: int) -> bool:
        named = (bar.symbol, bar.step_s) == (self.of.symbol, self.of.step_s)
        return named and bar.open_at >= low and bar.open_at % self._step_ms == 0

    def _absent(self, low: int, bars: list[Bar], last: int | None) -> Iterator[int]:
        """Gives the openings of candles that the exchange does not have, though it has later ones."""
        step_ms = self._step_ms
        low = max(low, self._cache.oldest(self.of, self.now) // step_ms * step_ms)
        opens = [bar.open_at for bar in bars if bar.open_at >= low]
        later = [] if last is None else [last + step_ms]
        believed = self.now - ABSENT_MS - step_ms
        for before, after in pairwise([low - step_ms, *opens, *later]):
            yield from range(before + step_ms, min(after, believed), step_ms)


def _missing(known: Collection[int], first: int, end: int, step_ms: int) -> list[tuple[int, int]]:
    """Gives the stretches of openings that are not known: from, up to and not including."""
    stretches: list[tuple[int, int]] = []
    for at in range(first, end, step_ms):
        if at in known:
            continue
        if stretches and stretches[-1][1] == at:
            stretches[-1] = (stretches[-1][0], at + step_ms)
        else:
            stretches.append((at, at + step_ms))
    if len(stretches) > MOST_STRETCHES:
        return [(stretches[0][0], stretches[-1][1])]
    return stretches


def _closed_at(bar: Bar) -> int:
    return bar.open_at + 1000 * bar.step_s
