"""Every figure of a report, against a session computed by hand."""

from decimal import Decimal

import pytest
from made_session import at, candidate, cycle, fill, position, refusal, run, session

from engine.errors import BadRecord
from engine.stages.report import report
from engine.stages.report_curve import Curve
from engine.stages.report_tallies import Counts

MADE = report(session())


def test_trades_carry_entry_exit_profit_return_and_reasons() -> None:
    first, second = MADE.trades
    assert (first.symbol, first.strategy, first.opened_at, first.closed_at, first.known_at, first.hold_s) == (
        "AUSDT", "hotcoin", at(1.5), at(3.5), at(4), 120,
    )  # fmt: skip
    assert (first.qty, first.entry_price, first.exit_price) == (Decimal(2), Decimal(100), Decimal(100))
    assert (first.pnl, first.return_pct, first.fees) == (Decimal("-0.4"), -0.2, Decimal("0.4"))
    assert (first.reasons, first.heat, first.ambiguous) == (("TIER_1", "STOP"), 80, False)
    assert (second.symbol, second.pnl, second.return_pct, second.reasons, second.heat, second.ambiguous) == (
        "BUSDT", Decimal("19.78"), 19.78, ("TIME",), 70, True,
    )  # fmt: skip


def test_the_summary_adds_up() -> None:
    sums = MADE.summary
    assert (sums.trades, sums.wins, sums.losses, sums.win_rate_pct, sums.profit_factor) == (2, 1, 1, 50, 49.45)
    assert (sums.gross_profit, sums.gross_loss, sums.net_profit) == (
        Decimal("19.78"), Decimal("-0.4"), Decimal("19.38"),
    )  # fmt: skip
    assert (sums.fees, sums.profit_before_fees) == (Decimal("0.62"), Decimal("20"))
    assert (sums.mean_profit, sums.mean_return_pct, sums.mean_hold_s) == (Decimal("9.69"), 9.79, 90)
    assert (sums.best, sums.worst, sums.ambiguous) == (Decimal("19.78"), Decimal("-0.4"), 1)


def test_equity_is_realised_profit_and_open_positions_at_the_last_told_price() -> None:
    money = MADE.equity
    assert (money.quote_asset, money.start, money.end) == ("USDT", Decimal(1000), Decimal("1024.33"))
    assert (money.realised, money.unrealised, money.fees) == (Decimal("19.33"), Decimal(5), Decimal("0.67"))
    told = [(point.at, point.equity) for point in money.points]
    assert told == [
        (at(1), Decimal(1000)), (at(2), Decimal("1019.8")), (at(3), Decimal("1019.69")), (at(4), Decimal("999.6")),
        (at(5), Decimal("999.5")), (at(6), Decimal("1019.33")), (at(7), Decimal("1024.33")),
    ]  # fmt: skip


def test_drawdown_is_the_deepest_fall_below_the_highest_before() -> None:
    money = MADE.equity
    # At 6, after C's fee and before B is sold: 1000 - 0.4 - 0.1 - 0.05 = 999.45.
    assert money.max_drawdown == Decimal("20.35")
    assert money.max_drawdown_pct == pytest.approx((999.45 / 1019.8 - 1) * 100, abs=1e-6)
    assert money.max_drawdown_at == at(6)
    assert money.drawdown_pct == 0


def test_open_positions_are_valued() -> None:
    (held,) = MADE.open_positions
    assert (held.symbol, held.qty, held.entry_price, held.price, held.priced_at) == (
        "CUSDT", Decimal(1), Decimal(50), Decimal(55), at(7),
    )  # fmt: skip
    assert (held.value, held.unrealised, held.unrealised_pct, held.realised) == (
        Decimal(55), Decimal(5), 10, Decimal("-0.05"),
    )  # fmt: skip
    assert (held.heat, held.hold_s) == (90, 90)


