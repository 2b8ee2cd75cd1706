"""Did a score predict: what prices did after it was given, held against the whole market at the same instants.

Returns are fractions, scores run from 0 to 100; NaN stands for a price or a score that is not known. Sources: Spearman
(1904) for the rank correlation, its mean over time being the information coefficient; Politis, Romano, "The Stationary
Bootstrap" (1994) for the intervals; Allen (1974) for least squares judged by leaving out each observation in turn.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.statistics.bootstrap import NORMAL, Indices, between, draws
from engine.statistics.moments import NO_RATE, Array

Times = NDArray[np.int64]
Mask = NDArray[np.bool_]

#: Fewer observations, or fewer stretches of one horizon that hold any, are not enough for a number.
LEAST_OBSERVATIONS = 30
LEAST_STRETCHES = 10
#: A cycle has a rank correlation from so many scored symbols on, and a market from so many symbols on.
LEAST_RANKED = 3
LEAST_MARKET = 2
#: Scores in equal steps; the last one holds 100.
BUCKETS = ((0, 20), (20, 40), (40, 60), (60, 80), (80, 100))
LEVEL = 0.95
RESAMPLES = 2_000
#: Forward returns overlap up to one horizon: blocks must be longer, and not so long that few are left.
BLOCK_HORIZONS = 2.0
#: A price stands for an instant up to this share of the horizon after it, but at least a minute.
LATE_SHARE = 0.1
LATE_MS = 60_000
_CENT = Decimal("0.00000001")


class Estimate(NamedTuple):
    """A figure and where it may truly lie with 95 % confidence."""

    value: float
    low: float
    high: float


class Sample(NamedTuple):
    """Observations at one horizon, each a row: its cycle, scores by name, forward return, and the market's then."""

    cycle: Indices
    scores: Mapping[str, Array]
    returns: Array
    market_mean: Array
    market_median: Array


class Predicted(NamedTuple):
    """How the observations with a score in `bucket` (None for any) did; None where there are not enough.

    `mean`: mean forward return. `lift`: mean excess over the market's mean at the same instants. `hit`: the share that
    beat the market's median. `ic`: mean over cycles of the rank correlation between score and forward return, of all
    buckets together.
    """

    name: str
    bucket: tuple[int, int] | None
    observations: int
    cycles: int
    mean: Estimate | None
    lift: Estimate | None
    hit: Estimate | None
    ic: Estimate | None


class Fit(NamedTuple):
    """Least squares: R² in the sample, and R² when each observation is predicted from the others."""

    r2: float
    r2_left_out: float


def forward_returns(times: Times, prices: Array, asked: Times, horizon_ms: int) -> Array:
    """Gives the return from the first price at or after each time asked to the first one `horizon_ms` later.

    `times` are ascending. NaN where either price is missing or comes later than a tenth of the horizon (a minute at
    least): it would tell of another time.
    """
    late = max(LATE_MS, int(horizon_ms * LATE_SHARE))
    return _first_prices(times, prices, asked + horizon_ms, late) / _first_prices(times, prices, asked, late) - 1.0


def _first_prices(times: Times, prices: Array, asked: Times, late: int) -> Array:
    found = np.full(asked.shape, np.nan)
    at = np.searchsorted(times, asked)
    there = np.flatnonzero(at < times.size)
    there = there[times[at[there]] - asked[there] <= late]
    found[there] = prices[at[there]]
    return found


