"""Candles of the store as columns that are looked at: closes as float64, running sums of volume, and where holes are.

Plain functions that numba compiles.
"""

import math
from typing import Any

from engine.kernels.figures import lost_of
from engine.kernels.window import MICRO

Ints = Any
Floats = Any
#: In the place of a price or a volume there is no candle.
NO_BAR = -1
#: Whole numbers up to here are exact as float64.
EXACT = 1 << 53
#: A wider one is divided exactly up to here, by up to this power of ten.
WIDEST, POWER = 1 << 62, 1e12


def read(
    start: int, wide: bool, prices: Ints, highs: Ints, lows: Ints, power: float, traded: Ints, volume_power: float,
    quotes: Ints, quote_power: float, closes: Floats, sums: Ints, last: Ints, run: Ints,
) -> None:  # fmt: skip
    """Writes candles without a hole from column `start` on; what is in front of them, or behind, is no candle.

    `prices`, `traded` volumes and `quotes` are mantissas, divided by their powers; where there are no quote volumes at
    all, volume times the typical price counts. `wide` says that float64 does not hold all of what counts. Gives close
    (NaN: none), the running sum of quote volume in micro units, and for each cycle what `runs` gives.
    """
    end = start + len(prices)
    for i in range(start):
        closes[i], sums[i], last[i], run[i] = math.nan, 0, -1, 0
    here, flows, places, counts = closes[start:end], sums[start:end], last[start:end], run[start:end]
    # A loop for each column: so several of its rows are made at a time.
    for i in range(len(prices)):
        here[i] = prices[i] / power
    for i in range(len(quotes)):
        flows[i] = round(quotes[i] / quote_power * MICRO)
    for i in range(len(quotes), len(prices)):
        worth = typical(highs[i] / power, lows[i] / power, prices[i] / power, traded[i] / volume_power)
        flows[i] = round(worth * MICRO)
    if wide:
        for i in range(len(quotes)):
            if quotes[i] > EXACT:
                flows[i] = round(quotient(quotes[i], quote_power) * MICRO)
        for i in range(len(quotes), len(prices)):
            if traded[i] > EXACT:
                volume = quotient(traded[i], volume_power)
                flows[i] = round(typical(highs[i] / power, lows[i] / power, prices[i] / power, volume) * MICRO)
    total = 0
    for i in range(len(flows)):
        total += flows[i]
        flows[i] = total
    for i in range(len(places)):
        places[i], counts[i] = start + i, i + 1
    for i in range(end, len(closes)):
        closes[i], sums[i], last[i], run[i] = math.nan, total, end - 1, len(prices)


def quotient(whole: int, power: float) -> float:
    """Gives whole / power as its text would be read, for a whole number up to `widest(power)`.

    Where float64 does not hold it, as `engine.world.store.numbers` does of columns.
    """
    high = float(whole)
    found = high / power
    if whole <= EXACT:
        return found
    product = found * power
    return found + ((high - product) - lost_of(found, power, product) + float(whole - int(high))) / power


def widest(power: float) -> int:
    """Gives the greatest whole number that `quotient` divides exactly."""
    return WIDEST if power <= POWER else EXACT


def runs(closes: Floats, last: Ints, run: Ints) -> None:
    """Gives, for each cycle, the index of the last candle (-1: none yet) and how many without a hole end there.

    A cycle without a candle has a close of NaN.
    """
    at, count = -1, 0
    for i in range(len(closes)):
        if closes[i] == closes[i]:
            count = count + 1 if at == i - 1 and at >= 0 else 1
            at = i
        last[i] = at
        run[i] = count


def typical(high: float, low: float, close: float, volume: float) -> float:
    """The quote volume of a candle that has none: its volume at the typical price."""
    return (high + low + close) * volume / 3.0


def volumes(sums: Ints, places: Ints, window: int, out: Floats) -> None:
    """Gives, one behind the other, the quote volumes of so many cycles up to and with each of `places`.

    `sums` is their running sum in micro units.
    """
    for k in range(len(places)):
        end, line = places[k] + 1, out[k * window : (k + 1) * window]
        after, before = sums[end - window : end], sums[end - window - 1 : end - 1]
        for i in range(window):
            line[i] = (after[i] - before[i]) / MICRO


def copied(
    lows: Ints, highs: Ints, start: int, opens: Ints, tops: Ints, bottoms: Ints, closes: Ints, volumes: Ints, out: Ints
) -> None:  # fmt: skip
    """Copies prices and volumes from each of `lows` up to, not including, that of `highs`, into the rows of `out`.

    Both are counted as columns of `out`; the first candle belongs into column `start`, and there is no hole between
    them. Where there is none it is `NO_BAR`.
    """
    for k in range(len(lows)):
        for j in range(lows[k], highs[k]):
            i = j - start
            if 0 <= i < len(opens):
                out[0, j], out[1, j], out[2, j], out[3, j] = opens[i], tops[i], bottoms[i], closes[i]
                out[4, j] = volumes[i]
            else:
                out[0, j] = out[1, j] = out[2, j] = out[3, j] = out[4, j] = NO_BAR
