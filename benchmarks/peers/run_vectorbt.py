"""vectorbt: signals from TA-Lib's averages, and all exits in a compiled order function, several orders a bar.

Each symbol has its own cash, so that it may take its faster way through the columns, and it is told to pass over the
bars on which no position can be open. Compiled in the first run.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import vectorbt as vbt
from numba import njit
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
    TRAIL_BACK,
    TRAIL_FROM,
    WARM_UP,
    Market,
    Played,
    serve,
)
from vectorbt.portfolio.enums import NoOrder, OrderSide, TradeStatus
from vectorbt.portfolio.nb import order_nb

(TIER_1, SHARE_1), (TIER_2, SHARE_2) = TIERS


@njit
def order_func_nb(c, opens, highs, lows, signals, entry, entered, best, tiers):
    """Gives the bar's next order: time at the open, then stop, trailing stop, tiers; or an entry when flat."""
    col, bar = c.from_col, c.i
    held = c.last_position[col]
    if held <= 1e-12:
        if c.call_idx == 0 and bar > 0 and signals[bar - 1, col]:
            entry[col], entered[col], best[col], tiers[col] = opens[bar, col], bar, 0.0, 0
            return col, order_nb(size=NOTIONAL / opens[bar, col], price=opens[bar, col], fees=FEE)
        return -1, NoOrder
    opened, high, low = opens[bar, col], highs[bar, col], lows[bar, col]
    first = bar == entered[col]
    stop = entry[col] * (1 - STOP)
    trail = best[col] * (1 - TRAIL_BACK)
    if bar == entered[col] + HOLD_BARS:
        return col, order_nb(size=-held, price=opened, fees=FEE)
    if low <= stop:
        return col, order_nb(size=-held, price=stop if first else min(stop, opened), fees=FEE)
    if best[col] > 0.0 and low <= trail:
        return col, order_nb(size=-held, price=min(trail, opened), fees=FEE)
    quantity = NOTIONAL / entry[col]
    if tiers[col] == 0 and high >= entry[col] * (1 + TIER_1):
        tiers[col] = 1
        return col, order_nb(size=-quantity * SHARE_1, price=max(entry[col] * (1 + TIER_1), opened), fees=FEE)
    if tiers[col] == 1 and high >= entry[col] * (1 + TIER_2):
        tiers[col] = 2
        return col, order_nb(size=-quantity * SHARE_2, price=max(entry[col] * (1 + TIER_2), opened), fees=FEE)
    if high >= entry[col] * (1 + TRAIL_FROM):
        best[col] = max(best[col], high)
    return -1, NoOrder


def prepare(market: Market) -> Callable[[], Played]:
    """Gives the run over frames with a column a symbol."""
    index = pd.to_datetime(market.at_ms, unit="ms")
    frame = {
        name: pd.DataFrame(np.ascontiguousarray(getattr(market, name).T), index=index, columns=market.symbols)
        for name in ("open", "high", "low", "close", "volume")
    }
    columns = len(market.symbols)
    average = vbt.talib("EMA")

    def play() -> Played:
        fast = average.run(frame["close"], FAST).real.to_numpy()
        slow = average.run(frame["close"], SLOW).real.to_numpy()
        usual = frame["volume"].vbt.rolling_mean(SPIKE_BARS).to_numpy()
        above = fast > slow
        signals = np.zeros(above.shape, np.bool_)
        signals[1:] = above[1:] & ~above[:-1] & (frame["volume"].to_numpy()[1:] > SPIKE * usual[:-1])
        signals[:WARM_UP] = False
        state = (np.zeros(columns), np.zeros(columns, np.int64), np.zeros(columns), np.zeros(columns, np.int64))
        portfolio = vbt.Portfolio.from_order_func(
            frame["close"], order_func_nb,
            frame["open"].to_numpy(), frame["high"].to_numpy(), frame["low"].to_numpy(), signals, *state,
            flexible=True, row_wise=True, segment_mask=held(signals), init_cash=CASH,
            max_orders=market.bars // 10, max_logs=1, fill_pos_record=False,
        )  # fmt: skip
        orders = portfolio.orders.records_arr
        positions = portfolio.positions.records_arr
        buys = orders[orders["side"] == OrderSide.Buy]
        made = {
            symbol: (buys["idx"][buys["col"] == column] - 1).tolist() for column, symbol in enumerate(market.symbols)
        }
        closed = positions[positions["status"] == TradeStatus.Closed]
        return Played(made, closed.size, float(closed["pnl"].sum()))

    return play


def held(signals: np.ndarray) -> np.ndarray:
    """Gives the bars on which a signal's position may be open: the time-out's is the last."""
    seen = np.zeros((signals.shape[0] + HOLD_BARS + 2, signals.shape[1]), np.int64)
    np.cumsum(signals, axis=0, out=seen[HOLD_BARS + 2 :])
    return seen[HOLD_BARS + 1 : -1] > seen[: signals.shape[0]]


if __name__ == "__main__":
    serve(prepare)
