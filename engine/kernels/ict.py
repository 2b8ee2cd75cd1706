"""How well a chart speaks for a trade in one direction, by trend, structure, price, momentum and volatility."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from engine.kernels.thresholds import clip, exceeds, known, reaches

TIMEFRAME_WEIGHTS: Mapping[str, float] = {"1h": 0.5, "15m": 0.3, "5m": 0.2}


class Pull(NamedTuple):
    """The trend of one timeframe: close, its EMA(50), the slope of that in percent a bar, and ADX."""

    close: float
    ema: float
    slope_pct: float
    adx: float


class Break(NamedTuple):
    """The latest break of structure: along the trend (BOS) or against it (CHOCH), up +1 or down -1."""

    type: Literal["BOS", "CHOCH"]
    dir: int
    bars_ago: int


class Block(NamedTuple):
    """An order block that still holds: its zone, its age in days of 24 h, and how often it was tested."""

    bottom: float
    top: float
    age_days: float
    tests: int


class IctScore(NamedTuple):
    """The points of each part, their total (0 to 100), the confidence (0 to 1), and whether it suffices."""

    trend: float
    structure: float
    price: float
    momentum: float
    volatility: float
    total: float
    confidence: float
    accept: bool


def ict_score(
    *,
    side: int,
    pulls: Mapping[str, Pull],
    structure_trend: int,
    structure_break: Break | None,
    price: float,
    atr: float | None,
    block: Block | None,
    rsi: float | None,
    macd_hist: float | None,
    macd_hist_prev: float | None,
    bb_width_pct: float | None,
    weights: Mapping[str, float] = TIMEFRAME_WEIGHTS,
    slope_min_pct: float = 0.01,
    accept_confidence: float = 0.35,
) -> IctScore:
    """Gives the score for a trade to one side, +1 long or -1 short.

    `pulls` maps a timeframe to its trend, `bb_width_pct` is the percentile of the bandwidth. What is unknown earns no
    points. The maxima 40, 20, 20, 10 and 10 come with the design, the rest is our own.
    """
    trend = trend_points(side, pulls, weights=weights, slope_min_pct=slope_min_pct)
    structure = structure_points(side, structure_trend, structure_break)
    place = price_points(side, price, atr, block)
    momentum = momentum_points(side, rsi, macd_hist, macd_hist_prev)
    volatility = volatility_points(bb_width_pct)
    total = trend + structure + place + momentum + volatility
    confidence = total / 100.0
    accept = reaches(confidence, accept_confidence)
    return IctScore(trend, structure, place, momentum, volatility, total, confidence, accept)


def trend_points(
    side: int,
    pulls: Mapping[str, Pull],
    *,
    weights: Mapping[str, float] = TIMEFRAME_WEIGHTS,
    slope_min_pct: float = 0.01,
) -> float:
    """Up to 40 for timeframes whose close stands on the right side of a rising average, more so with a high ADX."""
    total = 0.0
    for timeframe, weight in weights.items():
        pull = pulls.get(timeframe)
        if pull is None or not side * (pull.close - pull.ema) > 0.0:
            continue
        aligned = 1.0 if reaches(side * pull.slope_pct, slope_min_pct) else 0.5
        firm = 1.0 if reaches(pull.adx, 25.0) else 0.8 if reaches(pull.adx, 20.0) else 0.5
        total += weight * aligned * firm
    return 40.0 * total


def structure_points(side: int, trend: int, latest: Break | None, *, fresh_bars: int = 20) -> float:
    """Up to 20 for a market structure that goes the same way, by its state and its latest fresh break."""
    points = 14.0 if trend == side else 6.0 if trend == 0 else 0.0
    if latest is not None and latest.bars_ago <= fresh_bars:
        along = 6.0 if latest.type == "BOS" else 4.0
        points += along if latest.dir == side else -6.0
    return clip(points, 0.0, 20.0)


def price_points(side: int, price: float, atr: float | None, block: Block | None) -> float:
    """Up to 20 for a price in or near a young order block, none from 3 ATR on or beyond the block's far edge."""
    if block is None:
        return 0.0
    near, far = (block.top, block.bottom) if side > 0 else (block.bottom, block.top)
    if side * (price - far) < 0.0:
        return 0.0
    apart = side * (price - near)
    if apart <= 0.0:
        return 20.0 * block_decay(block)
    if atr is None or not atr > 0.0:
        return 0.0
    return 20.0 * clip(1.0 - apart / atr / 3.0) * block_decay(block)


def block_decay(block: Block, *, day_keeps: float = 0.95, test_keeps: float = 0.90, tests_max: int = 3) -> float:
    """What age and tests have left of an order block, 1 to 0."""
    if block.tests > tests_max:
        return 0.0
    return math.pow(day_keeps, block.age_days) * math.pow(test_keeps, block.tests)


def momentum_points(side: int, rsi: float | None, macd_hist: float | None, macd_hist_prev: float | None) -> float:
    """Up to 10 for an RSI that is firm but not overstretched, and a MACD histogram that grows the right way."""
    return _rsi_points(side, rsi) + _macd_points(side, macd_hist, macd_hist_prev)


def volatility_points(bb_width_pct: float | None) -> float:
    """Up to 10 for a Bollinger bandwidth in the middle of its own range, by its percentile."""
    if bb_width_pct is None or not known(bb_width_pct):
        return 0.0
    if bb_width_pct < 30.0:
        return 10.0 * bb_width_pct / 30.0
    return 10.0 * (100.0 - bb_width_pct) / 30.0 if bb_width_pct > 70.0 else 10.0


def _rsi_points(side: int, rsi: float | None) -> float:
    if rsi is None or not known(rsi):
        return 0.0
    firm = rsi if side > 0 else 100.0 - rsi
    if not reaches(firm, 45.0) or exceeds(firm, 75.0):
        return 0.0
    return 5.0 if reaches(firm, 50.0) and not exceeds(firm, 70.0) else 2.5


def _macd_points(side: int, hist: float | None, before: float | None) -> float:
    right = hist is not None and side * hist > 0.0
    growing = hist is not None and before is not None and side * (hist - before) > 0.0
    if right and growing:
        return 5.0
    return 2.0 if right or growing else 0.0
