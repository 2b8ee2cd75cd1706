"""How hot a coin is: six dimensions, each 0 to 100, weighed over those that are known.

The weights come with the design, the scores of the dimensions are our own. An input is a plain number, or None where
it is unknown; percentages are price moves.
"""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

from engine.kernels.thresholds import clip, exceeds, reaches

NAN = float("nan")

AnnouncementKind = Literal["spot_listing", "perp_listing", "campaign", "none"]

HEAT_WEIGHTS: Mapping[str, float] = {
    "announcement": 0.20,
    "social": 0.15,
    "sentiment": 0.10,
    "momentum": 0.25,
    "liquidity": 0.20,
    "safety": 0.10,
}
ANNOUNCEMENT_STRENGTHS: Mapping[str, float] = {
    "spot_listing": 1.0,
    "perp_listing": 0.8,
    "campaign": 0.4,
    "none": 0.0,
}


class Heat(NamedTuple):
    """The heat of a coin, 0 to 100, None where nothing is known.

    `coverage` is the share of the weights that the known `dimensions` carry, each dimension 0 to 100; `missing` names
    the inputs that a known dimension had to do without.
    """

    heat: float | None
    coverage: float
    dimensions: dict[str, float]
    missing: tuple[str, ...]


def heat_score(
    *,
    announcement: AnnouncementKind | None = None,
    announcement_hours: float | None = None,
    mentions_1h: float | None = None,
    mentions_baseline_1h: float | None = None,
    sentiment: float | None = None,
    sentiment_samples: float | None = None,
    change_1h_pct: float | None = None,
    volume_surge: float | None = None,
    quote_volume_24h: float | None = None,
    spread_bps: float | None = None,
    age_days: float | None = None,
    change_5m_pct: float | None = None,
    funding_pct: float | None = None,
    two_sided: bool = False,
    weights: Mapping[str, float] = HEAT_WEIGHTS,
) -> Heat:
    """Gives the heat of a coin from what is known of it.

    A dimension is known when its first input is: `announcement`, `mentions_1h`, `sentiment`, `change_1h_pct`,
    `quote_volume_24h`, `age_days`. Another input that is None drops out of its dimension (factor 1, penalty 0).
    `two_sided` counts a fall like a rise.
    """
    dimensions: dict[str, float] = {}
    missing: list[str] = []
    if announcement is not None:
        dimensions["announcement"] = announcement_heat(announcement, announcement_hours)
        if announcement_hours is None and announcement != "none":
            missing.append("announcement_hours")
    if mentions_1h is not None:
        dimensions["social"] = social_heat(mentions_1h, mentions_baseline_1h)
        if mentions_baseline_1h is None:
            missing.append("mentions_baseline_1h")
    if sentiment is not None:
        dimensions["sentiment"] = sentiment_heat(sentiment, sentiment_samples)
        if sentiment_samples is None:
            missing.append("sentiment_samples")
    if change_1h_pct is not None:
        dimensions["momentum"] = momentum_heat(change_1h_pct, volume_surge, two_sided=two_sided)
        if volume_surge is None:
            missing.append("volume_surge")
    if quote_volume_24h is not None:
        dimensions["liquidity"] = liquidity_heat(quote_volume_24h, spread_bps)
    if spread_bps is None and (quote_volume_24h is not None or age_days is not None):
        missing.append("spread_bps")
    if age_days is not None:
        dimensions["safety"] = safety_heat(age_days, change_5m_pct, spread_bps, funding_pct)
        if change_5m_pct is None:
            missing.append("change_5m_pct")
        if funding_pct is None:
            missing.append("funding_pct")
    heat, coverage = weigh(dimensions, weights)
    return Heat(heat, coverage, dimensions, tuple(missing))


def weigh(dimensions: Mapping[str, float], weights: Mapping[str, float] = HEAT_WEIGHTS) -> tuple[float | None, float]:
    """Gives the weighted mean of the known dimensions, and their share of all the weights.

    The mean is None where their weights are zero.
    """
    total, used, whole = 0.0, 0.0, 0.0
    for name, score in dimensions.items():
        total += weights[name] * score
        used += weights[name]
    for weight in weights.values():
        whole += weight
    return (total / used, used / whole) if used > 0.0 else (None, 0.0)


def announcement_heat(
    kind: AnnouncementKind,
    hours: float | None,
    *,
    half_life_h: float = 24.0,
    strengths: Mapping[str, float] = ANNOUNCEMENT_STRENGTHS,
) -> float:
    """100 for a fresh spot listing, halved each `half_life_h`; an opening still to come counts as fresh."""
    age_h = 0.0 if hours is None or hours < 0.0 else hours
    return 100.0 * strengths[kind] * math.exp2(-age_h / half_life_h)


