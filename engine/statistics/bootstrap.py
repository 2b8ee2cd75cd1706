"""How sure a statistic is: drawing the sample again and again, bar by bar or in blocks.

Sources: Efron, Tibshirani, "An Introduction to the Bootstrap" (1993) for the intervals; Politis, Romano, "The
Stationary Bootstrap" (1994); Politis, White (2004), corrected by Patton, Politis, White (2009), for the block length.
The same generator in the same state gives the same result.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import DirtyInput, UsageError
from engine.statistics.moments import NO_SPREAD, Array, at_least, series

# Takes resamples, stacked along the first axis, and gives one value each; `means` is one.
Statistic = Callable[[Array], Array]
Indices = NDArray[np.int64]
Interval = tuple[float, float]

NORMAL = NormalDist()
RESAMPLES = 10_000
# So many indices are drawn at a time: 8 MB, whatever the length of the sample.
DRAWN_AT_ONCE = 1_000_000
# Up to here every resample is listed: 6^6 are 46,656. Chance would be coarser, and no faster.
LISTED = 6


class Confidence(NamedTuple):
    """Where a statistic may truly lie, by three rules; None where undefined.

    `percentile` are quantiles of the resampled values, `basic` the same mirrored at the estimate, `bca` the quantiles
    corrected for bias and skew; `se` is the standard deviation of the resampled values.
    """

    estimate: float | None
    se: float | None
    percentile: Interval | None
    basic: Interval | None
    bca: Interval | None


class MeanQuantiles(NamedTuple):
    """A mean, its exact resampling error std(ddof 0)/sqrt(n), and the quantiles of its resampled values."""

    mean: float
    bootstrap_se: float
    quantiles: list[float]


class BlockLength(NamedTuple):
    """The mean block of the stationary bootstrap and the fixed one of the circular; below 1 means no dependence."""

    stationary: float
    circular: float


def bootstrap_ci(
    sample: ArrayLike,
    statistic: Statistic,
    rng: np.random.Generator,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    mean_block: float = 1.0,
) -> Confidence:
    """Gives confidence intervals of a statistic by resampling.

    `sample` has one observation a row; a row may hold several numbers (pairs for a correlation). Observations are
    drawn one by one, or with `mean_block` above 1 in blocks of random length (stationary bootstrap), which keeps
    what neighbours have in common; BCa is made for independent observations and is then None. Everything is None
    for an empty sample and where the statistic is undefined for the sample or for a resample. Percentile ends within
    0.06 standard errors of the limit take about 10,000 resamples.
    """
    rows = observations(sample)
    if not 0.0 < level < 1.0:
        raise UsageError(f"level must lie between 0 and 1, not {level}")
    at_least(1, resamples=resamples)
    if len(rows) == 0:
        return Confidence(None, None, None, None, None)
    estimate = float(statistic(rows[None])[0])
    values = resampled(rows, statistic, rng, resamples, mean_block)
    if not (math.isfinite(estimate) and np.isfinite(values).all()):
        return Confidence(None, None, None, None, None)
    tail = (1.0 - level) / 2.0
    low, high = between(values, tail, 1.0 - tail)
    return Confidence(
        estimate=estimate,
        se=float(values.std()),
        percentile=(low, high),
        basic=(2.0 * estimate - high, 2.0 * estimate - low),
        bca=bca(rows, statistic, estimate, values, tail) if mean_block == 1.0 else None,
    )


def bootstrap_mean_ci(
    sample: ArrayLike, levels: Sequence[float], rng: np.random.Generator, resamples: int = 2 * RESAMPLES
) -> MeanQuantiles | None:
    """Gives the quantiles of the resampled mean at `levels` (fractions); None for an empty sample."""
    values = series(sample)
    if values.size == 0:
        return None
    quantiles = np.quantile(resampled(values, means, rng, resamples, 1.0), levels)
    return MeanQuantiles(
        mean=float(values.mean()),
        bootstrap_se=float(values.std()) / math.sqrt(values.size),
        quantiles=[float(value) for value in quantiles],
    )


def means(rows: Array) -> Array:
    """The mean as a statistic."""
    average: Array = rows.mean(axis=1)
    return average


def observations(sample: ArrayLike) -> Array:
    """Gives the sample with one observation a row, all of them finite."""
    rows = np.asarray(sample, dtype=np.float64)
    if rows.ndim == 0:
        raise UsageError("a sample is a list of observations")
    if not np.isfinite(rows).all():
        raise DirtyInput("every value must be a finite number")
    return rows


def resampled(rows: Array, statistic: Statistic, rng: np.random.Generator, resamples: int, mean_block: float) -> Array:
    """Gives the statistic of each of `resamples` samples drawn from the rows."""
    drawn = draws(len(rows), rng, resamples, mean_block)
    return np.concatenate([statistic(rows[indices]) for indices in drawn])


def draws(n: int, rng: np.random.Generator, resamples: int, mean_block: float) -> Iterator[Indices]:
    """Gives indices of resampled rows, some resamples at a time, each of `n` indices.

    A block begins anywhere, runs on around the end, and stops before each bar with the probability 1/mean_block; so
    its length is geometric, and 1 gives independent draws. Of up to 6 bars all the independent draws there are, each
    once, whatever `resamples` says.
    """
    at_least(1.0, mean_block=mean_block)
    if mean_block == 1.0 and n <= LISTED:
        yield np.indices((n,) * n).reshape(n, -1).T
        return
    most = max(1, DRAWN_AT_ONCE // n)
    bars = np.arange(n)
    for first in range(0, resamples, most):
        starts = rng.integers(n, size=(min(most, resamples - first), n))
        if mean_block == 1.0:
            yield starts
            continue
        begins = rng.random(starts.shape) < 1.0 / mean_block
        begins[:, 0] = True
        began = np.maximum.accumulate(np.where(begins, bars, 0), axis=1)
        yield (np.take_along_axis(starts, began, axis=1) + bars - began) % n


def bca(rows: Array, statistic: Statistic, estimate: float, values: Array, tail: float) -> Interval | None:
    """Gives the interval corrected for bias and skew; None where either correction is undefined."""
    share = float(((values < estimate).mean() + (values <= estimate).mean()) / 2.0)
    skew = acceleration(rows, statistic)
    if skew is None or not 0.0 < share < 1.0:
        return None
    bias = NORMAL.inv_cdf(share)
    shifts = [bias + NORMAL.inv_cdf(tail), bias - NORMAL.inv_cdf(tail)]
    if any(skew * shift >= 1.0 for shift in shifts):
        return None
    low, high = (NORMAL.cdf(bias + shift / (1.0 - skew * shift)) for shift in shifts)
    return between(values, low, high)


def acceleration(rows: Array, statistic: Statistic) -> float | None:
    """Gives how fast the error of the statistic changes with its value, by leaving out each observation in turn."""
    n = len(rows)
    if n < 2:
        return None
    kept = np.arange(n - 1)
    most = max(1, DRAWN_AT_ONCE // n)
    without = [np.arange(first, min(first + most, n))[:, None] for first in range(0, n, most)]
    left = np.concatenate([statistic(rows[kept + (kept >= out)]) for out in without])
    pulls = left.mean() - left
    size = float((pulls**2).sum())
    if not size > 0.0:
        return None
    return float((pulls**3).sum()) / (6.0 * math.pow(size, 1.5))


def between(values: Array, low: float, high: float) -> Interval:
    """Gives two quantiles, with linear interpolation."""
    ends = np.quantile(values, [low, high])
    return float(ends[0]), float(ends[1])


def optimal_block_length(returns: ArrayLike) -> BlockLength | None:
    """Gives the block length that estimates the error of the mean best. [Politis, White 2004; corrected 2009]

    At most ceil(min(3*sqrt(n), n/3)). None for a series that is too short to look at its lags or does not vary.
    """
    bars = series(returns)
    n = bars.size
    run = max(5, int(math.log10(n))) if n else 5
    lags = math.ceil(math.sqrt(n)) + run
    if n <= lags + 1 or bars.std() < NO_SPREAD * max(1.0, abs(float(bars.mean()))):
        return None
    around = bars - bars.mean()
    shared = np.array([float(around[lag:] @ around[: n - lag]) for lag in range(lags + 1)])
    reach = min(2 * last_dependence(around, shared, run), lags)
    lag = np.arange(1, reach + 1)
    # The flat-top window: whole weight up to half of the reach, then falling to none.
    weights = np.minimum(1.0, 2.0 * (1.0 - lag / reach)) * shared[1 : reach + 1] / n
    drift = 2.0 * float((weights * lag).sum())
    long_run = shared[0] / n + 2.0 * float(weights.sum())
    if long_run == 0.0:
        return None
    longest = math.ceil(min(3.0 * math.sqrt(n), n / 3.0))
    length = math.pow(float(n * (drift / long_run) ** 2), 1.0 / 3.0)
    return BlockLength(stationary=min(length, longest), circular=min(1.5 ** (1.0 / 3.0) * length, longest))


def last_dependence(around: Array, shared: Array, run: int) -> int:
    """Gives the lag at which a run of insignificant autocorrelations begins; the longest lag where none does."""
    n, lags = around.size, shared.size - 1
    squares = np.concatenate(([0.0], np.cumsum(around**2)))
    ahead = squares[-1] - squares[: lags + 1]
    behind = squares[n - np.arange(lags + 1)]
    small = np.abs(shared) < 2.0 * math.sqrt(math.log10(n) / n) * np.sqrt(ahead * behind)
    for lag in range(1, lags - run + 1):
        if small[lag : lag + run].all():
            return lag
    return lags


def stationary_bootstrap_se_mean(returns: ArrayLike, mean_block: float) -> float | None:
    """Gives the standard error of the mean that the stationary bootstrap converges to, without drawing.

    In closed form from the autocovariances around the end [Politis, Romano 1994]; None for an empty series.
    """
    at_least(1.0, mean_block=mean_block)
    bars = series(returns)
    n = bars.size
    if n == 0:
        return None
    spectrum = np.abs(np.fft.fft(bars - bars.mean())) ** 2
    covariances = np.fft.ifft(spectrum).real / n
    lag = np.arange(1, n)
    # Two bars of a resample, `lag` apart, stand in one block with this probability.
    together = (1.0 - 1.0 / mean_block) ** lag
    variance = float(covariances[0] + 2.0 * ((1.0 - lag / n) * together * covariances[1:]).sum()) / n
    return math.sqrt(max(0.0, variance))