def test_profit_is_grouped_by_symbol_and_by_the_way_out() -> None:
    assert [(g.name, g.trades, g.wins, g.net_profit) for g in MADE.by_symbol] == [
        ("BUSDT", 1, 1, Decimal("19.78")), ("AUSDT", 1, 0, Decimal("-0.4")),
    ]  # fmt: skip
    assert [g.name for g in MADE.by_reason] == ["TIME", "TIER_1+STOP"]


def test_refusals_are_counted_by_code_filter_and_symbol() -> None:
    assert MADE.refusals.total == 3
    assert MADE.refusals.by_code == {"FRAME_COLD": 1, "LOW_HEAT": 1, "PRECHECK_FAILED": 1}
    assert MADE.refusals.by_precheck_code == {"BUY_MIN_NOTIONAL": 1}
    assert MADE.refusals.by_symbol == {"AUSDT": 1, "BUSDT": 1, "CUSDT": 1}
    assert (MADE.precheck.total, MADE.precheck.by_symbol) == (1, {"CUSDT": 1})


def test_shares_are_percentages_of_what_could_have_been() -> None:
    assert MADE.health.signal_coverage_pct == pytest.approx(100 * 5 / 6, abs=1e-6)
    assert MADE.health.precheck_failure_pct == 25
    assert MADE.health.ambiguous_pct == 50


def test_the_funnel_narrows() -> None:
    funnel = MADE.funnel
    assert (funnel.ranked, funnel.signals, funnel.enter_signals, funnel.intents) == (6, 6, 4, 3)
    assert (funnel.orders, funnel.order_results, funnel.fills) == (6, {"filled": 6}, 6)


def test_heat_of_entered_coins_stands_beside_that_of_all() -> None:
    heat = {one.name: one for one in MADE.heat}
    assert list(heat) == ["heat", "momentum", "safety"]
    assert (heat["heat"].ranked, heat["heat"].ranked_count) == (70, 6)
    assert (heat["heat"].entered, heat["heat"].entered_count) == (80, 3)
    assert (heat["momentum"].ranked, heat["momentum"].entered) == (70, 83.3333)
    assert (heat["safety"].ranked_count, heat["safety"].entered) == (1, 30)


def test_cycles_and_state_changes_are_told() -> None:
    assert (MADE.cycles.count, MADE.cycles.codes) == (7, {"QUIET": 14, "ENTERED": 1, "LOW_HEAT": 1})
    assert [(c.scope, c.now) for c in MADE.state_changes] == [
        ("risk", "L1"), ("engine", "degraded(feed_stale)"), ("engine", "tradeable"),
    ]  # fmt: skip
    assert (MADE.run_count, MADE.runs[0].run_id, MADE.state_change_count) == (1, "r1", 3)


def test_nothing_gives_an_empty_report() -> None:
    made = report([])
    assert (made.summary.trades, made.summary.win_rate_pct, made.summary.profit_factor) == (0, None, None)
    assert (made.equity.start, made.equity.end, made.equity.max_drawdown_pct) == (0, 0, None)
    assert (made.span.first_at, made.health.precheck_failure_pct, made.heat) == (None, None, ())


def test_without_losses_there_is_no_profit_factor() -> None:
    made = report([record for record in session() if getattr(record, "symbol", "") != "AUSDT"])
    assert (made.summary.trades, made.summary.profit_factor) == (1, None)


def test_a_trade_of_zero_is_neither_win_nor_loss() -> None:
    made = report([
        fill(1, "AUSDT", "a", "ENTRY", "1", "10", "10", "0"), position(1, "AUSDT", 0.5, "1", "10", "0", "0", "ENTRY"),
        fill(2, "AUSDT", "b", "STOP", "1", "10", "10", "0"),
        position(2, "AUSDT", 0.5, "0", "0", "0", "0", "STOP", closed=True),
    ])  # fmt: skip
    assert (made.summary.trades, made.summary.wins, made.summary.losses, made.summary.win_rate_pct) == (1, 0, 0, 0)


