"""What holds for any Sharpe ratio, any trials and any grid."""

import math
import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DirtyInput, UsageError
from engine.statistics.overfitting import (
    cscv_combinations,
    deflated_sharpe,
    expected_max_sharpe,
    halves,
    min_backtest_length,
    min_track_record,
    parameter_sensitivity,
    pbo_cscv,
    probabilistic_sharpe,
    probabilistic_sharpe_returns,
    shape,
    sharpe_stderr,
)
from engine.statistics.performance import sharpe

quick = settings(max_examples=60, deadline=None)
SHARPES = st.floats(-0.5, 0.5)
SKEWS = st.floats(-2.0, 2.0)


def noise(bars: int, trials: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 0.01, (bars, trials))


@quick
@given(SHARPES, SHARPES, st.integers(2, 5000), SKEWS, st.floats(5.5, 20.0))
def test_a_probabilistic_sharpe_is_a_probability(
    sr: float, benchmark: float, n_bars: int, skew: float, kurtosis: float
) -> None:
    psr = probabilistic_sharpe(sr, benchmark, n_bars, skew, kurtosis)
    assert psr is not None
    assert 0.0 <= psr <= 1.0
    assert (psr > 0.5) <= (sr > benchmark)


@quick
@given(st.floats(0.02, 0.5), SKEWS, st.floats(5.5, 20.0), st.floats(0.01, 0.4))
def test_the_shortest_track_record_is_just_long_enough(sr: float, skew: float, kurtosis: float, alpha: float) -> None:
    bars = min_track_record(sr, 0.0, skew, kurtosis, alpha)
    assert bars is not None
    enough, short = math.ceil(bars), math.floor(bars)
    assert probabilistic_sharpe(sr, 0.0, max(enough, 2), skew, kurtosis) >= 1.0 - alpha - 1e-9
    if short > 1:
        assert probabilistic_sharpe(sr, 0.0, short, skew, kurtosis) <= 1.0 - alpha + 1e-9


@quick
@given(st.integers(1, 10_000), st.integers(1, 10_000))
def test_more_trials_expect_a_larger_best_and_deflate_more(a: int, b: int) -> None:
    fewer, more = sorted((a, b))
    assert expected_max_sharpe(fewer) <= expected_max_sharpe(more)
    dsr = [deflated_sharpe(0.1, 500, 0.0, 3.0, n, 0.001).dsr for n in (fewer, more)]
    assert dsr[0] >= dsr[1]


def test_the_expected_maximum_of_a_trial_more_than_one_can_count_is_finite() -> None:
    assert 8.0 < expected_max_sharpe(10**17) < 9.0


@quick
@given(st.lists(st.integers(-500, 500).map(lambda bps: bps / 1e4), min_size=2, max_size=60))
def test_skew_and_kurtosis_are_possible_together(returns: list[float]) -> None:
    figures = shape(returns)
    if figures is not None:
        assert figures.kurtosis >= figures.skew**2 + 1.0 - 1e-9
        assert figures.sr == sharpe(returns)


@pytest.mark.parametrize("returns", [[], [0.01], [0.01] * 50])
def test_returns_that_do_not_vary_prove_nothing(returns: list[float]) -> None:
    assert shape(returns) is None
    assert probabilistic_sharpe_returns(returns) is None


def test_what_is_undefined_is_none() -> None:
    assert sharpe_stderr(0.1, 1) is None
    assert sharpe_stderr(1.0, 100, skew=3.0, kurtosis=1.0) is None
    assert min_track_record(0.1, 0.1) is None
    assert min_track_record(0.05, 0.1) is None
    assert min_backtest_length(45, 0.0) is None
    assert min_backtest_length(1) == 0.0


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(UsageError, match="n_trials"):
        expected_max_sharpe(0)
    with pytest.raises(UsageError, match="var_sr"):
        deflated_sharpe(0.1, 100, 0.0, 3.0, 10, -0.1)
    with pytest.raises(UsageError, match="alpha"):
        min_track_record(0.1, alpha=1.0)
    for blocks in (0, 1, 7):
        with pytest.raises(UsageError, match="even number"):
            pbo_cscv(noise(100, 3, 0), blocks)
    with pytest.raises(UsageError, match="too few"):
        pbo_cscv(noise(100, 1, 0), 4)
    with pytest.raises(UsageError, match="too few"):
        pbo_cscv(noise(3, 5, 0), 4)
    with pytest.raises(UsageError, match="dimension"):
        pbo_cscv([0.1, 0.2], 4)
    with pytest.raises(DirtyInput, match="finite"):
        pbo_cscv(np.full((100, 3), np.nan), 4)


