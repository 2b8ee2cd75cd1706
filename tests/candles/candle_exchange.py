"""An exchange that has candles of every minute, but those a test takes away, and counts what it is asked for."""

from collections import Counter

from engine.records.market import Bar
from engine.world.candles.cache import CandleCache
from engine.world.candles.cached import STEPS_S, CachedCandles

MINUTE = 60_000
START = 1_700_000_040_000


class CandleExchange:
    """Answers as the exchange does: from the first that is there on, at most so many, closed ones only."""

    def __init__(self) -> None:
        self.now = START
        self.listed_at = 0
        self.absent: set[int] = set()
        self.asked: list[tuple[str, str, int, int, int | None]] = []
        self.told: Counter[tuple[str, str, int]] = Counter()
        self.down = False

    def fetch(self, symbol: str, step: str, first: int, most: int, last: int | None) -> list[Bar]:
        self.asked.append((symbol, step, first, most, last))
        if self.down:
            raise ConnectionError
        bars = self.candles(symbol, step, first, most, last)
        self.told.update((symbol, step, bar.open_at) for bar in bars)
        return bars

    def candles(self, symbol: str, step: str, first: int, most: int, last: int | None = None) -> list[Bar]:
        step_ms = 1000 * STEPS_S[step]
        edge = self.now // step_ms * step_ms
        opens = range(-(-max(first, self.listed_at) // step_ms) * step_ms, edge, step_ms)
        there = (at for at in opens if at not in self.absent and (last is None or at <= last))
        return [candle(symbol, at, step_ms) for _, at in zip(range(most), there, strict=False)]


def candle(symbol: str, open_at: int, step_ms: int = MINUTE, close: str = "") -> Bar:
    price = close or f"{open_at // MINUTE % 1000}.50"
    return Bar(
        at=open_at + step_ms, venue="binance-spot", symbol=symbol, step_s=step_ms // 1000, open_at=open_at, open=price,
        high=price, low=price, close=price, volume="10.000", quote_volume="5.00", trades=3,
    )  # fmt: skip


def through(
    cache: CandleCache, exchange: CandleExchange, place: str = "exchange.test", speed: float = 1.0
) -> CachedCandles:
    return CachedCandles(cache, place, "binance-spot", exchange.fetch, lambda most: 2, lambda: exchange.now, speed)
