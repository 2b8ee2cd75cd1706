"""What holds for any resampling."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DirtyInput, UsageError
from engine.statistics.bootstrap import (
    bootstrap_ci,
    bootstrap_mean_ci,
    draws,
    means,
    optimal_block_length,
    stationary_bootstrap_se_mean,
)
from engine.statistics.moments import sharpes

quick = settings(max_examples=40, deadline=None)
SAMPLES = st.lists(st.integers(-500, 500).map(lambda bps: bps / 1e4), min_size=2, max_size=40)


def chance(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def autoregressive(n: int, memory: float, seed: int) -> np.ndarray:
    values = chance(seed).normal(0.0, 0.01, n)
    for i in range(1, n):
        values[i] += memory * values[i - 1]
    return values


@quick
@given(SAMPLES, st.integers(0, 100), st.sampled_from([1.0, 4.0]))
def test_the_same_seed_gives_the_same_intervals(sample: list[float], seed: int, mean_block: float) -> None:
    first, second = (bootstrap_ci(sample, means, chance(seed), resamples=300, mean_block=mean_block) for _ in range(2))
    assert first == second


@quick
@given(SAMPLES, st.integers(0, 100))
def test_intervals_stay_in_order_and_percentiles_within_the_sample(sample: list[float], seed: int) -> None:
    found = bootstrap_ci(sample, means, chance(seed), resamples=300)
    assert found.percentile is not None
    assert min(sample) - 1e-12 <= found.percentile[0] <= found.percentile[1] <= max(sample) + 1e-12
    assert found.bca is None or found.bca[0] <= found.bca[1]


@quick
@given(SAMPLES, st.integers(0, 100))
def test_a_basic_interval_is_the_percentile_one_mirrored_at_the_estimate(sample: list[float], seed: int) -> None:
    found = bootstrap_ci(sample, means, chance(seed), resamples=300)
    assert found.basic is not None
    assert found.percentile is not None
    assert math.isclose(sum(found.basic) + sum(found.percentile), 4.0 * found.estimate, abs_tol=1e-12)


def test_large_samples_are_drawn_in_parts() -> None:
    parts = list(draws(300_000, chance(), resamples=7, mean_block=50.0))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert all(part.min() >= 0 and part.max() < 300_000 for part in parts)


def test_blocks_run_on_around_the_end_and_are_as_long_as_said() -> None:
    (drawn,) = draws(500, chance(), resamples=400, mean_block=10.0)
    runs_on = (np.diff(drawn, axis=1) % 500) == 1
    assert 1.0 / (1.0 - runs_on.mean()) == pytest.approx(10.0, rel=0.05)
    assert ((drawn[:, :-1] == 499) & (drawn[:, 1:] == 0)).any()


def test_a_very_small_sample_is_not_left_to_chance() -> None:
    assert sum(len(part) for part in draws(3, chance(), resamples=10, mean_block=1.0)) == 27
    first, second = (bootstrap_mean_ci([1.0, 2.0, 6.0], [0.1, 0.9], chance(seed)) for seed in (1, 2))
    assert first == second


@pytest.mark.parametrize("mean_block", [1.0, 3.0, 8.0])
def test_drawing_blocks_converges_to_the_closed_form(mean_block: float) -> None:
    returns = autoregressive(300, 0.6, seed=5)
    drawn = bootstrap_ci(returns, means, chance(), resamples=20_000, mean_block=mean_block)
    assert drawn.se == pytest.approx(stationary_bootstrap_se_mean(returns, mean_block), rel=0.03)


def test_blocks_of_one_have_the_error_of_independent_draws() -> None:
    sample = chance(3).normal(size=50)
    assert stationary_bootstrap_se_mean(sample, 1.0) == pytest.approx(sample.std() / math.sqrt(50), rel=1e-12)


def test_blocks_leave_no_bca() -> None:
    found = bootstrap_ci(autoregressive(60, 0.5, 1), means, chance(), resamples=200, mean_block=5.0)
    assert found.bca is None
    assert found.percentile is not None


def test_ninety_percent_intervals_hold_the_truth_about_nine_times_in_ten() -> None:
    held = 0
    for seed in range(300):
        found = bootstrap_ci(chance(seed).normal(0.0, 1.0, 40), means, chance(seed), level=0.9, resamples=400)
        assert found.bca is not None
        held += found.bca[0] <= 0.0 <= found.bca[1]
    assert 0.83 <= held / 300 <= 0.95


def test_a_longer_memory_asks_for_longer_blocks() -> None:
    lengths = [optimal_block_length(autoregressive(2000, memory, seed=7)) for memory in (0.0, 0.5, 0.9)]
    assert lengths[0].stationary < lengths[1].stationary < lengths[2].stationary
    assert lengths[2].circular == pytest.approx(1.5 ** (1 / 3) * lengths[2].stationary)


def test_a_trend_takes_the_longest_block_allowed() -> None:
    found = optimal_block_length(np.arange(90.0))
    assert found is not None
    assert found.stationary <= math.ceil(3 * math.sqrt(90))


@pytest.mark.parametrize("returns", [[], [0.01], [0.01] * 100, [0.01, -0.02, 0.03] * 3])
def test_no_block_length_without_lags_or_variation(returns: list[float]) -> None:
    assert optimal_block_length(returns) is None


def test_nothing_gives_nothing() -> None:
    assert set(bootstrap_ci([], means, chance())) == {None}
    assert bootstrap_mean_ci([], [0.5], chance()) is None
    assert stationary_bootstrap_se_mean([], 5.0) is None


def test_one_value_or_a_constant_is_sure_of_itself() -> None:
    assert bootstrap_ci([0.25], means, chance()).percentile == (0.25, 0.25)
    found = bootstrap_ci([0.25] * 20, means, chance(), resamples=100)
    assert (found.se, found.percentile, found.bca) == (0.0, (0.25, 0.25), None)


def test_a_statistic_without_a_value_has_no_interval() -> None:
    assert set(bootstrap_ci([0.01] * 20, sharpes, chance(), resamples=100)) == {None}


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(UsageError, match="level"):
        bootstrap_ci([1.0, 2.0], means, chance(), level=1.0)
    with pytest.raises(UsageError, match="mean_block"):
        bootstrap_ci([1.0, 2.0], means, chance(), mean_block=0.5)
    with pytest.raises(UsageError, match="resamples"):
        bootstrap_ci([1.0, 2.0], means, chance(), resamples=0)
    with pytest.raises(UsageError, match="list of observations"):
        bootstrap_ci(1.0, means, chance())
    with pytest.raises(DirtyInput, match="finite"):
        bootstrap_ci([1.0, math.inf], means, chance())
