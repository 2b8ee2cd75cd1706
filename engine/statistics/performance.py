"""How a series of returns or of trades did: return, risk, and the ratios between them.

Returns are simple returns a bar, oldest first, as fractions; `risk_free` and `mar` (the minimum acceptable return) are
fractions a bar too. `periods_per_year` is the number of bars in a year: 365 for days, 8760 for hours; crypto does not
rest. What is undefined is None, never infinite and never zero.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from engine.errors import UsageError
from engine.statistics.moments import NO_RATE, Array, at_least, known, ratio, series, sharpes


class Performance(NamedTuple):
    """How the returns did.

    `max_drawdown` is at most 0; `mdd_peak` and `mdd_trough` are its ends on the equity curve, whose index 0 is the
    equity before the first return; None without a drawdown. `downside_risk`, `annual_vol`, `sharpe`, `sortino` and
    `cagr` are annual.
    """

    sharpe: float | None
    sortino: float | None
    downside_risk: float | None
    annual_vol: float | None
    cum_return: float
    cagr: float | None
    max_drawdown: float
    mdd_peak: int | None
    mdd_trough: int | None
    calmar: float | None


class Drawdown(NamedTuple):
    """The deepest fall from a running peak, at most 0, and where it began and ended; None without a fall."""

    depth: float
    peak: int | None
    trough: int | None


class PerformanceExtra(NamedTuple):
    """`omega`: gains over losses; `tail_ratio`: 95th over 5th percentile; `stability`: how straight the curve runs."""

    omega: float | None
    tail_ratio: float | None
    stability: float | None


class TradeStats(NamedTuple):
    """How the trades did, in the unit of their profits; `gross_loss` is positive, `avg_loss` negative."""

    n: int
    win_rate: float | None
    profit_factor: float | None
    expectancy: float | None
    avg_win: float | None
    avg_loss: float | None
    payoff: float | None
    max_consecutive_losses: int
    gross_profit: float
    gross_loss: float


def performance(returns: ArrayLike, periods_per_year: float, risk_free: float = 0.0, mar: float = 0.0) -> Performance:
    """Gives the usual figures of a series of returns; none at all is an equity that never moved."""
    bars = series(returns)
    at_least(1, periods_per_year=periods_per_year)
    year = math.sqrt(periods_per_year)
    curve = equity(bars)
    fall = max_drawdown(curve)
    growth = cagr(float(curve[-1]), bars.size, periods_per_year)
    return Performance(
        sharpe=sharpe(bars, periods_per_year, risk_free),
        sortino=sortino(bars, periods_per_year, mar),
        downside_risk=downside(bars, mar) * year if bars.size else None,
        annual_vol=float(bars.std(ddof=1)) * year if bars.size > 1 else None,
        cum_return=float(curve[-1]) - 1.0,
        cagr=growth,
        max_drawdown=fall.depth,
        mdd_peak=fall.peak,
        mdd_trough=fall.trough,
        calmar=None if growth is None or fall.depth > -NO_RATE else growth / -fall.depth,
    )


def sharpe(returns: ArrayLike, periods_per_year: float = 1.0, risk_free: float = 0.0) -> float | None:
    """Gives mean(r-rf)/std(r-rf, ddof 1)*sqrt(K); None where the deviation vanishes, or below two returns."""
    value = sharpes(series(returns) - risk_free) * math.sqrt(periods_per_year)
    return known(float(value))


def sortino(returns: ArrayLike, periods_per_year: float = 1.0, mar: float = 0.0) -> float | None:
    """Gives mean(r-mar)*K over the annual downside risk; None where nothing fell short. [Sortino]"""
    bars = series(returns)
    if bars.size == 0:
        return None
    value = ratio(np.asarray(np.mean(bars - mar)), np.asarray(downside(bars, mar))) * math.sqrt(periods_per_year)
    return known(float(value))


def downside(bars: Array, mar: float) -> float:
    """Gives the root mean square a bar of what falls short of `mar`; every bar counts in the mean."""
    return math.sqrt(float(np.mean(np.minimum(0.0, bars - mar) ** 2)))


def equity(bars: Array) -> Array:
    """Gives the equity curve of a stake of 1, one point longer than the returns."""
    return np.concatenate(([1.0], np.cumprod(1.0 + bars)))


def max_drawdown(curve: ArrayLike) -> Drawdown:
    """Gives the deepest fall of an equity curve from its running peak, as a fraction of the peak.

    UsageError for a curve that does not begin above zero.
    """
    points = series(curve)
    if points.size == 0 or points[0] <= 0.0:
        raise UsageError("an equity curve begins above zero")
    falls = points / np.maximum.accumulate(points) - 1.0
    trough = int(np.argmin(falls))
    if falls[trough] == 0.0:
        return Drawdown(0.0, None, None)
    return Drawdown(float(falls[trough]), int(np.argmax(points[: trough + 1])), trough)


def cagr(final: float, bars: int, periods_per_year: float) -> float | None:
    """Gives final^(K/n)-1, the yearly growth of a stake of 1; None for no bars, debts, or growth beyond any float."""
    if bars == 0 or final < 0.0:
        return None
    try:
        return math.pow(final, periods_per_year / bars) - 1.0
    except OverflowError:
        return None


def rolling_sharpe(
    returns: ArrayLike, window: int, periods_per_year: float = 1.0, risk_free: float = 0.0
) -> list[float]:
    """Gives the annual Sharpe ratio of the last `window` returns at each bar; NaN while undefined."""
    at_least(2, window=window)
    bars = series(returns) - risk_free
    warm_up = [math.nan] * min(window - 1, bars.size)
    if bars.size < window:
        return warm_up
    windows = np.lib.stride_tricks.sliding_window_view(bars, window)
    return warm_up + [float(value) for value in sharpes(windows) * math.sqrt(periods_per_year)]


def performance_extra(returns: ArrayLike) -> PerformanceExtra:
    """Gives three figures about the shape of the returns."""
    bars = series(returns)
    return PerformanceExtra(omega=omega(bars), tail_ratio=tail_ratio(bars), stability=stability(bars))


def omega(bars: Array) -> float | None:
    """Gives the sum of the gains over the sum of the losses; None without losses."""
    losses = -float(bars[bars < 0.0].sum())
    return None if losses < NO_RATE else float(bars[bars > 0.0].sum()) / losses


def tail_ratio(bars: Array) -> float | None:
    """Gives |95th percentile| over |5th percentile|, both with linear interpolation; None where the latter is zero."""
    if bars.size == 0:
        return None
    low, high = np.abs(np.percentile(bars, [5, 95]))
    return None if low < NO_RATE else float(high / low)


def stability(bars: Array) -> float | None:
    """Gives R² of the cumulative log returns against time; None for a flat curve, a total loss or below two bars."""
    if bars.size < 2 or bars.min() <= -1.0:
        return None
    curve = np.cumsum(np.log1p(bars))
    if curve.std() < NO_RATE:
        return None
    return float(np.corrcoef(np.arange(bars.size), curve)[0, 1] ** 2)


def trade_stats(pnl: ArrayLike) -> TradeStats:
    """Gives the figures of closed trades from their profits, in the order of their closing.

    A profit of zero counts in `n`, is neither win nor loss, and ends a losing streak.
    """
    trades = series(pnl)
    wins, losses = trades[trades > 0.0], trades[trades < 0.0]
    gained, lost = float(wins.sum()), float(-losses.sum())
    avg_win, avg_loss = average(wins), average(losses)
    return TradeStats(
        n=trades.size,
        win_rate=wins.size / trades.size if trades.size else None,
        profit_factor=gained / lost if losses.size else None,
        expectancy=average(trades),
        avg_win=avg_win,
        avg_loss=avg_loss,
        payoff=None if avg_win is None or avg_loss is None else avg_win / -avg_loss,
        max_consecutive_losses=longest_losing_streak(trades),
        gross_profit=gained,
        gross_loss=lost,
    )


def average(values: Array) -> float | None:
    """Gives the mean; None of nothing."""
    return float(values.mean()) if values.size else None


def longest_losing_streak(trades: Array) -> int:
    """Gives the largest number of losses without a break."""
    longest = streak = 0
    for trade in trades:
        streak = streak + 1 if trade < 0.0 else 0
        longest = max(longest, streak)
    return longest
