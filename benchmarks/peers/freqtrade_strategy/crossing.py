"""The rule as a freqtrade strategy: freqtrade loads it from this folder by the name of its class."""

from datetime import datetime, timedelta

import talib
from freqtrade.strategy import IStrategy
from pandas import DataFrame
from peer import FAST, HOLD_BARS, SLOW, SPIKE, SPIKE_BARS, STOP, TIERS, TRAIL_BACK, TRAIL_FROM, WARM_UP


class Crossing(IStrategy):
    """Tiers by position adjustment, freqtrade's own stop and trailing stop, the time-out as a custom exit."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    stoploss = -STOP
    trailing_stop = True
    trailing_stop_positive = TRAIL_BACK
    trailing_stop_positive_offset = TRAIL_FROM
    trailing_only_offset_is_reached = True
    # No target of its own: 1,000 %.
    minimal_roi = {"0": 10}
    position_adjustment_enable = True
    max_entry_position_adjustment = 0
    startup_candle_count = 0

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Adds both averages and the usual volume."""
        dataframe["fast"] = talib.EMA(dataframe["close"], FAST)
        dataframe["slow"] = talib.EMA(dataframe["close"], SLOW)
        dataframe["usual"] = talib.SMA(dataframe["volume"], SPIKE_BARS)
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Marks the bars at whose close to enter."""
        above = dataframe["fast"] > dataframe["slow"]
        crossed = above & ~above.shift(1, fill_value=True)
        spiked = dataframe["volume"] > SPIKE * dataframe["usual"].shift(1)
        dataframe.loc[crossed & spiked & (dataframe.index >= WARM_UP), "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        """Marks nothing: exits depend on the entry."""
        return dataframe

    def adjust_trade_position(self, trade, current_time: datetime, current_rate: float, **_) -> float | None:
        """Sells the next tier's share of the first position once the rate is there."""
        done = trade.nr_of_successful_exits
        if done == len(TIERS):
            return None
        move, share = TIERS[done]
        if current_rate < trade.open_rate * (1 + move):
            return None
        first = trade.select_filled_orders(trade.entry_side)[0]
        return -share * first.stake_amount

    def custom_exit(self, pair: str, trade, current_time: datetime, **_) -> str | None:
        """Ends what has been held long enough."""
        return "time" if current_time - trade.open_date_utc >= HOLD else None


HOLD = timedelta(minutes=HOLD_BARS)
