"""raptorbt, over arrays of signals that its own averages and numpy make; both are timed.

It sells a position whole, so there are no tiers and no trailing leg: its fixed target stands where the last tier does.
The stop is its fixed one, the time-out an exit signal so many bars after each entry signal.
"""

from collections.abc import Callable

import numpy as np
import raptorbt
from peer import (
    CASH,
    FAST,
    FEE,
    HOLD_BARS,
    NOTIONAL,
    SLOW,
    SPIKE,
    SPIKE_BARS,
    STOP,
    TIERS,
    WARM_UP,
    Market,
    Played,
    serve,
)


def prepare(market: Market) -> Callable[[], Played]:
    """Gives the run: one call a symbol, filled at the next bar's open."""
    config = raptorbt.BacktestConfig(initial_capital=CASH, fees=FEE, fill_timing="next_bar_open")
    config.set_fixed_stop(STOP)
    config.set_fixed_target(TIERS[-1][0])
    at_ns = market.at_ms * 1_000_000

    def play() -> Played:
        made, closed, profit = {}, 0, 0.0
        for row, symbol in enumerate(market.symbols):
            entries, exits = signals(market.close[row], market.volume[row])
            result = raptorbt.run_single_backtest(
                at_ns, market.open[row], market.high[row], market.low[row], market.close[row], market.volume[row],
                entries, exits, direction=1, weight=NOTIONAL / CASH, symbol=symbol, config=config,
            )  # fmt: skip
            trades = result.trades()
            made[symbol] = [trade.entry_idx - 1 for trade in trades]
            closed += len(trades)
            profit += sum(NOTIONAL * trade.return_pct / 100 for trade in trades)
        return Played(made, closed, profit)

    return play


def signals(close: np.ndarray, volume: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gives where to enter, and where to leave at the latest: the last bar's close that a position sees."""
    above = raptorbt.ema(close, FAST) > raptorbt.ema(close, SLOW)
    mean = raptorbt.sma(volume, SPIKE_BARS)
    entries = np.zeros(close.size, np.bool_)
    entries[1:] = above[1:] & ~above[:-1] & (volume[1:] > SPIKE * mean[:-1])
    entries[:WARM_UP] = False
    exits = np.zeros(close.size, np.bool_)
    exits[HOLD_BARS:] = entries[:-HOLD_BARS]
    return entries, exits


if __name__ == "__main__":
    serve(prepare)
