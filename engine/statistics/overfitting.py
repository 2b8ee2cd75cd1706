"""Is a Sharpe ratio luck: its standard error, its deflation by the number of trials, and the odds of an overfit choice.

Sharpe ratios here are those of one bar, never annual, unless said. Kurtosis is not excess (a normal has 3); skew and
kurtosis are the biased ones (ddof 0). Sources: Bailey, López de Prado, "The Sharpe Ratio Efficient Frontier" (2012)
and "The Deflated Sharpe Ratio" (2014); Bailey, Borwein, López de Prado, Zhu, "Pseudo-Mathematics and Financial
Charlatanism" (2014) and "The Probability of Backtest Overfitting" (2015).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import UsageError
from engine.statistics.moments import NO_SPREAD, Array, at_least, known, ratio, series, sharpes

NORMAL = NormalDist()
PLATEAU = 0.8
FRAGILE = 0.3
# Computed ratios are compared with thresholds after rounding: 0.7 / 1.0 must not miss 0.7 by a bit.
DECIMALS = 9
# Sharpe ratios a bar are compared after rounding: the same returns in another order are the same trial.
TIES = 12
# So many Sharpe ratios are computed at a time: they and their like stay in the processor's cache.
AT_ONCE = 20_000


class Shape(NamedTuple):
    """A series of returns as the formulas want it: Sharpe ratio a bar, biased skew, biased kurtosis (not excess)."""

    sr: float
    skew: float
    kurtosis: float


class Deflated(NamedTuple):
    """The Sharpe ratio that the best of so many trials reaches by luck, and the probability of being above it."""

    sr0: float
    dsr: float | None


class Pbo(NamedTuple):
    """How the trial that was best in sample did out of sample, over all ways to halve the history.

    `pbo` is the share of halvings in which it landed in the lower half (its logit at or below 0), `prob_oos_loss`
    the share in which its Sharpe ratio out of sample was negative. `slope`, `intercept` and `r2` are of the line
    through its Sharpe ratios, out of sample against in sample; None where those in sample are all the same, `r2`
    also where those out of sample are. `logits` are in the order of the combinations.
    """

    pbo: float
    prob_oos_loss: float
    slope: float | None
    intercept: float | None
    r2: float | None
    median_logit: float
    logits: list[float]


class Sensitivity(NamedTuple):
    """How alone the best point of a parameter grid stands.

    `degradation` is what its mean neighbour loses against it, `plateau_ratio` the share of neighbours with at least
    0.8 of its score; more than 0.3 of degradation is `fragile`. These are None where the best score is not above zero
    or the point has no neighbours.
    """

    best: dict[str, Any]
    best_score: float
    n_neighbours: int
    neighbour_mean: float | None
    degradation: float | None
    plateau_ratio: float | None
    fragile: bool | None


def shape(returns: ArrayLike) -> Shape | None:
    """Gives the Sharpe ratio, skew and kurtosis of returns; None below two of them or where they do not vary."""
    bars = series(returns)
    sr = known(float(sharpes(bars)))
    if sr is None:
        return None
    scores = (bars - bars.mean()) / bars.std()
    return Shape(sr, float(np.mean(scores**3)), float(np.mean(scores**4)))


def sharpe_stderr(sr: float, n_bars: int, skew: float = 0.0, kurtosis: float = 3.0) -> float | None:
    """Gives the standard error of a Sharpe ratio measured over `n_bars`.

    None below two bars, and for a skew and kurtosis that no series of returns can have together.
    """
    variance = spread_of_sharpe(sr, skew, kurtosis)
    return math.sqrt(variance / (n_bars - 1)) if n_bars > 1 and variance > 0.0 else None


def spread_of_sharpe(sr: float, skew: float, kurtosis: float) -> float:
    """Gives the variance of a Sharpe ratio times the number of bars less one. [Mertens 2002]"""
    return 1.0 - skew * sr + (kurtosis - 1.0) / 4.0 * sr**2


def probabilistic_sharpe(
    sr: float, sr_benchmark: float, n_bars: int, skew: float = 0.0, kurtosis: float = 3.0
) -> float | None:
    """Gives the probability that the true Sharpe ratio is above the benchmark; None where the error is undefined."""
    error = sharpe_stderr(sr, n_bars, skew, kurtosis)
    return None if error is None else NORMAL.cdf((sr - sr_benchmark) / error)


def probabilistic_sharpe_returns(returns: ArrayLike, sr_benchmark: float = 0.0) -> float | None:
    """Gives the probabilistic Sharpe ratio of a series of returns; None where it has no Sharpe ratio."""
    bars = series(returns)
    figures = shape(bars)
    if figures is None:
        return None
    return probabilistic_sharpe(figures.sr, sr_benchmark, bars.size, figures.skew, figures.kurtosis)


def min_track_record(
    sr: float, sr_benchmark: float = 0.0, skew: float = 0.0, kurtosis: float = 3.0, alpha: float = 0.05
) -> float | None:
    """Gives how many bars it takes to be sure, at 1-alpha, that a Sharpe ratio beats the benchmark; not rounded.

    None where it does not beat it. UsageError for an alpha outside (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        raise UsageError(f"alpha must lie between 0 and 1, not {alpha}")
    variance = spread_of_sharpe(sr, skew, kurtosis)
    if sr <= sr_benchmark or variance <= 0.0:
        return None
    return 1.0 + variance * (NORMAL.inv_cdf(alpha) / (sr - sr_benchmark)) ** 2


def expected_max_sharpe(n_trials: int) -> float:
    """Gives the largest Sharpe ratio to expect of trials without skill, in deviations across trials; 0 for one."""
    at_least(1, n_trials=n_trials)
    if n_trials == 1:
        return 0.0
    # z(1-p) is -z(p), and 1-p would lose what matters of a small p.
    first, second = -NORMAL.inv_cdf(1.0 / n_trials), -NORMAL.inv_cdf(1.0 / (n_trials * math.e))
    return float((1.0 - np.euler_gamma) * first + np.euler_gamma * second)


def deflated_sharpe(sr: float, n_bars: int, skew: float, kurtosis: float, n_trials: int, var_sr: float) -> Deflated:
    """Gives the probabilistic Sharpe ratio against what the best of `n_trials` reaches without skill.

    `var_sr` is the variance of the trials' Sharpe ratios a bar.
    """
    at_least(0.0, var_sr=var_sr)
    sr0 = math.sqrt(var_sr) * expected_max_sharpe(n_trials)
    return Deflated(sr0, probabilistic_sharpe(sr, sr0, n_bars, skew, kurtosis))


def min_backtest_length(n_trials: int, target_sharpe: float = 1.0) -> float | None:
    """Gives the years below which the best of `n_trials` without skill is expected to reach an annual Sharpe ratio.

    None for a target that is not above zero.
    """
    luck = expected_max_sharpe(n_trials)
    return (luck / target_sharpe) ** 2 if target_sharpe > 0.0 else None


def cscv_combinations(blocks: int) -> int:
    """Gives the number of ways to choose half of the blocks; UsageError for an odd number or below two."""
    if blocks < 2 or blocks % 2:
        raise UsageError(f"the history is cut into an even number of blocks, not {blocks}")
    return math.comb(blocks, blocks // 2)


def pbo_cscv(matrix: ArrayLike, blocks: int = 16) -> Pbo:
    """Gives the probability of backtest overfitting by combinatorially symmetric cross-validation.

    `matrix` holds the returns, a row a bar and a column a trial. The oldest rows that do not fill the blocks are
    dropped. A trial that does not vary has the Sharpe ratio 0; the first of equals is the best; equal ranks share.
    UsageError for an odd number of blocks, one trial alone, or less than two rows in half of the history.
    """
    in_sample = halves(series(matrix, dimensions=2), blocks)
    # The k-th choice counted from the end is what the k-th leaves over.
    out_of_sample = in_sample[::-1]
    every = np.arange(len(in_sample))
    best = in_sample.argmax(axis=1)
    trained, tested = in_sample[every, best], out_of_sample[every, best]
    below = (out_of_sample < tested[:, None]).sum(axis=1)
    equal = (out_of_sample == tested[:, None]).sum(axis=1)
    rank = below + (equal + 1) / 2
    logits = np.log(rank / (in_sample.shape[1] + 1 - rank))
    slope, intercept, r2 = line(trained, tested)
    return Pbo(
        pbo=float((logits <= 0.0).mean()),
        prob_oos_loss=float((tested < 0.0).mean()),
        slope=slope,
        intercept=intercept,
        r2=r2,
        median_logit=float(np.median(logits)),
        logits=[float(value) for value in logits],
    )


def halves(bars: Array, blocks: int) -> Array:
    """Gives the Sharpe ratio a bar of every trial over every half of the history: a row a choice of blocks."""
    chosen = choices(blocks)
    rows, trials = len(bars) // blocks, bars.shape[1]
    if trials < 2 or rows * blocks < 4:
        raise UsageError(f"{len(bars)} bars of {trials} trials are too few for {blocks} blocks")
    parts = bars[len(bars) - rows * blocks :].reshape(blocks, rows, trials)
    means = parts.mean(axis=1)
    within = ((parts - means[:, None]) ** 2).sum(axis=1)
    some = np.array_split(chosen, math.ceil(chosen.shape[0] * trials / AT_ONCE))
    return np.concatenate([merged(taken, means, within, rows) for taken in some])


def merged(chosen: NDArray[np.bool_], means: Array, within: Array, rows: int) -> Array:
    """Gives the Sharpe ratios of merged blocks from the mean and the sum of squares within each, `rows` bars long.

    It goes block by block, column by column: trials with the same returns get the same bits, and stay ties.
    """
    count = chosen.shape[1] // 2
    mean = np.zeros((len(chosen), means.shape[1]))
    squares = np.zeros_like(mean)
    for block, taken in enumerate(chosen.T[:, :, None]):
        mean += taken * (means[block] / count)
    for block, taken in enumerate(chosen.T[:, :, None]):
        squares += taken * (within[block] + rows * (means[block] - mean) ** 2)
    return np.nan_to_num(ratio(mean, np.sqrt(squares / (count * rows - 1))), nan=0.0).round(TIES)


def choices(blocks: int) -> NDArray[np.bool_]:
    """Gives every choice of half of the blocks, a row each, in lexicographic order."""
    chosen = np.zeros((cscv_combinations(blocks), blocks), dtype=np.bool_)
    members = np.array(list(combinations(range(blocks), blocks // 2)))
    np.put_along_axis(chosen, members, True, axis=1)
    return chosen


def line(x: Array, y: Array) -> tuple[float | None, float | None, float | None]:
    """Gives slope, intercept and R² of the least squares line; None where undefined."""
    if x.std() < NO_SPREAD:
        return None, None, None
    dx, dy = x - x.mean(), y - y.mean()
    slope = float((dx * dy).sum() / (dx**2).sum())
    intercept = float(y.mean()) - slope * float(x.mean())
    if y.std() < NO_SPREAD:
        return slope, intercept, None
    return slope, intercept, float((dx * dy).sum() ** 2 / ((dx**2).sum() * (dy**2).sum()))


def parameter_sensitivity(grid: Mapping[str, Sequence[Any]], scores: ArrayLike) -> Sensitivity:
    """Compares the best score of a grid, the first of equals, with its neighbours: one step in one parameter.

    `scores` has one dimension a parameter, in the order of `grid`. UsageError where the shapes differ. Our own
    definition.
    """
    values = series(scores, dimensions=len(grid))
    if values.size == 0 or values.shape != tuple(len(steps) for steps in grid.values()):
        raise UsageError("the scores must have one value for each point of the grid")
    at = tuple(int(i) for i in np.unravel_index(values.argmax(), values.shape))
    near = np.array([values[point] for point in neighbours(at, values.shape)])
    best_score = float(values[at])
    comparable = near.size > 0 and best_score > 0.0
    degradation = 1.0 - float(near.mean()) / best_score if comparable else None
    return Sensitivity(
        best={name: steps[i] for i, (name, steps) in zip(at, grid.items(), strict=True)},
        best_score=best_score,
        n_neighbours=near.size,
        neighbour_mean=float(near.mean()) if near.size else None,
        degradation=degradation,
        plateau_ratio=float((np.round(near / best_score, DECIMALS) >= PLATEAU).mean()) if comparable else None,
        fragile=None if degradation is None else round(degradation, DECIMALS) > FRAGILE,
    )


def neighbours(at: tuple[int, ...], sizes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Gives the points of a grid that are one step away in exactly one direction."""
    for axis, size in enumerate(sizes):
        for moved in (at[axis] - 1, at[axis] + 1):
            if 0 <= moved < size:
                yield (*at[:axis], moved, *at[axis + 1 :])
