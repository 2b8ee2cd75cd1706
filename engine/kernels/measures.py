"""The average price that an exchange measures market orders with, at some rows of a symbol's columns.

The same bits as `engine.stages.recent.Recent.average`. Plain functions that numba compiles.
"""

from typing import Any

from engine.kernels.figures import NAN

Ints = Any
Floats = Any
#: Mantissas up to here are exact as float64.
EXACT = 1 << 53


def averages(
    rows: Ints, times: Ints, opened: Ints, step_ms: int, volumes: Ints, volume_power: float, quotes: Ints,
    quote_power: float, span_ms: int, window_ms: int, lasts: Floats, out: Floats,
) -> None:  # fmt: skip
    """Gives the average of the `span_ms` before each of `times`, the last close where nothing traded.

    `rows` are the last candles then, those in front of them count as far back as `window_ms` and one more. Volumes are
    mantissas, divided by their powers; one that is absent, or wider than a float64, makes the average NaN.
    """
    for k in range(len(rows)):
        low = rows[k]
        while low > 0 and opened[low] > opened[rows[k]] - window_ms:
            low -= 1
        volume = quote = 0.0
        known = True
        for i in range(low, rows[k] + 1):
            if opened[i] + step_ms > times[k] - span_ms:
                known = known and 0 <= volumes[i] < EXACT and 0 <= quotes[i] < EXACT
                volume += volumes[i] / volume_power
                quote += quotes[i] / quote_power
        traded = span_ms > 0 and volume > 0.0 and quote > 0.0
        out[k] = NAN if not known else quote / volume if traded else lasts[k]