def test_dust_closes_a_trade_without_a_last_fill() -> None:
    made = report([
        run(), fill(1, "AUSDT", "a", "ENTRY", "1", "10", "10", "0"),
        position(1, "AUSDT", 0.5, "1", "10", "0", "0", "ENTRY"),
        position(3, "AUSDT", 0.5, "0", "0", "-10", "0", "DUST", closed=True, dust="1"), *cycle(3),
    ])  # fmt: skip
    (trade,) = made.trades
    assert (trade.reasons, trade.closed_at, trade.exit_price, trade.dust) == (("DUST",), at(3), None, Decimal(1))
    assert (trade.return_pct, made.equity.end) == (-100, Decimal(990))


def test_a_span_counts_its_own_and_knows_what_was_held_before() -> None:
    made = report(session(), since=at(4), until=at(7))
    assert [trade.symbol for trade in made.trades] == ["AUSDT", "BUSDT"]
    assert made.trades[0].heat == 80
    assert (made.equity.start, made.equity.end) == (Decimal("1019.69"), Decimal("1019.33"))
    assert (made.equity.realised, made.equity.fees) == (Decimal("9.64"), Decimal("0.36"))
    assert (made.cycles.count, made.refusals.total, made.funnel.fills) == (3, 1, 4)
    assert (made.span.first_at, made.span.last_at) == (at(4), at(6))
    assert made.equity.max_drawdown == Decimal("20.24")


def test_a_trade_belongs_to_the_span_in_which_its_close_was_known() -> None:
    assert [trade.symbol for trade in report(session(), until=at(4)).trades] == []
    assert [trade.symbol for trade in report(session(), since=at(4), until=at(4) + 1).trades] == ["AUSDT"]
    assert [trade.symbol for trade in report(session(), since=at(4) + 1).trades] == ["BUSDT"]


def test_symbols_are_bounded_and_the_least_recently_used_go_first() -> None:
    records = [refusal(i, f"S{i}", "precheck", "NO_CAPITAL") for i in range(500)]
    records += [refusal(500, "S0", "precheck", "NO_CAPITAL"), refusal(501, "NEW", "precheck", "NO_CAPITAL")]
    made = report(records)
    assert made.refusals.total == 502
    assert len(made.precheck.by_symbol) == 500
    assert made.precheck.by_symbol["S0"] == 2
    assert "S1" not in made.precheck.by_symbol


def test_counts_come_with_the_most_first_and_ties_by_name() -> None:
    counts = Counts()
    for name in ("b", "a", "c", "c"):
        counts.add(name)
    assert list(counts.ranked().items()) == [("c", 2), ("a", 1), ("b", 1)]


def test_a_long_curve_keeps_few_points_and_every_depth() -> None:
    curve = Curve(keep=10)
    values = [1000, *([1000] * 500), 900, *([1000] * 500)]
    for i, value in enumerate(values):
        curve.add(i, Decimal(value))
    assert len(curve.points) <= 11
    assert (curve.points[0].at, curve.points[-1].at, curve.points[-1].equity) == (0, 1001, Decimal(1000))
    assert min(point.drawdown_pct for point in curve.points) == -10
    assert (curve.drawdown_pct, curve.deepest_at) == (-10, 501)


def test_a_curve_without_money_has_no_depth() -> None:
    curve = Curve()
    curve.add(1, Decimal(0))
    curve.add(2, Decimal(-5))
    assert (curve.drawdown, curve.drawdown_pct) == (Decimal(5), 0)


@pytest.mark.parametrize("price", ["1e999999", "NaN", "Infinity", "", "-", "٣", "1" * 40])
def test_money_that_is_none_is_refused(price: str) -> None:
    bad = fill(1, "AUSDT", "a", "ENTRY", "1", price, "10", "0")
    with pytest.raises(BadRecord):
        report([bad])


def test_prices_of_other_coins_are_passed_over() -> None:
    made = report([*session(), candidate(8, "ZUSDT", "1"), *cycle(8)])
    assert made.equity.end == Decimal("1024.33")
