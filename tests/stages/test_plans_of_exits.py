"""Exit plans on paper: tiers that rest on the book, and a stop that moves up to break even."""

import pytest
from perp_desk import NOON, Perps, bar
from stage_builders import MINUTE

from engine.errors import ConfigError
from engine.matching.bracket import TicksBar
from engine.records.ideas import ExitPlan, tiers_of
from engine.runs.settings import load
from engine.stages.exits import ExitState, on_bar, on_price

STAGED = tiers_of([(30, 7), (30, 13.8)])


def position(plan: ExitPlan, steps: int = 100, entry: int = 10_000) -> ExitState:
    state = ExitState(plan=plan, opened_at=0)
    state.entered(steps, entry)
    return state


@pytest.mark.parametrize("resting", [False, True])
def test_a_gap_over_both_tiers_fills_resting_ones_at_their_own_levels(resting: bool) -> None:
    perps = Perps()
    perps.enter(NOON, "1", ExitPlan(tiers=STAGED, resting_tiers=resting, trail_share_pct=40, trail_arm_pct=50))
    perps.feed(bar(NOON + MINUTE, "100"), bar(NOON + 2 * MINUTE, "120"))
    told = [(one.reason, one.qty, one.price, one.liquidity) for one in perps.fills if one.side == "sell"]
    if resting:
        assert told == [("TIER_1", "0.3", "107", "maker"), ("TIER_2", "0.3", "113.8", "maker")]
    else:
        assert told == [("TIER_2", "0.6", "120", "taker")]


def test_a_gain_moves_the_stop_up_to_break_even_and_the_next_bars_are_stopped_there() -> None:
    state = position(ExitPlan(stop_pct=5, break_even_at_pct=10, break_even_over_pct=0.2))
    assert on_bar(state, TicksBar(10_000, 10_999, 9_900, 10_900), 60, entered_here=False) == []
    assert (state.stop, state.is_even) == (9_500, False)
    # The stop in force during a bar was fixed before it.
    assert on_bar(state, TicksBar(10_900, 11_000, 9_990, 10_990), 120, entered_here=False) == []
    assert (state.stop, state.is_even) == (10_020, True)
    (left,) = on_bar(state, TicksBar(10_500, 10_600, 10_020, 10_100), 180, entered_here=False)
    assert (left.reason, left.steps, left.ticks) == ("BREAK_EVEN", 100, 10_020)


def test_the_same_rule_on_prices_as_they_come() -> None:
    state = position(ExitPlan(break_even_at_pct=10, break_even_over_pct=0.2))
    assert on_price(state, 9_000, 1) == []  # no stop before
    assert on_price(state, 11_000, 2) == []
    assert on_price(state, 10_021, 3) == []
    assert [one.reason for one in on_price(state, 10_020, 4)] == ["BREAK_EVEN"]


def test_break_even_follows_the_average_of_a_later_execution() -> None:
    state = position(ExitPlan(stop_pct=5, break_even_at_pct=1))
    on_price(state, 10_100, 1)
    state.entered(100, 10_050)
    assert (state.stop, state.initial) == (10_050, 200)


def test_without_the_setting_a_plan_stands_on_the_wire_as_before() -> None:
    exits = load(None, ["hotcoin.resting_tiers=false"], env={}).strategy.exits()
    assert (exits.break_even_at_pct, exits.break_even_over_pct, exits.resting_tiers) == (0, 0, False)


@pytest.mark.parametrize("strategy", ["hotcoin", "ema_burst"])
def test_strategies_hand_the_settings_on(strategy: str) -> None:
    sets = [f"signal.strategy={strategy}"]
    sets += [f"{strategy}.{key}" for key in ("resting_tiers=true", "resting_trail=true", "break_even_at_pct=4")]
    exits = load(None, sets, env={}).strategy.exits()
    assert (exits.resting_tiers, exits.resting_trail) == (True, True)
    assert (exits.break_even_at_pct, exits.break_even_over_pct) == (4, 0.2)


def test_a_break_even_stop_over_the_gain_that_moves_it_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"break_even_over_pct .* must be less than break_even_at_pct"):
        _ = load(None, ["hotcoin.break_even_at_pct=0.1"], env={}).strategy
