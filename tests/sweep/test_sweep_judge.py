"""The judgement of a sweep on returns whose truth is known."""

import numpy as np
import pytest

from engine.runs.sweep.judge import Judgement, Series, best_of, cut, judge, score_of, walk, windows

HOURS, SIDE = 720, 5


def judged(seed: int, edge: float = 0.0, shared: float = 0.0, oos: float | None = None) -> Judgement:
    """Judges 5 x 5 trials of a month; `edge` is their mean return in deviations, `shared` their correlation."""
    chance = np.random.default_rng(seed)
    noise = chance.standard_normal((HOURS, SIDE * SIDE))
    common = chance.standard_normal((HOURS, 1))
    returns = 0.01 * (edge + np.sqrt(shared) * common + np.sqrt(1 - shared) * noise)
    scores = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    best = int(scores.argmax())
    row, column = divmod(best, SIDE)
    beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    near = [scores[r * SIDE + c].item() for r, c in beside if 0 <= r < SIDE and 0 <= c < SIDE]
    return judge(
        returns, best, n_trials=SIDE * SIDE, trades=100, score=scores[best].item(), near=near, oos_return=oos,
        folds=0 if oos is None else 4,
    )  # fmt: skip


@pytest.mark.parametrize("shared", [0.0, 0.5, 0.95])
def test_noise_is_recommended_at_most_once_in_twenty(shared: float) -> None:
    wrong = sum(judged(seed, shared=shared).recommended for seed in range(60))
    assert wrong <= 3


def edged(**changed: float) -> Judgement:
    """Judges trials that differ in skill, the best and its neighbours most."""
    chance = np.random.default_rng(3)
    skill = np.array([0.02, 0.1, 0.28, 0.3, 0.28, 0.1])
    returns = 0.01 * (skill + chance.standard_normal((2000, 6)))
    scores = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    best = int(scores.argmax())
    given = {"n_trials": 6, "trades": 100, "near": [scores[best].item() * 0.9] * 2, **changed}
    return judge(returns, best, score=scores[best].item(), **given)  # type: ignore[arg-type]


def test_skill_is_recommended() -> None:
    made = edged()
    assert made.recommended, made.reasons
    assert made.reasons == []


def test_each_doubt_has_its_reason() -> None:
    made = edged(trades=29, near=[0.0], folds=4, oos_return=-0.01)
    assert not made.recommended
    assert [reason.split(":")[0] for reason in made.reasons] == [
        "29 trades are fewer than 30", "fragile", "out-of-sample return of 4 folds -1.00 % is not above zero",
    ]  # fmt: skip


def test_folds_that_could_not_be_walked_are_no_gain() -> None:
    assert edged(folds=4).reasons == ["out-of-sample return of 4 folds is unknown"]


def test_one_trial_alone_is_never_recommended() -> None:
    returns = 0.01 * (0.5 + np.random.default_rng(0).standard_normal((500, 1)))
    made = judge(returns, 0, n_trials=1, trades=100, score=1.0, near=[])
    assert made.pbo is None
    assert len(made.reasons) == 2


def test_every_trial_made_counts_against_the_best() -> None:
    few, many = edged(n_trials=6).dsr, edged(n_trials=6000).dsr
    assert few is not None and many is not None
    assert many < few


def test_windows_follow_one_another_to_the_end() -> None:
    made = windows(101, 3)
    assert [one.test for one in made] == [(41, 61), (61, 81), (81, 101)]
    assert [one.train for one in made] == [(0, 41), (20, 61), (40, 81)]
    assert windows(4, 3) == []


def test_a_pick_knows_nothing_of_its_test() -> None:
    early = Series([0.01, 0.02] * 20 + [-0.01, -0.02] * 10, [])
    late = Series([-0.01, -0.02] * 20 + [0.01, 0.02] * 10, [])
    made = walk([late, early], "sharpe", 1)
    assert [one.picked for one in made.rounds] == [1]
    assert made.oos_return == pytest.approx((0.99 * 0.98) ** 10 - 1)
    assert made.efficiency.oos_positive_share == 0.0


def test_objectives_of_a_stretch() -> None:
    part = cut(Series([0.5, 0.1, -0.1, 0.5], [(0, 9.0), (1, 2.0), (2, -1.0), (3, 9.0)]), 1, 3)
    assert score_of("net_profit", part) == pytest.approx(1.1 * 0.9 - 1)
    assert score_of("profit_factor", part) == 2.0
    assert score_of("sharpe", part) == pytest.approx(0.0, abs=1e-9)
    assert score_of("calmar", Series([0.1, 0.1], [])) is None


def test_the_first_of_equals_is_the_best() -> None:
    assert best_of([None, 1.0, 2.0, 2.0]) == 2
    assert best_of([None]) is None
