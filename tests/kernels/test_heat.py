"""Heat weighs what is known, and says what it had to do without."""

from typing import Any

import pytest

from engine.kernels.heat import (
    HEAT_WEIGHTS,
    announcement_heat,
    heat_score,
    liquidity_heat,
    momentum_heat,
    safety_heat,
    sentiment_heat,
    social_heat,
)

EVERYTHING: dict[str, Any] = {
    "announcement": "spot_listing",
    "announcement_hours": 12.0,
    "mentions_1h": 80,
    "mentions_baseline_1h": 10.0,
    "sentiment": 0.5,
    "sentiment_samples": 60,
    "change_1h_pct": 6.0,
    "volume_surge": 3.0,
    "quote_volume_24h": 5e6,
    "spread_bps": 8.0,
    "age_days": 3.0,
    "change_5m_pct": 4.0,
    "funding_pct": 0.02,
}
FIRST_INPUTS = {
    "announcement": "announcement",
    "mentions_1h": "social",
    "sentiment": "sentiment",
    "change_1h_pct": "momentum",
    "quote_volume_24h": "liquidity",
    "age_days": "safety",
}
TERMS = sorted(EVERYTHING.keys() - FIRST_INPUTS.keys())


def test_nothing_known_gives_no_heat_rather_than_zero() -> None:
    assert heat_score() == (None, 0.0, {}, ())


def test_everything_known_misses_nothing() -> None:
    heat = heat_score(**EVERYTHING)
    assert heat.heat == pytest.approx(66.1873832775, abs=1e-9)
    assert heat.coverage == pytest.approx(1.0)
    assert heat.missing == ()


def test_dimensions_come_in_the_order_of_the_weights() -> None:
    assert list(heat_score(**EVERYTHING).dimensions) == list(HEAT_WEIGHTS)


@pytest.mark.parametrize(("first", "dimension"), FIRST_INPUTS.items())
def test_a_dimension_is_left_out_when_its_first_input_is_unknown(first: str, dimension: str) -> None:
    full = heat_score(**EVERYTHING)
    heat = heat_score(**{**EVERYTHING, first: None})
    assert heat.dimensions == {name: score for name, score in full.dimensions.items() if name != dimension}
    assert heat.coverage == pytest.approx(1.0 - HEAT_WEIGHTS[dimension])
    assert heat.missing == ()


@pytest.mark.parametrize("term", TERMS)
def test_an_unknown_term_is_named_and_leaves_its_dimension_known(term: str) -> None:
    heat = heat_score(**{**EVERYTHING, term: None})
    assert heat.missing == (term,)
    assert heat.dimensions.keys() == HEAT_WEIGHTS.keys()


@pytest.mark.parametrize("term", TERMS)
def test_an_unknown_term_of_an_unknown_dimension_is_not_missed(term: str) -> None:
    nothing = dict.fromkeys(FIRST_INPUTS)
    assert heat_score(**{**EVERYTHING, **nothing, term: None}).missing == ()


def test_one_known_dimension_is_the_heat() -> None:
    heat = heat_score(quote_volume_24h=1e8, spread_bps=0.0)
    assert heat.heat == 100.0
    assert heat.coverage == pytest.approx(0.20)


def test_the_known_absence_of_an_announcement_counts_as_zero() -> None:
    heat = heat_score(announcement="none")
    assert heat.heat == 0.0
    assert heat.dimensions == {"announcement": 0.0}
    assert heat.missing == ()


def test_weights_are_a_choice() -> None:
    weights = {"liquidity": 1.0, "safety": 3.0, "social": 4.0}
    heat = heat_score(quote_volume_24h=1e8, spread_bps=0.0, age_days=3.0, weights=weights)
    assert heat.heat == (1.0 * 100.0 + 3.0 * 70.0) / 4.0
    assert heat.coverage == 0.5


def test_weights_of_zero_give_no_heat() -> None:
    assert heat_score(age_days=400.0, weights={"safety": 0.0}).heat is None


def test_the_unknown_spread_is_named_once_for_both_dimensions_that_use_it() -> None:
    assert heat_score(quote_volume_24h=1e6, age_days=100.0, change_5m_pct=0.0, funding_pct=0.0).missing == (
        "spread_bps",
    )


def test_a_day_halves_an_announcement_and_a_coming_one_is_fresh() -> None:
    assert announcement_heat("perp_listing", 24.0) == 40.0
    assert announcement_heat("spot_listing", -3.0) == 100.0
    assert announcement_heat("spot_listing", None) == 100.0


def test_four_mentions_are_too_few_to_be_heat() -> None:
    assert social_heat(4.0, 0.1) == 0.0
    assert social_heat(5.0, 0.1) > 0.0


def test_no_sample_makes_sentiment_neutral() -> None:
    assert sentiment_heat(-1.0, 0.0) == 50.0
    assert sentiment_heat(-1.0, None) == 0.0


def test_a_fall_is_momentum_only_when_both_sides_count() -> None:
    assert momentum_heat(-10.0, 1.0) == 0.0
    assert momentum_heat(-10.0, 1.0, two_sided=True) == 50.0


def test_no_volume_adds_no_momentum() -> None:
    assert momentum_heat(5.0, 0.0) == momentum_heat(5.0, None) == 25.0


def test_no_turnover_is_no_liquidity() -> None:
    assert liquidity_heat(0.0, 1.0) == 0.0


def test_limits_of_safety_count_from_the_limit_on_despite_binary_rounding() -> None:
    almost_ten = (1.1 / 1.0 - 1.0) * 100.0 - 2e-14
    assert safety_heat(400.0, almost_ten, None, None) == 70.0
    assert safety_heat(400.0, 5.0, 30.0, 0.0999) == 85.0
    assert safety_heat(6.9, -10.0, 30.1, -0.1) == 0.0