@quick
@given(st.integers(0, 1000), st.sampled_from([2, 4, 6]), st.integers(2, 5), st.integers(0, 5))
def test_block_sums_give_the_sharpes_of_the_rows(seed: int, blocks: int, trials: int, remainder: int) -> None:
    bars = noise(blocks * 6 + remainder % blocks, trials, seed)
    kept = bars[len(bars) % blocks :].reshape(blocks, -1, trials)
    rows = [np.concatenate(kept[list(chosen)]) for chosen in combinations(range(blocks), blocks // 2)]
    expected = [[sharpe(half[:, trial]) for trial in range(trials)] for half in rows]
    found = halves(bars, blocks)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    rest = [
        np.concatenate([kept[i] for i in range(blocks) if i not in chosen])
        for chosen in combinations(range(blocks), blocks // 2)
    ]
    opposite = [[sharpe(half[:, trial]) for trial in range(trials)] for half in rest]
    np.testing.assert_allclose(found[::-1], opposite, rtol=1e-9, atol=1e-12)


def test_pure_noise_is_overfit_every_second_time() -> None:
    shares = [pbo_cscv(noise(240, 10, seed), 8).pbo for seed in range(150)]
    assert abs(float(np.mean(shares)) - 0.5) < 0.06


def test_a_trial_that_is_truly_better_is_not_overfit() -> None:
    bars = noise(400, 10, 1)
    bars[:, 3] += 0.01
    assert pbo_cscv(bars, 10).pbo == 0.0


def test_the_same_trial_many_times_is_the_middle_of_its_kind() -> None:
    same = np.repeat(noise(120, 1, 4), 7, axis=1)
    found = pbo_cscv(same, 6)
    assert set(found.logits) == {0.0}
    assert found.pbo == 1.0


def test_the_same_returns_in_another_order_stay_ties() -> None:
    rng = np.random.default_rng(5)
    bars = np.repeat(rng.choice([-0.1, 0.0, 0.1, 0.3], (96, 1)), 5, axis=1)
    for block in np.split(bars, 8):
        for column in block.T:
            rng.shuffle(column)
    assert set(pbo_cscv(bars, 8).logits) == {0.0}


@pytest.mark.parametrize("level", [0.0, 0.0001, 0.1])
def test_a_trial_that_does_not_vary_has_the_sharpe_zero(level: float) -> None:
    bars = noise(96, 4, 2)
    bars[:, 1] = level
    assert set(halves(bars, 8)[:, 1]) == {0.0}


def test_a_trial_that_rests_in_half_of_the_history_has_the_sharpe_zero_there() -> None:
    bars = noise(96, 3, 2)
    bars[:48, 1] = 0.0001
    assert halves(bars, 2)[0, 1] == 0.0


def test_trials_that_never_vary_have_no_line() -> None:
    found = pbo_cscv(np.zeros((40, 3)), 4)
    assert (found.slope, found.intercept, found.r2, found.prob_oos_loss) == (None, None, None, 0.0)


def test_a_hundred_trials_of_a_thousand_bars_take_well_under_a_second_or_two() -> None:
    bars = noise(1000, 100, 3)
    begin = time.perf_counter()
    assert len(pbo_cscv(bars, 16).logits) == cscv_combinations(16) == 12_870
    assert time.perf_counter() - begin < 2.0


def test_a_lonely_peak_is_fragile() -> None:
    found = parameter_sensitivity({"fast": [1, 2, 3]}, [0.5, 1.0, 0.6])
    assert found.best == {"fast": 2}
    assert found.degradation == pytest.approx(0.45)
    assert (found.fragile, found.plateau_ratio, found.n_neighbours) == (True, 0.0, 2)


def test_thresholds_do_not_miss_by_a_bit() -> None:
    found = parameter_sensitivity({"a": [1, 2]}, [1.1, 0.77])
    assert found.fragile is False
    assert parameter_sensitivity({"a": [1, 2]}, [1.1, 0.88]).plateau_ratio == 1.0


@pytest.mark.parametrize("scores", [[0.0, -1.0], [-2.0, -1.0]])
def test_a_best_score_that_is_not_above_zero_has_no_degradation(scores: list[float]) -> None:
    found = parameter_sensitivity({"a": [1, 2]}, scores)
    assert found.best_score == max(scores)
    assert (found.degradation, found.plateau_ratio, found.fragile) == (None, None, None)


def test_a_grid_of_one_point_has_no_neighbours() -> None:
    found = parameter_sensitivity({"a": [1], "b": [2]}, [[3.0]])
    assert (found.n_neighbours, found.neighbour_mean, found.degradation, found.fragile) == (0, None, None, None)


@pytest.mark.parametrize("scores", [[], [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_scores_that_do_not_fit_the_grid_are_refused(scores: list[float]) -> None:
    with pytest.raises(UsageError):
        parameter_sensitivity({"a": [1, 2]}, scores)
