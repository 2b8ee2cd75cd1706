"""The pure figures of an evaluation: noise predicts nothing, a planted signal is found, a slow count agrees."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.statistics.forward import (
    LEAST_OBSERVATIONS,
    Estimate,
    Predicted,
    Sample,
    fit,
    forward_returns,
    market_returns,
    predicted,
    rank_correlations,
    split,
)

MINUTE = 60_000
CYCLES, SYMBOLS, RANKED, AHEAD = 240, 8, 4, 5


def simulated(seed: int, signal: float = 0.0) -> Predicted:
    """A market of random walks that move together; persistent scores, the top four of eight ranked each cycle."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.01, (SYMBOLS, CYCLES + AHEAD + 1)) + rng.normal(0.0, 0.01, CYCLES + AHEAD + 1)
    scores = np.empty((SYMBOLS, CYCLES))
    scores[:, 0] = rng.normal(size=SYMBOLS)
    for t in range(1, CYCLES):
        scores[:, t] = 0.9 * scores[:, t - 1] + math.sqrt(0.19) * rng.normal(size=SYMBOLS)
    steps[:, 1 : CYCLES + 1] += signal * scores
    times = MINUTE * np.arange(CYCLES + AHEAD + 1)
    prices = np.exp(np.cumsum(steps, axis=1))
    returns = np.vstack([forward_returns(times, one, times[:CYCLES], AHEAD * MINUTE) for one in prices])
    mean, median = market_returns(returns)
    symbol = np.argsort(-scores, axis=0)[:RANKED].T.ravel()
    cycle = np.repeat(np.arange(CYCLES), RANKED)
    heat = {"heat": np.clip(50.0 + 20.0 * scores[symbol, cycle], 0.0, 100.0)}
    sample = Sample(cycle, heat, returns[symbol, cycle], mean[cycle], median[cycle])
    return predicted(sample, AHEAD, np.random.default_rng(seed))[0]


def holds(one: Estimate | None, truth: float) -> bool:
    assert one is not None
    return one.low <= truth <= one.high


def test_of_noise_about_nineteen_of_twenty_intervals_hold_nothing() -> None:
    made = [simulated(seed) for seed in range(100)]
    # 95 % of 100, within three standard errors of 2.2.
    assert sum(holds(one.lift, 0.0) for one in made) >= 88
    assert sum(holds(one.hit, 0.5) for one in made) >= 88
    assert sum(holds(one.ic, 0.0) for one in made) >= 88
    assert sum(holds(one.lift, 0.0) for one in made) < 100  # wide beyond use would hold always


def test_a_planted_signal_is_found() -> None:
    for seed in range(5):
        found = simulated(seed, signal=0.004)
        assert found.lift is not None and found.lift.low > 0.0
        assert found.hit is not None and found.hit.low > 0.5
        assert found.ic is not None and found.ic.value > 0.0


def test_the_same_seed_gives_the_same_intervals() -> None:
    assert simulated(3) == simulated(3)


def test_a_rising_market_flatters_nobody() -> None:
    rng = np.random.default_rng(1)
    cycle = np.repeat(np.arange(200), 4)
    market = np.full(800, 0.02)
    sample = Sample(cycle, {"heat": np.full(800, 50.0)}, market + rng.normal(0.0, 1e-4, 800), market, market)
    found = predicted(sample, 1.0, rng)[0]
    assert found.mean is not None and found.mean.low > 0.0199
    assert found.lift is not None and abs(found.lift.value) < 2e-5


def test_few_observations_are_not_enough() -> None:
    few = np.arange(LEAST_OBSERVATIONS - 1)
    nothing = np.zeros(few.size)
    found = predicted(Sample(few, {"heat": nothing}, nothing, nothing, nothing), 1.0, np.random.default_rng(0))[0]
    assert (found.observations, found.mean, found.ic) == (LEAST_OBSERVATIONS - 1, None, None)


def test_nothing_observed_is_not_enough() -> None:
    nothing = np.array([])
    sample = Sample(np.array([], dtype=np.int64), {"heat": nothing}, nothing, nothing, nothing)
    assert {(one.observations, one.lift) for one in predicted(sample, 3.0, np.random.default_rng(0))} == {(0, None)}


