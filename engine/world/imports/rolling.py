"""Rolling 24 h tickers computed from one-minute bars, for markets of tickers only."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from engine.records.market import Bar, Ticker

_DAY_MS = 86_400_000
_CENT = Decimal("0.00000001")


@dataclass
class _Day:
    """The bars of one symbol's last 24 h, and what they add up to."""

    bars: deque[tuple[int, Decimal, Decimal]] = field(default_factory=deque)
    volume: Decimal = Decimal(0)
    quote_volume: Decimal = Decimal(0)

    def add(self, at: int, volume: Decimal, quote_volume: Decimal) -> None:
        self.bars.append((at, volume, quote_volume))
        self.volume += volume
        self.quote_volume += quote_volume
        while self.bars[0][0] <= at - _DAY_MS:
            _, volume, quote_volume = self.bars.popleft()
            self.volume -= volume
            self.quote_volume -= quote_volume


def derive_tickers(bars: Iterable[Bar]) -> Iterator[Ticker]:
    """Gives a ticker for each bar: its close, and the volumes of the 24 h up to its `at` (fewer at the beginning).

    Quote volume that was not recorded is volume x (high + low + close) / 3. The sums are exact.
    """
    days: dict[tuple[str, str], _Day] = {}
    for bar in bars:
        day = days.setdefault((bar.venue, bar.symbol), _Day())
        day.add(bar.at, Decimal(bar.volume), _quote_volume(bar))
        yield Ticker(
            at=bar.at, venue=bar.venue, symbol=bar.symbol, last=bar.close,
            volume_24h=_text(day.volume), quote_volume_24h=_text(day.quote_volume),
        )  # fmt: skip


def _quote_volume(bar: Bar) -> Decimal:
    if bar.quote_volume is not None:
        return Decimal(bar.quote_volume)
    typical = (Decimal(bar.high) + Decimal(bar.low) + Decimal(bar.close)) / 3
    return (Decimal(bar.volume) * typical).quantize(_CENT)


def _text(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
