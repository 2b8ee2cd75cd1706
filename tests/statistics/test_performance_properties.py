"""What holds for the performance of any series of returns, and what is undefined."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DirtyInput, UsageError
from engine.statistics.performance import (
    cagr,
    max_drawdown,
    performance,
    performance_extra,
    rolling_sharpe,
    sharpe,
    sortino,
    trade_stats,
)

quick = settings(max_examples=60, deadline=None)
# Basis points, so that no spread comes close to vanishing.
RETURNS = st.lists(st.integers(-3000, 3000).map(lambda bps: bps / 1e4), min_size=2, max_size=60)


@quick
@given(RETURNS, st.sampled_from([0.5, 2.0, 3.0]))
def test_sharpe_and_sortino_do_not_know_the_size_of_the_stake(returns: list[float], scale: float) -> None:
    scaled = [scale * value for value in returns]
    for figure in (sharpe, sortino):
        before, after = figure(returns), figure(scaled)
        assert (before is None) == (after is None)
        assert before is None or math.isclose(before, after, rel_tol=1e-9, abs_tol=1e-12)


@quick
@given(RETURNS)
def test_the_opposite_returns_have_the_opposite_sharpe(returns: list[float]) -> None:
    value, opposite = sharpe(returns, 365), sharpe([-value for value in returns], 365)
    assert value is None if opposite is None else math.isclose(value, -opposite, abs_tol=1e-12)


@quick
@given(RETURNS)
def test_the_drawdown_is_the_worst_of_all_pairs_of_bars(returns: list[float]) -> None:
    curve = [1.0]
    for value in returns:
        curve.append(curve[-1] * (1.0 + value))
    worst = min(curve[j] / curve[i] - 1.0 for i in range(len(curve)) for j in range(i, len(curve)))
    found = performance(returns, 365)
    assert math.isclose(found.max_drawdown, worst, abs_tol=1e-12)
    if found.mdd_peak is not None and found.mdd_trough is not None:
        assert found.mdd_peak < found.mdd_trough
        assert math.isclose(curve[found.mdd_trough] / curve[found.mdd_peak] - 1.0, worst, abs_tol=1e-12)


@quick
@given(RETURNS, st.integers(2, 20))
def test_a_rolling_sharpe_is_the_sharpe_of_its_window(returns: list[float], window: int) -> None:
    line = rolling_sharpe(returns, window, 365)
    assert len(line) == len(returns)
    for i, value in enumerate(line):
        alone = sharpe(returns[i - window + 1 : i + 1], 365) if i >= window - 1 else None
        assert math.isnan(value) if alone is None else math.isclose(value, alone, rel_tol=1e-9, abs_tol=1e-9)


@quick
@given(st.lists(st.integers(-50, 50).map(float), max_size=40))
def test_the_trades_add_up(pnl: list[float]) -> None:
    found = trade_stats(pnl)
    assert found.n == len(pnl)
    assert found.gross_profit - found.gross_loss == sum(pnl)
    assert (found.profit_factor is None) == (not any(value < 0 for value in pnl))
    signs = "".join("L" if value < 0 else "-" for value in pnl)
    assert found.max_consecutive_losses == max(len(streak) for streak in signs.split("-"))


def test_no_returns_are_an_equity_that_never_moved() -> None:
    found = performance([], 365)
    assert (found.cum_return, found.max_drawdown) == (0.0, 0.0)
    assert {found.sharpe, found.sortino, found.cagr, found.calmar, found.annual_vol, found.mdd_peak} == {None}
    assert set(performance_extra([])) == {None}
    assert rolling_sharpe([], 5) == []


def test_no_trades_have_no_averages() -> None:
    found = trade_stats([])
    assert (found.n, found.gross_profit, found.gross_loss, found.max_consecutive_losses) == (0, 0.0, 0.0, 0)
    assert {found.win_rate, found.expectancy, found.payoff, found.profit_factor} == {None}


def test_only_losses_have_a_profit_factor_of_zero_and_no_payoff() -> None:
    found = trade_stats([-1.0, -2.0])
    assert (found.profit_factor, found.payoff, found.avg_win, found.max_consecutive_losses) == (0.0, None, None, 2)


@pytest.mark.parametrize("value", [0.0001, 0.1, -0.003])
def test_constant_returns_have_no_sharpe(value: float) -> None:
    assert sharpe([value] * 77, 8760) is None


def test_returns_that_never_fall_short_have_no_sortino() -> None:
    assert sortino([0.01, 0.02, 0.03], 365) is None


def test_a_total_loss_ends_at_minus_one() -> None:
    found = performance([0.1, -1.0, 0.2], 365)
    assert (found.cum_return, found.max_drawdown, found.cagr) == (-1.0, -1.0, -1.0)
    assert performance_extra([0.1, -1.0, 0.2]).stability is None


def test_growth_beyond_any_float_is_unknown() -> None:
    assert cagr(1.1, 1, 105_120) is None
    assert cagr(-0.5, 10, 365) is None


def test_flat_returns_have_no_extra_figures() -> None:
    assert set(performance_extra([0.0] * 10)) == {None}


def test_a_drawdown_may_begin_at_the_start() -> None:
    found = performance([-0.1, 0.05], 365)
    assert (found.mdd_peak, found.mdd_trough) == (0, 1)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(DirtyInput, match="finite"):
        performance([0.1, math.nan], 365)
    with pytest.raises(UsageError, match="window must be at least 2"):
        rolling_sharpe([0.1, 0.2], 1)
    with pytest.raises(UsageError, match="periods_per_year"):
        performance([0.1], 0)
    with pytest.raises(UsageError, match="above zero"):
        max_drawdown([0.0, 1.0])
    with pytest.raises(UsageError, match="dimension"):
        performance([[0.1, 0.2]], 365)
