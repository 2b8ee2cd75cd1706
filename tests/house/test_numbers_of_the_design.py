"""The numbers of the design: each is the default of a setting, or of a kernel that has no settings of its own yet."""

from decimal import Decimal
from inspect import signature
from typing import Any

import pytest

from engine.kernels import arbitrage, caution, heat, ict, oi
from engine.records import codes
from engine.runs import moved, rollout, settings
from engine.stages import order, report_tallies
from engine.world.binance import breaker, client

SETTINGS = {
    "scan.cycle_s": 60, "scan.window_s": 300, "scan.silent_s": 600, "scan.baseline_windows": 288,
    "scan.anomaly_change_pct": 3.0, "scan.anomaly_surge": 3.0, "scan.anomaly_cooldown_s": 300,
    "scan.min_quote_volume_24h": 1_000_000, "scan.new_listing_share_pct": 10.0, "scan.hot_heat": 50.0,
    "scan.cool_heat": 40.0, "scan.cooling_max_s": 1800, "rank.top": 10,
    "hotcoin.timeframes": ("1m", "5m", "15m", "1h"), "hotcoin.min_heat": 50.0, "hotcoin.ema_bars": 20,
    "hotcoin.black_swan_pct": 10.0, "hotcoin.stop_pct": 5.0, "hotcoin.tiers": ((30.0, 5.0), (30.0, 10.0)),
    "hotcoin.trail_share_pct": 40.0, "hotcoin.trail_arm_pct": 5.0, "hotcoin.trail_callback_pct": 3.0,
    "hotcoin.hold_max_s": 4 * 3600, "desk.equity": Decimal(1000), "size.equity_share_pct": 10.0,
    "rules.max_positions.limit": 5, "desk.drawdown_levels_pct": (3.0, 5.0, 8.0, 10.0, 15.0),
    "desk.day_loss_levels_pct": (2.0, 3.0, 4.0, 5.0, 8.0), "desk.size_factors": (1.0, 1.0, 0.7, 0.5, 0.0, 0.0),
    "desk.l5_cooldown_s": 86_400, "desk.feed_stale_s": 60, "paper.bar_spread_bps": 5.0, "orders.balance_s": 300,
    "orders.sync_s": 30, "breaker.key_run": 3, "breaker.failed_pct": (20, 40, 60), "breaker.run": (5, 10, 15),
    "breaker.good_run": 5,
}  # fmt: skip
KERNELS: list[tuple[Any, str, object]] = [
    (oi.oi_score, "thresholds_pct", {60: 3.0, 120: 3.0, 300: 3.0, 900: 10.0}),
    (oi.oi_score, "accept_score", 8.0),
    (oi.oi_score, "chase_pct", (3.0, 5.0, 8.0)),
    (ict.ict_score, "slope_min_pct", 0.01),
    (ict.ict_score, "accept_confidence", 0.35),
    (ict.block_decay, "day_keeps", 0.95),
    (ict.block_decay, "test_keeps", 0.90),
    (ict.block_decay, "tests_max", 3),
    (caution.risk_state, "losses", (3, 5, 8)),
    (caution.risk_state, "drawdowns", (0.05, 0.10, 0.15)),
    (caution.confidence_sizing, "leverage_min", 3.0),
    (caution.confidence_sizing, "leverage_max", 20.0),
    (caution.confidence_sizing, "leverage_volatile", 5.0),
    (caution.confidence_sizing, "volatile_ratio", 2.0),
    (caution.confidence_sizing, "fraction_min", 0.03),
    (caution.confidence_sizing, "fraction_max", 0.13),
    (heat.momentum_heat, "change_full_pct", 10.0),
    (arbitrage.arb_rank_score, "profit_weight", 0.5),
]


@pytest.mark.parametrize("key", SETTINGS)
def test_a_setting_has_the_default_of_the_design(key: str) -> None:
    assert settings.load(env={}).values[key] == SETTINGS[key]


@pytest.mark.parametrize(("kernel", "name", "value"), KERNELS, ids=lambda one: getattr(one, "__name__", str(one)))
def test_a_kernel_has_the_default_of_the_design(kernel: Any, name: str, value: object) -> None:
    assert signature(kernel).parameters[name].default == value


def test_the_multipliers_of_caution() -> None:
    assert dict(caution.STATE_MULTIPLIERS) == {"NORMAL": 1.0, "CAUTIOUS": 0.7, "RISK_AVERSE": 0.5, "SHUTDOWN": 0.0}


def test_a_level_of_the_breaker_leaves_half_and_a_quarter_of_the_requests() -> None:
    assert breaker.SHARES_PCT[:3] == (100, 50, 25)


@pytest.mark.parametrize(("step", "allowed"), [(1, (100, 2, 70.0)), (2, (300, 3, 50.0)), (3, (500, 5, None))])
def test_a_step_of_the_roll_out(step: int, allowed: tuple[int, int, float | None]) -> None:
    one = rollout.STEPS[step]
    assert (one.equity, one.positions, one.heat) == allowed


def test_what_is_kept_and_counted() -> None:
    assert (report_tallies.NAMES_MAX, moved.KEEP_DAYS, client.RETRIES) == (500, 30, 3)
    assert f"{order.CLOSED_UNDER:f}" == "0.00000001"


def test_a_move_of_ten_percent_is_worth_fifty_points() -> None:
    assert heat.momentum_heat(10.0, None) == 50.0
    assert heat.momentum_heat(25.0, None) == 50.0


@pytest.mark.parametrize("code", ["BUY_MIN_NOTIONAL", "SELL_MIN_QTY", "SELL_MIN_NOTIONAL", "PRECHECK_FAILED"])
def test_a_code_of_the_design_is_explained(code: str) -> None:
    assert codes.lookup(code) is not None