def social_heat(
    mentions_1h: float, baseline_1h: float | None, *, mentions_min: float = 5.0, doublings: float = 4.0
) -> float:
    """100 when mentions have doubled `doublings` times over the mean hour of the week, 0 for too few mentions."""
    if mentions_1h < mentions_min or mentions_1h <= 0.0:
        return 0.0
    usual = 1.0 if baseline_1h is None or baseline_1h < 1.0 else baseline_1h
    return 100.0 * clip(math.log2(mentions_1h / usual) / doublings)


def sentiment_heat(sentiment: float, samples: float | None, *, prior_samples: float = 20.0) -> float:
    """0 for all hostile, 50 for neutral, 100 for all friendly; few samples pull towards 50."""
    weight = 1.0 if samples is None else samples / (samples + prior_samples) if samples > 0.0 else 0.0
    return 50.0 * (1.0 + sentiment * weight)


def momentum_heat(
    change_1h_pct: float, volume_surge: float | None, *, two_sided: bool = False, change_full_pct: float = 10.0
) -> float:
    """Up to 50 for the rise of the last hour, and up to 50 for volume four times its usual."""
    return momentum_points(change_1h_pct, _or_nan(volume_surge), two_sided, change_full_pct)


def liquidity_heat(
    quote_volume_24h: float,
    spread_bps: float | None,
    *,
    volume_least: float = 1e5,
    volume_full: float = 1e8,
    spread_max_bps: float = 50.0,
) -> float:
    """0 at the least quote volume a day, 100 at the full one, on a log scale; the spread takes off up to all of it."""
    return liquidity_points(quote_volume_24h, _or_nan(spread_bps), volume_least, volume_full, spread_max_bps)


def safety_heat(
    age_days: float,
    change_5m_pct: float | None,
    spread_bps: float | None,
    funding_pct: float | None,
    *,
    new_days: float = 7.0,
    young_days: float = 30.0,
    jump_pct: float = 5.0,
    leap_pct: float = 10.0,
    spread_wide_bps: float = 30.0,
    funding_dear_pct: float = 0.1,
) -> float:
    """100 less penalties for a young coin, a violent five minutes, a wide spread and dear funding."""
    return safety_points(
        age_days, _or_nan(change_5m_pct), _or_nan(spread_bps), _or_nan(funding_pct), new_days, young_days, jump_pct,
        leap_pct, spread_wide_bps, funding_dear_pct,
    )  # fmt: skip


def _or_nan(value: float | None) -> float:
    return NAN if value is None else value


# The same in columns: plain functions that numba compiles, NaN for what is unknown.


def momentum_points(
    change_1h_pct: float, volume_surge: float, two_sided: bool = False, change_full_pct: float = 10.0
) -> float:
    """Momentum, 0 to 100."""
    change = abs(change_1h_pct) if two_sided else change_1h_pct
    rise = clip(50.0 * change / change_full_pct, 0.0, 50.0)
    if not volume_surge > 0.0:
        return rise
    return rise + clip(25.0 * math.log2(volume_surge), 0.0, 50.0)


def liquidity_points(
    quote_volume_24h: float, spread_bps: float, volume_least: float = 1e5, volume_full: float = 1e8,
    spread_max_bps: float = 50.0,
) -> float:  # fmt: skip
    """Liquidity, 0 to 100."""
    if quote_volume_24h <= 0.0:
        return 0.0
    depth = clip(math.log10(quote_volume_24h / volume_least) / math.log10(volume_full / volume_least))
    return 100.0 * depth * (1.0 if spread_bps != spread_bps else clip(1.0 - spread_bps / spread_max_bps))


def safety_points(
    age_days: float, change_5m_pct: float, spread_bps: float, funding_pct: float, new_days: float = 7.0,
    young_days: float = 30.0, jump_pct: float = 5.0, leap_pct: float = 10.0, spread_wide_bps: float = 30.0,
    funding_dear_pct: float = 0.1,
) -> float:  # fmt: skip
    """Safety, 0 to 100."""
    penalty = 30.0 if age_days < new_days else 15.0 if age_days < young_days else 0.0
    if reaches(abs(change_5m_pct), jump_pct):
        penalty += 30.0 if reaches(abs(change_5m_pct), leap_pct) else 15.0
    if exceeds(spread_bps, spread_wide_bps):
        penalty += 20.0
    if reaches(abs(funding_pct), funding_dear_pct):
        penalty += 20.0
    return 100.0 - penalty
