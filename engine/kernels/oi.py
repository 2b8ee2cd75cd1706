"""Whether a jump in open interest is worth following: strength, direction, chase, funding and confirmation."""

from collections.abc import Mapping
from typing import NamedTuple

from engine.kernels.thresholds import clip, exceeds, reaches

# Seconds of the period to the change of open interest, in percent, from which on it is an anomaly.
OI_THRESHOLDS_PCT: Mapping[int, float] = {60: 3.0, 120: 3.0, 300: 3.0, 900: 10.0}


class OiScore(NamedTuple):
    """The open interest score, 0 to 10, and how it came about.

    `anomalous` holds the periods, in seconds, that reach their threshold; without one there are no `parts` and the
    score is 0.
    `direction` is that of the price, +1, -1, or 0 when it stood still. `chase_distance_pct` is how far the price has
    already run from its 2 h low (short: 2 h high).
    """

    score: float
    accept: bool
    chase_reject: bool
    anomalous: tuple[int, ...]
    direction: int
    chase_distance_pct: float | None
    parts: dict[str, float] | None


def oi_score(
    *,
    oi_change_pct: Mapping[int, float | None],
    price_change_pct: float,
    price: float,
    low_2h: float,
    high_2h: float,
    funding_rate: float,
    thresholds_pct: Mapping[int, float] = OI_THRESHOLDS_PCT,
    still_pct: float = 0.1,
    chase_pct: tuple[float, float, float] = (3.0, 5.0, 8.0),
    accept_score: float = 8.0,
) -> OiScore:
    """Gives the score of a symbol whose open interest has moved; `oi_change_pct` maps seconds to percent or None.

    Accepted: `accept_score` reached, price not chased, direction up. A price that stands still is judged as a long.
    The table of thresholds and points comes with the design.
    """
    anomalous, strongest, ratio = _strongest(oi_change_pct, thresholds_pct)
    if not anomalous:
        return OiScore(0.0, False, False, (), 0, None, None)
    direction = 0 if not reaches(abs(price_change_pct), still_pct) else 1 if price_change_pct > 0.0 else -1
    short = direction < 0
    run_pct = _run_pct(high_2h, price) if short else _run_pct(price, low_2h)
    reject = run_pct is None or exceeds(run_pct, chase_pct[2])
    parts = {
        "magnitude": magnitude_points(ratio),
        "alignment": 1.0 if direction == 0 else 2.5 if strongest > 0.0 else 0.5,
        "chase": -4.0 if run_pct is None else chase_points(run_pct, chase_pct),
        "funding": funding_points(-funding_rate if short else funding_rate),
        "multi": (0.0, 1.0, 1.5, 2.0)[min(len(anomalous), 4) - 1],
    }
    total = 0.0
    for points in parts.values():
        total += points
    score = clip(total, 0.0, 10.0)
    accept = reaches(score, accept_score) and not reject and direction > 0
    return OiScore(score, accept, reject, anomalous, direction, run_pct, parts)


def magnitude_points(ratio: float) -> float:
    """Points for the strongest change over its threshold."""
    if reaches(ratio, 3.0):
        return 4.0
    if reaches(ratio, 2.0):
        return 3.0
    return 2.0 if reaches(ratio, 1.5) else 1.0


def chase_points(run_pct: float, chase_pct: tuple[float, float, float] = (3.0, 5.0, 8.0)) -> float:
    """Points lost to how far the price has already run, in percent; beyond the last limit it is a chase."""
    near, far, last = chase_pct
    if not exceeds(run_pct, near):
        return 0.0
    if not exceeds(run_pct, far):
        return -0.5
    return -1.5 if not exceeds(run_pct, last) else -4.0


def funding_points(rate: float) -> float:
    """Points for what the funding rate, a fraction, costs the position: best when it is paid."""
    pct = 100.0 * rate
    if not exceeds(pct, -0.05):
        return 1.5
    if not reaches(pct, 0.0):
        return 1.0
    if not exceeds(pct, 0.03):
        return 0.5
    return 0.0 if not exceeds(pct, 0.1) else -1.0


def _strongest(
    changes: Mapping[int, float | None], thresholds: Mapping[int, float]
) -> tuple[tuple[int, ...], float, float]:
    """The anomalous periods, and the strongest change with its ratio; a tie goes to the shorter period."""
    anomalous: list[int] = []
    strongest, best = 0.0, 0.0
    for period in sorted(thresholds):
        change = changes.get(period)
        if change is None or not reaches(abs(change), thresholds[period]):
            continue
        anomalous.append(period)
        ratio = round(abs(change) / thresholds[period], 9)
        if ratio > best:
            strongest, best = change, ratio
    return tuple(anomalous), strongest, best


def _run_pct(to: float, start: float) -> float | None:
    return 100.0 * (to / start - 1.0) if start > 0.0 else None