def market_returns(returns: Array) -> tuple[Array, Array]:
    """Gives mean and median over the symbols (rows) at each instant (column); NaN below two symbols."""
    there = ~np.isnan(returns)
    count = there.sum(axis=0)
    enough = count >= LEAST_MARKET
    mean, median = np.full(count.shape, np.nan), np.full(count.shape, np.nan)
    if not enough.any():
        return mean, median
    mean[enough] = np.where(there, returns, 0.0).sum(axis=0)[enough] / count[enough]
    ordered = np.sort(returns[:, enough], axis=0)  # what is missing comes last
    column, half = np.arange(ordered.shape[1]), count[enough]
    median[enough] = (ordered[(half - 1) // 2, column] + ordered[half // 2, column]) / 2.0
    return mean, median


def predicted(sample: Sample, horizon_cycles: float, rng: np.random.Generator) -> list[Predicted]:
    """Gives, for each score, how all its observations and those of each bucket did.

    Intervals resample whole cycles, since the symbols of one cycle move together, in blocks that are longer than the
    horizon, since neighbouring forward returns overlap. They are percentiles, drawn out around the figure for what
    blocks lose: see `_wider`. Cycles before the first observation and after the last one are not drawn.
    """
    if sample.cycle.size:
        sample = sample._replace(cycle=sample.cycle - sample.cycle.min())
    cycles = int(sample.cycle.max(initial=0)) + 1
    rows = [(name, bucket) for name in sample.scores for bucket in (None, *BUCKETS)]
    usable = ~np.isnan(sample.returns) & ~np.isnan(sample.market_mean)
    masks = [usable & _within(sample.scores[name], bucket) for name, bucket in rows]
    sums = [_sums(sample, mask, cycles) for mask in masks]
    ranked = {name: _correlations(sample, mask, name, cycles) for (name, bucket), mask in zip(rows, masks, strict=True)
              if bucket is None}  # fmt: skip
    resampled = _resampled(np.hstack([*sums, *ranked.values()]), max(1.0, horizon_cycles), rng)
    made = []
    for i, (name, bucket) in enumerate(rows):
        mean, lift, hit = _estimates(sums[i], resampled[:, 4 * i : 4 * i + 4], horizon_cycles)
        ic = None
        if bucket is None:
            first = 4 * len(rows) + 2 * list(ranked).index(name)
            (ic,) = _estimates(ranked[name], resampled[:, first : first + 2], horizon_cycles)
        counts = sums[i][:, 0]
        made.append(Predicted(name, bucket, int(counts.sum()), int((counts > 0).sum()), mean, lift, hit, ic))
    return made


def _within(scores: Array, bucket: tuple[int, int] | None) -> Mask:
    if bucket is None:
        return ~np.isnan(scores)
    low, high = bucket
    return (scores >= low) & ((scores < high) | (high == BUCKETS[-1][1]))


def _sums(sample: Sample, mask: Mask, cycles: int) -> Array:
    """Gives for each cycle the number of observations, and the sums of returns, excess returns and hits."""
    cycle, returns = sample.cycle[mask], sample.returns[mask]
    excess = returns - sample.market_mean[mask]
    hits = (returns > sample.market_median[mask]) + 0.5 * (returns == sample.market_median[mask])
    columns = [np.bincount(cycle, weights, cycles) for weights in (np.ones(cycle.size), returns, excess, hits)]
    return np.column_stack(columns)


def _correlations(sample: Sample, mask: Mask, name: str, cycles: int) -> Array:
    found = rank_correlations(sample.cycle[mask], sample.scores[name][mask], sample.returns[mask], cycles)
    there = ~np.isnan(found)
    return np.column_stack([there.astype(np.float64), np.where(there, found, 0.0)])


def rank_correlations(groups: Indices, first: Array, second: Array, count: int) -> Array:
    """Gives Spearman's correlation within each of `count` groups, ties at their mean rank.

    NaN below three pairs and where either side is constant.
    """
    sizes = np.bincount(groups, minlength=count)
    ranks = []
    for values in (first, second):
        rank = _ranks(groups, values)
        ranks.append(rank - (np.bincount(groups, rank, count) / np.maximum(sizes, 1))[groups])
    both = np.bincount(groups, ranks[0] * ranks[1], count)
    spread = np.sqrt(np.bincount(groups, ranks[0] ** 2, count) * np.bincount(groups, ranks[1] ** 2, count))
    there = (sizes >= LEAST_RANKED) & (spread > 0.25)  # ranks that differ at all differ by a half at least
    return np.where(there, both / np.where(there, spread, 1.0), np.nan)


def _ranks(groups: Indices, values: Array) -> Array:
    """Gives places that rise with the values within each group, equal values sharing their mean place."""
    order = np.lexsort((values, groups))
    group, value = groups[order], values[order]
    begins = np.ones(order.size, dtype=np.bool_)
    begins[1:] = (group[1:] != group[:-1]) | (value[1:] != value[:-1])
    run = np.cumsum(begins) - 1
    # Places count from each group's start: small numbers keep every bit.
    starts = np.searchsorted(group, group)
    places = np.empty(order.size)
    places[order] = (np.bincount(run, np.arange(order.size) - starts) / np.maximum(np.bincount(run), 1))[run]
    return places


def _resampled(columns: Array, horizon_cycles: float, rng: np.random.Generator) -> Array:
    """Gives the sums of the columns over each resample of the cycles."""
    count = len(columns)
    made = []
    for indices in draws(count, rng, RESAMPLES, BLOCK_HORIZONS * horizon_cycles):
        place = indices + count * np.arange(len(indices))[:, None]
        times = np.bincount(place.ravel(), minlength=indices.size).reshape(indices.shape)
        made.append(times.astype(np.float64) @ columns)
    return np.concatenate(made)


def _estimates(sums: Array, resampled: Array, horizon_cycles: float) -> list[Estimate | None]:
    """Gives the mean of each column after the first, which counts; None for each where the counts are too few."""
    counts = sums[:, 0]
    stretches = np.unique(np.flatnonzero(counts) // max(1.0, horizon_cycles)).size
    there = resampled[:, 0] > 0
    if counts.sum() < LEAST_OBSERVATIONS or stretches < LEAST_STRETCHES or not there.all():
        return [None] * (sums.shape[1] - 1)
    wider = _wider(stretches, max(1.0, horizon_cycles))
    return [
        _estimate(float(sums[:, i].sum() / counts.sum()), resampled[:, i] / resampled[:, 0], wider)
        for i in range(1, sums.shape[1])
    ]


def _estimate(value: float, resampled: Array, wider: float) -> Estimate:
    tail = (1.0 - LEVEL) / 2.0
    low, high = between(resampled, tail, 1.0 - tail)
    return Estimate(value, value + wider * (low - value), value + wider * (high - value))


def _wider(stretches: int, horizon_cycles: float) -> float:
    """Gives how much wider an interval must be than the resampled one.

    Three reasons. The ends of blocks cut through overlapping returns: of a covariance at lag k, (1 - 1/block)^k is kept
    [Politis, Romano 1994], and overlap makes covariances of 1 - k/horizon. The spread is taken around the mean of the
    same cycles. And few blocks know little of their own spread: Student's t for so many, by the first terms of its
    expansion in 1/freedom.
    """
    lag = np.arange(1, int(horizon_cycles))
    overlap = 1.0 - lag / horizon_cycles
    cut = (1.0 - 1.0 / (BLOCK_HORIZONS * horizon_cycles)) ** lag
    kept = (1.0 + 2.0 * float((overlap * cut).sum())) / (1.0 + 2.0 * float(overlap.sum()))
    around = 1.0 - (2.0 * BLOCK_HORIZONS - 1.0 / horizon_cycles) / stretches
    freedom = stretches / BLOCK_HORIZONS - 1.0
    z = NORMAL.inv_cdf((1.0 + LEVEL) / 2.0)
    student = 1.0 + (z**2 + 1.0) / (4.0 * freedom) + (5.0 * z**4 + 16.0 * z**2 + 3.0) / (96.0 * freedom**2)
    return student / math.sqrt(kept * around)


def split(amount: Decimal, points: Mapping[str, float]) -> dict[str, Decimal] | None:
    """Gives an amount in parts as large as the points, to 1e-8; the largest part takes the rest: the sum is exact.

    None where there are no points.
    """
    total = math.fsum(points.values())
    if total < NO_RATE:
        return None
    parts = {name: (amount * Decimal(point / total)).quantize(_CENT) for name, point in points.items()}
    largest = max(points, key=lambda name: points[name])
    parts[largest] += amount - sum(parts.values(), Decimal(0))
    return parts


def fit(columns: Sequence[Sequence[float]], values: Sequence[float]) -> Fit | None:
    """Gives how well least squares on the columns, with a constant, explains the values.

    Left out is against the mean of the others. None without as many observations as 30 and five a column, where the
    values do not vary, or where one observation alone decides a column.
    """
    y = np.asarray(values, dtype=np.float64)
    if y.size < max(LEAST_OBSERVATIONS, 5 * (len(columns) + 1)):
        return None
    x = np.column_stack([np.ones(y.size), *(np.asarray(column, dtype=np.float64) for column in columns)])
    base, sizes, _ = np.linalg.svd(x / np.maximum(np.abs(x).max(axis=0), 1.0), full_matrices=False)
    base = base[:, sizes > NO_RATE * sizes[0]]
    lever = (base**2).sum(axis=1)
    missed = y - base @ (base.T @ y)
    around = y - y.mean()
    spread = float(around @ around)
    if spread < NO_RATE or (lever > 1.0 - 1e-9).any():
        return None
    left_out = float(((missed / (1.0 - lever)) ** 2).sum()) / float(((around * y.size / (y.size - 1)) ** 2).sum())
    return Fit(1.0 - float(missed @ missed) / spread, 1.0 - left_out)
