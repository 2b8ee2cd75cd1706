"""Judging a sweep: is its best trial more than the luck of having tried often? Pure functions of returns and scores."""

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from engine.runs.backtest.account import DAILY_FROM
from engine.statistics.moments import known, series, sharpes
from engine.statistics.overfitting import DECIMALS, FRAGILE, PLATEAU, deflated_sharpe, pbo_cscv, shape
from engine.statistics.performance import performance, trade_stats
from engine.statistics.walkforward import Efficiency, Window, walk_forward, walk_forward_efficiency

HOURS_A_YEAR = 8760
#: A shorter stretch says nothing of a year.
HOURS_FOR_A_YEAR = 24 * DAILY_FROM
OBJECTIVES = ("sharpe", "net_profit", "calmar", "profit_factor")
#: What a winner must reach.
MIN_TRADES, MIN_DSR, MAX_PBO = 30, 0.95, 0.5
#: Trials that hardly differ share their luck, and their spread does not show it: for a second look the spread is at
#: least this share of what chance alone gives unrelated trials. OURS: noise of correlation 0.95 passed too often.
LEAST_SPREAD = 0.25
#: CSCV cuts the history into so many blocks at most; fewer where there are few hours, or very many trials.
_BLOCKS, _BLOCK_ROWS, _MOST_RATIOS = 16, 2, 20_000_000


class Series(NamedTuple):
    """A trial's hourly returns, and its trades: the hour of closing, as an index into the returns, and the profit."""

    returns: Sequence[float]
    trades: Sequence[tuple[int, float]]


class Round(NamedTuple):
    """One window of a walk-forward: the trial picked in sample (None where none had a score), and what it made in and
    out of sample: its whole return, and its mean return an hour, as fractions.
    """

    window: Window
    picked: int | None
    trained: float
    tested: float
    trained_an_hour: float
    tested_an_hour: float


class WalkForward(NamedTuple):
    """All windows; `oos_return` is what the picks made out of sample, one after the other, as a fraction."""

    rounds: list[Round]
    efficiency: Efficiency
    oos_return: float


class Judgement(NamedTuple):
    """What speaks for the best trial. `reasons` say why it is not recommended; none where it is.

    `n_trials` counts every trial of the study. `sr` and `sr0` are Sharpe ratios an hour: that of the best, and what
    the best of so many reaches by luck. `dsr_cautious` takes a spread of at least LEAST_SPREAD. `degradation` is what
    its neighbours lose against it, `plateau` the share of them with at least 0.8 of its score.
    """

    recommended: bool
    reasons: list[str]
    n_trials: int
    trades: int
    sr: float | None
    sr0: float | None
    dsr: float | None
    dsr_cautious: float | None
    pbo: float | None
    pbo_blocks: int | None
    prob_oos_loss: float | None
    neighbours: int
    degradation: float | None
    plateau: float | None
    fragile: bool | None
    oos_return: float | None


def score_of(objective: str, part: Series) -> float | None:
    """Gives the objective of a stretch of hours; `net_profit` as the return that it made.

    There is no Calmar of a stretch that is too short for a rate a year.
    """
    if objective == "profit_factor":
        return trade_stats([profit for _, profit in part.trades]).profit_factor
    if objective == "net_profit":
        return float(np.prod(1.0 + series(part.returns))) - 1.0
    made = performance(part.returns, HOURS_A_YEAR)
    if objective == "sharpe":
        return made.sharpe
    return made.calmar if len(part.returns) >= HOURS_FOR_A_YEAR else None


def cut(whole: Series, begin: int, end: int) -> Series:
    """Gives the hours [begin, end) of a trial."""
    return Series(whole.returns[begin:end], [one for one in whole.trades if begin <= one[0] < end])


def windows(hours: int, folds: int) -> list[Window]:
    """Gives so many windows: tests of equal length one after the other to the end, each after twice as long a training.

    None where the history is too short. A position that is open between two windows is marked there, so nothing of a
    test is known in its training, and no purge is needed.
    """
    test = hours // (folds + 2)
    return walk_forward(hours, hours - folds * test, test, test) if test > 0 else []


def walk(trials: Sequence[Series], objective: str, folds: int) -> WalkForward:
    """Picks the trial that is best in each training, the first of equals, and looks at it in the test that follows."""
    hours = len(trials[0].returns) if trials else 0
    rounds = [_round(trials, objective, window) for window in windows(hours, folds)]
    trained = [one.trained_an_hour * HOURS_A_YEAR for one in rounds]
    tested = [one.tested_an_hour * HOURS_A_YEAR for one in rounds]
    return WalkForward(
        rounds,
        walk_forward_efficiency(trained, tested),
        float(np.prod([1.0 + one.tested for one in rounds])) - 1.0,
    )


