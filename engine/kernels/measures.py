"""The average price that an exchange measures market orders with, at some rows of a symbol's columns.

The same bits as `engine.stages.recent.Recent.average`. Plain functions that numba compiles.
"""

from typing import Any

from engine.kernels.figures import NAN
from engine.kernels.reading import quotient, typical, widest

Ints = Any
Floats = Any


def averages(
    rows: Ints, times: Ints, opened: Ints, step_ms: int, closes: Ints, highs: Ints, lows: Ints, power: float,
    volumes: Ints, volume_power: float, quotes: Ints, quote_power: float, span_ms: int, window_ms: int, out: Floats,
) -> None:  # fmt: skip
    """Gives the last close, and the average of the `span_ms` before each of `times`: the close where nothing traded.

    `rows` are the last candles then, those in front of them count as far back as `window_ms` and one more. Numbers are
    mantissas, divided by their powers; a volume that is too wide makes the average NaN, and a quote volume that is
    absent (`quotes` may be empty) is the volume at the typical price.
    """
    most, most_quote = widest(volume_power), widest(quote_power)
    for k in range(len(rows)):
        low = rows[k]
        while low > 0 and opened[low] > opened[rows[k]] - window_ms:
            low -= 1
        volume = quote = 0.0
        known = True
        for i in range(low, rows[k] + 1):
            if opened[i] + step_ms > times[k] - span_ms:
                known = known and 0 <= volumes[i] <= most
                size = quotient(volumes[i], volume_power)
                volume += size
                if i < len(quotes) and quotes[i] >= 0:
                    known = known and quotes[i] <= most_quote
                    quote += quotient(quotes[i], quote_power)
                else:
                    quote += typical(highs[i] / power, lows[i] / power, closes[i] / power, size)
        last = closes[rows[k]] / power
        traded = span_ms > 0 and volume > 0.0 and quote > 0.0
        out[k, 0], out[k, 1] = last, NAN if not known else quote / volume if traded else last
