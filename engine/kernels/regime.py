"""What kind of market this is, and how near a trend is to its end."""

from typing import Literal, NamedTuple

from engine.kernels.thresholds import clip, exceeds, known, reaches

Regime = Literal["UNKNOWN", "VOLATILE", "TREND_UP", "TREND_DOWN", "SQUEEZE", "RANGE", "TRANSITION"]


def market_regime(
    *,
    adx: float | None,
    ema_fast: float | None,
    ema_slow: float | None,
    slope_pct: float | None,
    bb_width_pct: float | None,
    atr_ratio: float | None,
    volatile_ratio: float = 2.0,
    trend_adx: float = 25.0,
    range_adx: float = 20.0,
    squeeze_pct: float = 20.0,
) -> Regime:
    """Gives the regime of a market; the first that fits wins, and UNKNOWN where an input is None or NaN.

    It takes ADX(14), EMA(20) and EMA(50), the latter's slope in percent a bar, the percentile of the bandwidth and the
    ATR ratio. Our own definition.
    """
    if (
        adx is None
        or ema_fast is None
        or ema_slow is None
        or slope_pct is None
        or bb_width_pct is None
        or atr_ratio is None
        or not known(adx + ema_fast + ema_slow + slope_pct + bb_width_pct + atr_ratio)
    ):
        return "UNKNOWN"
    if reaches(atr_ratio, volatile_ratio):
        return "VOLATILE"
    if reaches(adx, trend_adx) and ema_fast > ema_slow and slope_pct > 0.0:
        return "TREND_UP"
    if reaches(adx, trend_adx) and ema_fast < ema_slow and slope_pct < 0.0:
        return "TREND_DOWN"
    if reaches(adx, range_adx):
        return "TRANSITION"
    return "RANGE" if exceeds(bb_width_pct, squeeze_pct) else "SQUEEZE"


class Reversal(NamedTuple):
    """The risk that a trend turns, 0 to 100, and the points of each sign."""

    score: float
    parts: dict[str, float]


def reversal_risk(
    *,
    side: int,
    rsi: float,
    divergence: bool,
    adverse_wick: float,
    volume_z: float,
    rsi_calm: float = 70.0,
    wick_calm: float = 0.5,
    volume_calm_z: float = 2.0,
) -> Reversal:
    """Gives the risk of a reversal against a position, +1 long or -1 short. Our own definition.

    Up to 30 points for an overstretched RSI, 30 for a divergence between price and RSI, 20 for an adverse wick (a
    fraction of the bar's range), 20 for a burst of volume.
    """
    stretched = rsi if side > 0 else 100.0 - rsi
    parts = {
        "rsi": 30.0 * clip((stretched - rsi_calm) / 15.0),
        "divergence": 30.0 if divergence else 0.0,
        "wick": 20.0 * clip((adverse_wick - wick_calm) / 0.3),
        "volume": 20.0 * clip((volume_z - volume_calm_z) / 2.0),
    }
    total = 0.0
    for points in parts.values():
        total += points
    return Reversal(total, parts)