def test_many_observations_within_a_few_horizons_are_not_enough() -> None:
    cycle = np.repeat(np.arange(90), 4)
    nothing = np.zeros(cycle.size)
    sample = Sample(cycle, {"heat": nothing}, nothing, nothing, nothing)
    assert predicted(sample, 10.0, np.random.default_rng(0))[0].lift is None
    assert predicted(sample, 9.0, np.random.default_rng(0))[0].lift is not None


def test_a_price_is_the_first_at_or_after_an_instant_and_not_much_later() -> None:
    times = np.array([0, 60_000, 300_000, 360_000])
    prices = np.array([1.0, 2.0, 3.0, 4.0])
    asked = np.array([0, 1, 60_000, 120_000, 300_000, 400_000])
    got = forward_returns(times, prices, asked, 300_000)
    # 120,000 has no price of its own within a minute, 300,000 none five minutes later, 400,000 none at all.
    np.testing.assert_array_equal(got, [2.0, 1.0, 1.0, math.nan, math.nan, math.nan])


def test_the_market_is_its_mean_and_median_over_what_has_a_return() -> None:
    mean, median = market_returns(np.array([[1.0, math.nan, 1.0], [2.0, 5.0, math.nan], [6.0, 7.0, math.nan]]))
    np.testing.assert_array_equal(mean, [3.0, 6.0, math.nan])
    np.testing.assert_array_equal(median, [2.0, 6.0, math.nan])


def slow_spearman(first: list[float], second: list[float]) -> float:
    """Pearson's correlation of ranks counted one by one."""
    if len(first) < 3:
        return math.nan
    ranks = [[sum(y < x for y in side) + sum(y == x for y in side) / 2.0 for x in side] for side in (first, second)]
    a, b = (np.array(rank) - np.mean(rank) for rank in ranks)
    spread = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / spread if spread > 0.0 else math.nan


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40))
def test_rank_correlations_are_those_counted_one_by_one(rows: list[tuple[int, int, int]]) -> None:
    groups, first, second = (np.array(column) for column in zip(*rows, strict=True))
    got = rank_correlations(groups, first.astype(float), second.astype(float), 5)
    for group in range(5):
        here = [(float(x), float(y)) for one, x, y in rows if one == group]
        wanted = slow_spearman([x for x, _ in here], [y for _, y in here])
        assert got[group] == pytest.approx(wanted, abs=1e-12, nan_ok=True)


@given(
    st.decimals("-1e9", "1e9", places=8),
    st.dictionaries(st.sampled_from("abcdef"), st.floats(0.001, 100.0), min_size=1),
)
def test_the_parts_of_an_amount_sum_to_it_exactly(amount: Decimal, points: dict[str, float]) -> None:
    parts = split(amount, points)
    assert parts is not None and sum(parts.values()) == amount
    for name, part in parts.items():
        assert float(part) == pytest.approx(float(amount) * points[name] / sum(points.values()), abs=1e-6)


def test_an_amount_without_points_is_not_split() -> None:
    assert split(Decimal(1), {"a": 0.0}) is None


def test_a_fit_left_out_is_that_of_fits_without_each_observation() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(2, 40))
    y = 2.0 * x[0] - x[1] + rng.normal(size=40)
    got = fit([list(x[0]), list(x[1])], list(y))
    assert got is not None
    missed, around = 0.0, 0.0
    for out in range(40):
        kept = np.arange(40) != out
        base = np.column_stack([np.ones(39), x[0][kept], x[1][kept]])
        found = np.linalg.lstsq(base, y[kept], rcond=None)[0]
        missed += float((y[out] - found @ [1.0, x[0][out], x[1][out]]) ** 2)
        around += float((y[out] - y[kept].mean()) ** 2)
    assert got.r2_left_out == pytest.approx(1.0 - missed / around)
    assert got.r2 > got.r2_left_out > 0.5


def test_a_fit_on_noise_predicts_nothing_and_a_repeated_column_does_no_harm() -> None:
    rng = np.random.default_rng(5)
    noise = [list(rng.normal(size=60)) for _ in range(4)]
    got = fit([noise[0], noise[1], noise[0]], noise[3])
    assert got is not None and got.r2_left_out < 0.1
    assert fit([noise[0][:20]], noise[3][:20]) is None
    assert fit([noise[0]], [1.0] * 60) is None
