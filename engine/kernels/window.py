"""A symbol's rolling windows over closed candles: price changes, volume surge, and the quote volume of 24 hours.

Volumes are whole micro units of the quote asset, so that a sum never drifts, and a running sum over a stream and a
cumulative sum over a block are the same bits.
"""

from collections.abc import Sequence

import msgspec

MICRO = 1_000_000
DAY_S = 86_400
NAN = float("nan")
#: A figure this close to a level is looked at closer: what is rounded could reach it.
HAIR = 1e-3


class Window(msgspec.Struct, kw_only=True):
    """Rings over the closed candles of one symbol, `step_s` apart.

    `short` candles make the change and surge window (5 minutes), `long` the slow change (1 hour), `base` the
    candles before the window that its volume is measured against, `day` those of 24 hours.
    """

    step_s: int
    short: int
    long: int
    base: int
    day: int
    closes: list[float]
    volumes: list[int]
    count: int = 0
    short_sum: int = 0
    base_sum: int = 0
    day_sum: int = 0

    @classmethod
    def of(cls, step_s: int, window_s: int = 300, hour_s: int = 3600, base_windows: int = 288) -> "Window | None":
        """Makes an empty window for candles of `step_s`; None where they are too coarse for `window_s`."""
        if step_s <= 0 or step_s > window_s or window_s % step_s or hour_s % step_s:
            return None
        short, long, day = window_s // step_s, hour_s // step_s, DAY_S // step_s
        base = short * base_windows
        size = max(short + base, day)
        return cls(
            step_s=step_s, short=short, long=long, base=base, day=day, closes=[0.0] * (long + 1), volumes=[0] * size
        )

    def advance(self, closes: Sequence[float], volumes: Sequence[int]) -> None:
        """Takes closed candles: closes, and quote volumes in micro units (`micros`)."""
        for i in range(len(closes)):
            self.take(closes[i], volumes[i])

    def take(self, close: float, volume: int) -> None:
        """Takes one closed candle."""
        ring, n, short = self.volumes, self.count, self.short
        size, reach = len(ring), short + self.base
        left = 0
        if n >= short:
            left = ring[(n - short) % size]
            self.base_sum += left - (ring[(n - reach) % size] if n >= reach else 0)
        self.short_sum += volume - left
        self.day_sum += volume - (ring[(n - self.day) % size] if n >= self.day else 0)
        ring[n % size] = volume
        self.closes[n % len(self.closes)] = close
        self.count = n + 1

    def clear(self) -> None:
        """Starts again, after a hole: nothing is computed over what was not seen."""
        self.count = self.short_sum = self.base_sum = self.day_sum = 0

    @property
    def whole(self) -> bool:
        """True once 24 hours have been seen without a hole."""
        return self.count >= self.day

    @property
    def last(self) -> float:
        """The last close."""
        return self.closes[(self.count - 1) % len(self.closes)]

    @property
    def change_pct(self) -> float:
        """Change over the short window in percent; NaN while too few candles."""
        return self._change(self.short)

    @property
    def change_long_pct(self) -> float:
        """Change over the hour in percent; NaN while too few candles."""
        return self._change(self.long)

    def _change(self, back: int) -> float:
        if self.count <= back:
            return NAN
        before = self.closes[(self.count - 1 - back) % len(self.closes)]
        return (self.last / before - 1.0) * 100.0 if before > 0.0 else NAN

    @property
    def surge(self) -> float:
        """Volume of the short window over the mean of the windows before it; NaN while there are too few.

        A baseline without any volume gives NaN: nothing can surge against nothing.
        """
        if self.count < self.short + self.base or self.base_sum <= 0:
            return NAN
        return self.short_sum / (self.base_sum / (self.base // self.short))

    def is_calm(self, change_pct: float, surge: float) -> bool:
        """Says that neither change nor surge is near these levels: without a division, or a figure to be rounded."""
        n, closes, short = self.count, self.closes, self.short
        if n > short:
            slots = len(closes)
            last, before = closes[(n - 1) % slots], closes[(n - 1 - short) % slots]
            if abs(last - before) * 100.0 >= (change_pct - HAIR) * before:
                return False
        if n < short + self.base or self.base_sum <= 0:
            return True
        return self.short_sum * (self.base // short) < (surge - HAIR) * self.base_sum

    @property
    def day_volume(self) -> float:
        """Quote volume of the last 24 hours (of what has been seen, while not whole)."""
        return self.day_sum / MICRO


def micros(quote_volume: float) -> int:
    """Gives a quote volume in whole micro units."""
    return round(quote_volume * MICRO)