def _round(trials: Sequence[Series], objective: str, window: Window) -> Round:
    scores = [score_of(objective, cut(one, *window.train)) for one in trials]
    picked = best_of(scores)
    if picked is None:
        return Round(window, None, 0.0, 0.0, 0.0, 0.0)
    parts = [series(cut(trials[picked], *part).returns) for part in window]
    trained, tested = (float(np.prod(1.0 + part)) - 1.0 for part in parts)
    return Round(window, picked, trained, tested, *(float(part.mean()) for part in parts))


def best_of(scores: Sequence[float | None]) -> int | None:
    """Gives the index of the highest score, the first of equals; None where there is none."""
    ranked = [(score, -i) for i, score in enumerate(scores) if score is not None]
    return -max(ranked)[1] if ranked else None


def judge(
    returns: ArrayLike, best: int, *, n_trials: int, trades: int, score: float, near: Sequence[float | None],
    oos_return: float | None = None, folds: int = 0,
) -> Judgement:  # fmt: skip
    """Judges the best trial. `returns` has a row an hour and a column a trial, `best` is its column.

    `near` are the scores of its neighbours (None, a trial without a score, counts as nothing), `oos_return` what the
    picks of a walk-forward made out of sample, where one of `folds` was asked for.
    """
    matrix = series(returns, dimensions=2)
    sr, sr0, dsr, cautious = _deflated(matrix, best, n_trials)
    blocks = _blocks(*matrix.shape)
    pbo = pbo_cscv(matrix, blocks) if blocks else None
    degradation, plateau = _around(score, near)
    fragile = None if degradation is None else degradation > FRAGILE
    made = Judgement(
        False, [], n_trials, trades, sr, sr0, dsr, cautious, pbo.pbo if pbo else None, blocks,
        pbo.prob_oos_loss if pbo else None, len(near), degradation, plateau, fragile, oos_return,
    )  # fmt: skip
    reasons = _against(made, score, folds)
    return made._replace(recommended=not reasons, reasons=reasons)


def _deflated(
    matrix: "np.typing.NDArray[np.float64]", best: int, n_trials: int
) -> tuple[float | None, float | None, float | None, float | None]:
    figures = shape(matrix[:, best])
    if figures is None:
        return None, None, None, None
    every = [value for value in map(known, sharpes(matrix.T)) if value is not None]
    spread = float(np.var(every, ddof=1)) if len(every) > 1 else 0.0
    made, cautious = (
        deflated_sharpe(figures.sr, len(matrix), figures.skew, figures.kurtosis, n_trials, one)
        for one in (spread, max(spread, LEAST_SPREAD / (len(matrix) - 1)))
    )
    return figures.sr, made.sr0, made.dsr, cautious.dsr


def _blocks(rows: int, trials: int) -> int | None:
    """Gives the number of blocks for CSCV; None where there is too little for any."""
    if trials < 2:
        return None
    fitting = (
        n for n in range(_BLOCKS, 2, -2) if rows // n >= _BLOCK_ROWS and comb(n, n // 2) * trials <= _MOST_RATIOS
    )
    return next(fitting, None)


def _around(score: float, near: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Compares the best with its neighbours as `engine.statistics.overfitting.parameter_sensitivity` does on a grid."""
    if score <= 0.0 or not near:
        return None, None
    shares = [round((one or 0.0) / score, DECIMALS) for one in near]
    return round(1.0 - sum(shares) / len(shares), DECIMALS), sum(one >= PLATEAU for one in shares) / len(shares)


def _against(made: Judgement, score: float, folds: int) -> list[str]:
    reasons = []
    if made.trades < MIN_TRADES:
        reasons.append(f"{made.trades} trades are fewer than {MIN_TRADES}")
    if score <= 0.0:
        reasons.append(f"its score {score:.4g} is not above zero")
    if made.dsr is None:
        reasons.append("its returns do not vary, so there is no deflated Sharpe ratio")
    elif made.dsr < MIN_DSR:
        reasons.append(f"deflated Sharpe ratio {made.dsr:.4f} after {made.n_trials} trials is below {MIN_DSR}")
    elif (made.dsr_cautious or 0.0) < MIN_DSR:
        reasons.append(
            f"trials so alike share their luck: deflated Sharpe ratio {made.dsr_cautious or 0.0:.4f} at best"
        )
    if made.pbo is None:
        reasons.append("too few trials or hours for a probability of overfitting")
    elif made.pbo >= MAX_PBO:
        reasons.append(f"probability of overfitting {made.pbo:.4f} is not below {MAX_PBO}")
    if made.fragile:
        reasons.append(f"fragile: its neighbours lose {100 * (made.degradation or 0):.1f} % of its score")
    elif made.fragile is None and score > 0.0:
        reasons.append("it has no neighbours to compare it with")
    if folds and (made.oos_return is None or made.oos_return <= 0.0):
        lost = "is unknown" if made.oos_return is None else f"{100 * made.oos_return:.2f} % is not above zero"
        reasons.append(f"out-of-sample return of {folds} folds {lost}")
    return reasons
