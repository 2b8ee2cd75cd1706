"""Which perpetuals are waking up: five signs of new interest, weighed into one score."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from engine.kernels.thresholds import clip

HOTLIST_WEIGHTS: Mapping[str, float] = {
    "vol_jump": 0.25,
    "turnover": 0.20,
    "oi_delta": 0.25,
    "funding_z": 0.15,
    "regime_shift": 0.15,
}
# Below this a volatility or a spread of rates is rounding: dividing by it would give astronomic scores.
_NOTHING = 1e-12


class Hotlist(NamedTuple):
    """The hotlist score, 0 to 100; each sign as measured (`raw`) and mapped to 0..1 (`norm`)."""

    score: float
    raw: dict[str, float]
    norm: dict[str, float]


def hotlist_score(
    *,
    log_returns: Sequence[float],
    quote_volume_24h: float | None,
    oi_notional: float | None,
    oi_now: float | None,
    oi_24h: float | None,
    funding_hist: Sequence[float],
    funding_now: float | None,
    bars_since_shift: float | None,
    short: int = 24,
    long: int = 168,
    funding_prints: int = 90,
    shift_half_life_bars: float = 12.0,
    weights: Mapping[str, float] = HOTLIST_WEIGHTS,
) -> Hotlist:
    """Gives the hotlist score of a perpetual; a sign whose history is missing counts 0. Our own definition.

    Sort equal scores by symbol.
    """
    raw = {
        "vol_jump": vol_jump(log_returns, short, long),
        "turnover": quote_volume_24h / oi_notional if quote_volume_24h is not None and oi_notional else 0.0,
        "oi_delta": oi_now / oi_24h - 1.0 if oi_now is not None and oi_24h else 0.0,
        "funding_z": funding_z(funding_hist, funding_now, funding_prints),
        "regime_shift": 0.0 if bars_since_shift is None else math.exp2(-bars_since_shift / shift_half_life_bars),
    }
    norm = {
        "vol_jump": clip(raw["vol_jump"] / 3.0),
        "turnover": clip(raw["turnover"] / 10.0),
        "oi_delta": clip(raw["oi_delta"] / 0.5),
        "funding_z": clip(abs(raw["funding_z"]) / 4.0),
        "regime_shift": clip(raw["regime_shift"]),
    }
    total = 0.0
    for name, value in norm.items():
        total += weights[name] * value
    return Hotlist(100.0 * total, raw, norm)


def vol_jump(log_returns: Sequence[float], short: int = 24, long: int = 168) -> float:
    """The RMS log return of the last `short` bars over that of the `long` bars before, less 1; 0 for want of bars."""
    end = len(log_returns)
    if end < short + long:
        return 0.0
    usual = _rms(log_returns, end - short - long, end - short)
    return _rms(log_returns, end - short, end) / usual - 1.0 if usual >= _NOTHING else 0.0


def funding_z(funding_hist: Sequence[float], funding_now: float | None, prints: int = 90) -> float:
    """How many deviations (ddof 1) funding stands from the mean of its last `prints`; 0 for want of prints."""
    start = len(funding_hist) - prints
    if funding_now is None or start < 0 or prints < 2:
        return 0.0
    total = 0.0
    for i in range(start, len(funding_hist)):
        total += funding_hist[i]
    mean = total / prints
    squares = 0.0
    for i in range(start, len(funding_hist)):
        squares += (funding_hist[i] - mean) * (funding_hist[i] - mean)
    spread = math.sqrt(squares / (prints - 1))
    return (funding_now - mean) / spread if spread >= _NOTHING else 0.0


def _rms(values: Sequence[float], start: int, end: int) -> float:
    squares = 0.0
    for i in range(start, end):
        squares += values[i] * values[i]
    return math.sqrt(squares / (end - start))
