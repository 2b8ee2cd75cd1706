"""backtesting.py, one backtest a symbol: a Strategy of three brackets, one a leg, with TA-Lib's averages.

Stop and tiers are its own contingent orders, set from the signal's close and put right from the entry's open once that
is known; the trailing leg's stop is moved at each close, the time-out is an order at the close before.
"""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import talib
from backtesting import Backtest, Strategy
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

#: It trades whole units: positions are large, so that a share of one is nearly exact, and the account larger.
LARGE, CASH = 1e12, 1e15
SHARES = (*(share for _, share in TIERS), 1 - sum(share for _, share in TIERS))
TARGETS = (*(move for move, _ in TIERS), None)


class Crossing(Strategy):
    """The rule."""

    def init(self) -> None:
        """Computes what is asked of at each bar."""
        self.fast = self.I(talib.EMA, self.data.Close, FAST)
        self.slow = self.I(talib.EMA, self.data.Close, SLOW)
        self.usual = self.I(talib.SMA, self.data.Volume, SPIKE_BARS)
        self.signals: list[int] = []
        self.best = 0.0

    def next(self) -> None:
        """Looks after what is held, or for an entry, at a bar's close."""
        bar = len(self.data) - 1
        if self.trades:
            self.look_after(bar)
        elif bar >= WARM_UP and self.crossed() and self.data.Volume[-1] > SPIKE * self.usual[-2]:
            self.enter(self.data.Close[-1])
            self.signals.append(bar)

    def crossed(self) -> bool:
        """Says whether the fast average has just come above the slow one."""
        return self.fast[-1] > self.slow[-1] and self.fast[-2] <= self.slow[-2]

    def enter(self, close: float) -> None:
        """Orders the three legs at the next open."""
        self.best = 0.0
        for share, move in zip(SHARES, TARGETS, strict=True):
            self.buy(size=int(LARGE * share / close), sl=close * (1 - STOP), tp=move and close * (1 + move), tag=move)

    def look_after(self, bar: int) -> None:
        """Moves the levels of what is held."""
        first = self.trades[0]
        entered, entry = first.entry_bar, first.entry_price
        if bar + 1 == entered + HOLD_BARS:
            self.position.close()
            return
        if bar == entered:
            for trade in self.trades:
                trade.sl = entry * (1 - STOP)
                if trade.tag:
                    trade.tp = entry * (1 + trade.tag)
        if self.data.High[-1] >= entry * (1 + TRAIL_FROM) and self.data.High[-1] > self.best:
            self.best = self.data.High[-1]
            for trade in self.trades:
                trade.sl = max(trade.sl, self.best * (1 - TRAIL_BACK))


def prepare(market: Market) -> Callable[[], Played]:
    """Gives the run over a frame a symbol."""
    warnings.filterwarnings("ignore", category=UserWarning)
    index = pd.to_datetime(market.at_ms, unit="ms")
    frames = {
        symbol: pd.DataFrame(
            {
                "Open": market.open[row],
                "High": market.high[row],
                "Low": market.low[row],
                "Close": market.close[row],
                "Volume": market.volume[row],
            },
            index=index,
        )
        for row, symbol in enumerate(market.symbols)
    }

    def play() -> Played:
        made, closed, profit = {}, 0, 0.0
        for symbol, frame in frames.items():
            stats = Backtest(frame, Crossing, cash=CASH, commission=FEE, finalize_trades=False).run()
            made[symbol] = [bar for bar in stats["_strategy"].signals if bar + 1 < len(frame)]
            closed += int(np.unique(stats["_trades"]["EntryBar"]).size)
            profit += float(stats["_trades"]["PnL"].sum()) * NOTIONAL / LARGE
        return Played(made, closed, profit)

    return play


if __name__ == "__main__":
    serve(prepare)
