"""The bare compiled loop: the rule and nothing else, in numba, one pass a symbol.

The others' entries are held against its.
"""

from collections.abc import Callable

import numba
import numpy as np
from peer import (
    FAST,
    FEE,
    HOLD_BARS,
    NOTIONAL,
    SLOW,
    SPIKE,
    SPIKE_BARS,
    STOP,
    TIERS,
    TRAIL_BACK,
    TRAIL_FROM,
    WARM_UP,
    Market,
    Played,
    serve,
)

(TIER_1, SHARE_1), (TIER_2, SHARE_2) = TIERS


@numba.njit
def play_symbol(opens, highs, lows, closes, volumes, entries, profits):
    """Fills in each trade's entry bar and profit, NaN while it is open, and gives how many there were.

    Within a bar: time at the open, then the stop, the trailing stop as earlier bars left it, the tiers.
    """
    fast, slow = seeds(closes)
    above = True
    held = False
    trades = entered = tiers = 0
    entry = left = best = earned = 0.0
    for bar in range(SLOW, closes.size):
        if held:
            opened, high, low = opens[bar], highs[bar], lows[bar]
            price = 0.0
            if bar == entered + HOLD_BARS:
                price = opened
            elif low <= entry * (1 - STOP):
                price = entry * (1 - STOP) if bar == entered else min(entry * (1 - STOP), opened)
            elif best > 0.0 and low <= best * (1 - TRAIL_BACK):
                price = min(best * (1 - TRAIL_BACK), opened)
            if price > 0.0:
                profits[trades - 1] = earned + left * price * (1 - FEE) - NOTIONAL * (1 + FEE)
                held = False
            else:
                if tiers == 0 and high >= entry * (1 + TIER_1):
                    tiers = 1
                    left -= NOTIONAL / entry * SHARE_1
                    earned += NOTIONAL / entry * SHARE_1 * max(entry * (1 + TIER_1), opened) * (1 - FEE)
                if tiers == 1 and high >= entry * (1 + TIER_2):
                    tiers = 2
                    left -= NOTIONAL / entry * SHARE_2
                    earned += NOTIONAL / entry * SHARE_2 * max(entry * (1 + TIER_2), opened) * (1 - FEE)
                if high >= entry * (1 + TRAIL_FROM):
                    best = max(best, high)

        was_above = above
        fast += (closes[bar] - fast) * (2.0 / (FAST + 1))
        slow += (closes[bar] - slow) * (2.0 / (SLOW + 1))
        above = fast > slow
        if above and not was_above and not held and WARM_UP <= bar < closes.size - 1 and spiked(volumes, bar):
            entries[trades], profits[trades] = bar, np.nan
            trades += 1
            held, entered, tiers = True, bar + 1, 0
            entry, best, earned = opens[bar + 1], 0.0, 0.0
            left = NOTIONAL / entry
    return trades


@numba.njit
def seeds(closes):
    """Gives both averages at the last bar of the slow one's first window."""
    fast = np.mean(closes[:FAST])
    for bar in range(FAST, SLOW):
        fast += (closes[bar] - fast) * (2.0 / (FAST + 1))
    return fast, np.mean(closes[:SLOW])


@numba.njit
def spiked(volumes, bar):
    """Says whether the bar's volume stands out from the bars before it."""
    before = 0.0
    for back in range(1, SPIKE_BARS + 1):
        before += volumes[bar - back]
    return volumes[bar] * SPIKE_BARS > SPIKE * before


def prepare(market: Market) -> Callable[[], Played]:
    """Gives the run over the market's own arrays."""
    entries = np.empty(market.at_ms.size, np.int64)
    profits = np.empty(market.at_ms.size)

    def play() -> Played:
        made, closed, profit = {}, 0, 0.0
        for row, symbol in enumerate(market.symbols):
            count = play_symbol(
                market.open[row], market.high[row], market.low[row], market.close[row], market.volume[row],
                entries, profits,
            )  # fmt: skip
            made[symbol] = entries[:count].tolist()
            closed += int(np.isfinite(profits[:count]).sum())
            profit += float(np.nansum(profits[:count]))
        return Played(made, closed, profit)

    return play


if __name__ == "__main__":
    serve(prepare)
