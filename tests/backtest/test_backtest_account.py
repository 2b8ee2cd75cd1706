"""The figures of the account, against small curves that can be computed by hand."""

import math

import pytest

from engine.records.ideas import CandidateSnapshot, HeatInputs
from engine.records.market import Bar
from engine.runs.backtest.account import (
    DAILY,
    DAY_MS,
    HOUR_MS,
    HOURLY,
    Account,
    exposure_of,
    performance_of,
    period_of,
    returns,
    row_of,
)
from engine.runs.backtest.heat import AHEAD_MS, HeatAhead
from engine.runs.backtest.outcome import Mark

E8 = 100_000_000


def mark(hours: float, equity: float, cash: float | None = None, positions: int = 0) -> Mark:
    return Mark(int(hours * HOUR_MS), int(equity * E8), int((equity if cash is None else cash) * E8), positions)


def test_a_row_is_written_for_each_change_and_for_the_end() -> None:
    rows: list[Mark] = []
    account = Account(rows.append)
    for one in (mark(0, 100), mark(1, 100), mark(2, 110), mark(3, 110), mark(4, 110)):
        account.mark(one)
    account.end()
    account.end()
    assert rows == account.rows == [mark(0, 100), mark(2, 110), mark(4, 110)]


def test_a_row_is_money_in_plain_digits() -> None:
    assert row_of(mark(1, 100.5, 0)) == {"at": HOUR_MS, "equity": "100.5", "cash": "0", "positions": 0}


def test_returns_are_taken_between_boundaries_with_what_stood_there() -> None:
    rows = [mark(0.5, 100), mark(1.5, 110), mark(2.0, 121), mark(4.5, 121)]
    # 00:30 to 01:00, to 02:00 (whose mark counts at the boundary), to 03:00, to 04:00, to 04:30.
    assert returns(rows, HOURLY) == pytest.approx([0.0, 0.21, 0.0, 0.0, 0.0])


def test_their_product_is_the_whole_return() -> None:
    rows = [mark(i * 0.7, 100 + 7 * math.sin(i)) for i in range(50)]
    whole = math.prod(1 + one for one in returns(rows, HOURLY))
    assert whole == pytest.approx(rows[-1].equity_e8 / rows[0].equity_e8)


def test_nothing_follows_a_total_loss() -> None:
    assert returns([mark(0, 100), mark(0.5, 0), mark(3, 50)], HOURLY) == [-1.0]


def test_a_month_is_looked_at_by_the_day() -> None:
    assert period_of([mark(0, 1), mark(29 * 24, 1)]) == HOURLY
    assert period_of([mark(0, 1), mark(30 * 24, 1)]) == DAILY
    assert DAILY.ms == DAY_MS
    assert period_of([]) == HOURLY


def test_the_ratios_are_those_of_the_formulas() -> None:
    rows = [mark(0, 100), mark(0.5, 110), mark(1.5, 99), mark(2.5, 103.95), mark(3, 103.95)]
    found = performance_of(rows, -10.0)
    bars = [0.1, -0.1, 0.05]
    mean = sum(bars) / 3
    deviation = math.sqrt(sum((one - mean) ** 2 for one in bars) / 2)
    assert found["sharpe"] == pytest.approx(mean / deviation * math.sqrt(8760), rel=1e-6)
    assert found["sortino"] == pytest.approx(mean / math.sqrt(0.01 / 3) * math.sqrt(8760), rel=1e-6)
    assert (found["period"], found["periods"]) == ("1h", 3)


def test_less_than_thirty_days_have_no_rate_a_year() -> None:
    for days, has in ((29, False), (30, True)):
        rows = [mark(day * 24, 100 + day % 3) for day in range(days + 1)]
        found = performance_of(rows, -1.0)
        assert (found["cagr_pct"] is not None, found["calmar"] is not None) == (has, has)
        assert found["sharpe"] is not None


def test_what_is_undefined_is_none() -> None:
    for rows in ([], [mark(0, 100)], [mark(0, 100), mark(9, 100)]):
        found = performance_of(rows, 0.0)
        assert (found["sharpe"], found["calmar"]) == (None, None)


def test_exposure_is_a_share_of_the_time() -> None:
    rows = [mark(0, 100), mark(1, 100, 60, 2), mark(3, 100, 100, 0), mark(4, 100)]
    assert exposure_of(rows) == {"time_held_pct": 50, "mean_pct": 20, "most_positions": 2}
    assert exposure_of([]) == {"time_held_pct": None, "mean_pct": None, "most_positions": 0}


def snapshot(at: int, heat: float, price: str) -> CandidateSnapshot:
    return CandidateSnapshot(
        at=at, venue="v", symbol="A", rank=1, heat=heat, coverage=1, dimensions={}, status="hot", since=0, price=price,
        inputs=HeatInputs(),
    )  # fmt: skip


def bar(at: int, close: str) -> Bar:
    return Bar(
        at=at, venue="v", symbol="A", step_s=60, open_at=at - 60_000, open=close, high=close, low=close, close=close,
        volume="1",
    )  # fmt: skip


def test_heat_is_held_against_the_first_price_an_hour_on() -> None:
    ahead = HeatAhead()
    for at, heat in ((60_000, 55), (120_000, 58), (120_000, 100)):
        ahead.ranked(snapshot(at, heat, "100"))
    for at, close in ((AHEAD_MS, "1"), (60_000 + AHEAD_MS, "110"), (120_000 + AHEAD_MS, "90")):
        ahead.price(bar(at, close))
    warm, hottest = ahead.steps()
    assert (warm.low, warm.high, warm.ranked, warm.mean_pct, warm.rose_pct) == (50, 60, 2, 0, 50)
    assert (hottest.low, hottest.ranked, hottest.mean_pct) == (90, 1, -10)


def test_a_price_that_is_none_is_waited_past() -> None:
    ahead = HeatAhead()
    ahead.ranked(snapshot(0, 10, "100"))
    ahead.price(bar(AHEAD_MS, "0"))
    assert ahead.steps() == []
    ahead.price(bar(AHEAD_MS + 60_000, "101"))
    assert ahead.plain()["steps"][0]["ranked"] == 1
