"""The corners of the scores that no worked case reaches."""

import math
from typing import Any

import pytest

from engine.kernels.caution import confidence_sizing, risk_state
from engine.kernels.hotlist import funding_z, vol_jump
from engine.kernels.ict import Block, Break, Pull, block_decay, price_points, structure_points, trend_points
from engine.kernels.oi import OiScore, chase_points, oi_score
from engine.kernels.regime import market_regime

CALM: dict[str, Any] = {
    "adx": 22.0,
    "ema_fast": 1.0,
    "ema_slow": 1.0,
    "slope_pct": 0.0,
    "bb_width_pct": 50.0,
    "atr_ratio": 1.0,
}


def open_interest(
    changes: dict[int, float | None], *, price_change_pct: float = 1.0, price: float = 1.0, low_2h: float = 1.0
) -> OiScore:
    return oi_score(
        oi_change_pct=changes,
        price_change_pct=price_change_pct,
        price=price,
        low_2h=low_2h,
        high_2h=2.0,
        funding_rate=0.0,
    )


@pytest.mark.parametrize("name", CALM)
@pytest.mark.parametrize("unknown", [None, math.nan])
def test_a_regime_with_an_unknown_input_is_unknown(name: str, unknown: float | None) -> None:
    assert market_regime(**{**CALM, name: unknown}) == "UNKNOWN"


def test_a_squeeze_reaches_up_to_its_percentile() -> None:
    assert market_regime(**{**CALM, "adx": 19.0, "bb_width_pct": 20.0}) == "SQUEEZE"
    assert market_regime(**{**CALM, "adx": 19.0, "bb_width_pct": 20.1}) == "RANGE"


def test_the_thresholds_of_a_regime_are_a_choice() -> None:
    assert market_regime(**{**CALM, "atr_ratio": 1.5}, volatile_ratio=1.5) == "VOLATILE"


def test_a_drawdown_of_a_limit_less_rounding_counts() -> None:
    assert risk_state(consecutive_losses=0, drawdown=1.0 - 0.95 - 4e-17) == "CAUTIOUS"


def test_confidence_beyond_its_range_is_cut() -> None:
    low = confidence_sizing(confidence=-1.0, vol_ratio=1.0, state="NORMAL")
    high = confidence_sizing(confidence=2.0, vol_ratio=1.0, state="NORMAL")
    assert low == (3.0, 0.03)
    assert high == pytest.approx((20.0, 0.13))


def test_volatility_of_just_twice_its_usual_does_not_cap_the_leverage() -> None:
    assert confidence_sizing(confidence=1.0, vol_ratio=2.0, state="NORMAL").leverage == 20.0


def test_too_short_a_history_is_no_sign() -> None:
    assert vol_jump([0.01] * 191) == 0.0
    assert funding_z([0.0001, 0.0002] * 44, 0.01) == 0.0


def test_returns_that_never_moved_are_no_sign() -> None:
    assert vol_jump([0.0] * 168 + [0.01] * 24) == 0.0


def test_the_newest_returns_decide_the_jump_of_volatility() -> None:
    assert vol_jump([9.0] * 100 + [0.01] * 168 + [0.03] * 24) == pytest.approx(2.0)


def test_a_tie_of_two_periods_goes_to_the_shorter() -> None:
    fell_first = open_interest({60: -6.0, 120: 6.0})
    rose_first = open_interest({60: 6.0, 120: -6.0})
    assert fell_first.parts is not None
    assert rose_first.parts is not None
    assert fell_first.parts["alignment"] == 0.5
    assert rose_first.parts["alignment"] == 2.5


def test_a_price_that_stands_still_has_no_direction_and_is_never_accepted() -> None:
    score = open_interest({60: 30.0, 120: 30.0, 300: 30.0, 900: 90.0}, price_change_pct=0.05)
    assert score.direction == 0
    assert score.parts is not None
    assert score.parts["alignment"] == 1.0
    assert not score.accept


def test_a_run_that_cannot_be_measured_is_refused() -> None:
    score = open_interest({60: 30.0, 120: 30.0, 300: 30.0, 900: 90.0}, low_2h=0.0)
    assert score.chase_reject
    assert score.chase_distance_pct is None
    assert not score.accept


def test_a_run_of_three_percent_in_binary_costs_nothing() -> None:
    assert (1.03 / 1.00 - 1.0) * 100.0 > 3.0
    assert chase_points((1.03 / 1.00 - 1.0) * 100.0) == 0.0
    assert [chase_points(run) for run in (3.1, 5.0, 5.1, 8.0, 8.1)] == [-0.5, -0.5, -1.5, -1.5, -4.0]


def test_a_missing_timeframe_earns_nothing() -> None:
    rising = Pull(close=2.0, ema=1.0, slope_pct=0.1, adx=30.0)
    assert trend_points(1, {"1h": rising}) == 20.0
    assert trend_points(1, {}) == 0.0


def test_a_break_against_the_trade_takes_points() -> None:
    assert structure_points(1, 1, Break("CHOCH", -1, 20)) == 8.0
    assert structure_points(1, 1, Break("CHOCH", -1, 21)) == 14.0
    assert structure_points(-1, 1, Break("BOS", 1, 0)) == 0.0


def test_a_price_on_the_far_edge_of_its_block_still_counts() -> None:
    block = Block(bottom=101.0, top=103.0, age_days=0.0, tests=0)
    assert price_points(1, 101.0, 2.0, block) == 20.0
    assert price_points(1, 100.99, 2.0, block) == 0.0
    assert price_points(-1, 100.0, 1.0, block) == pytest.approx(20.0 * 2.0 / 3.0)


def test_without_a_range_only_a_price_inside_its_block_earns_points() -> None:
    block = Block(bottom=101.0, top=103.0, age_days=0.0, tests=0)
    assert price_points(1, 102.0, None, block) == 20.0
    assert price_points(1, 104.0, 0.0, block) == 0.0


def test_a_block_tested_a_fourth_time_is_worth_nothing() -> None:
    assert block_decay(Block(1.0, 2.0, 0.0, 3)) == pytest.approx(0.729)
    assert block_decay(Block(1.0, 2.0, 0.0, 4)) == 0.0
