"""Funding: who holds a perpetual through a funding time pays or gets it, once."""

from decimal import Decimal

import pytest
from perp_desk import NOON, Perps, bar, rate
from stage_builders import MINUTE

from engine.matching.margin import HOUR_MS
from engine.records.ideas import ExitPlan
from engine.records.market import Tick, Ticker

#: A minute before the funding time.
BEFORE = NOON + 8 * HOUR_MS - MINUTE
T = NOON + 8 * HOUR_MS


def held(opened_at: int = BEFORE - MINUTE, plan: ExitPlan | None = None, venue: str = "binance-usdm") -> Perps:
    """A desk that holds one coin since the bar that opened at a time."""
    perps = Perps(venue=venue)
    perps.enter(opened_at, plan=plan)
    perps.feed(bar(opened_at + MINUTE, "100", venue=venue))
    return perps


def test_a_long_pays_a_rate_above_zero_on_the_last_price() -> None:
    perps = held()
    perps.feed(bar(T, "100", close="102"), Tick(at=T), rate(T + 13, "0.0001"))
    (payment,) = perps.payments
    assert (payment.at, payment.due_at) == (T + 13, T)
    assert (payment.qty, payment.price, payment.rate, payment.amount) == ("1", "102", "0.0001", "-0.0102")
    assert perps.position.reason == "FUNDING"
    assert perps.position.realised_pnl == "-0.1102"  # with the fee of the entry


def test_a_long_gets_a_rate_below_zero_on_the_mark_price() -> None:
    perps = held()
    perps.feed(bar(T, "100"), rate(T + 3, "-0.0001", mark="101"))
    assert perps.payments[0].amount == "0.0101"
    perps.feed(bar(T + MINUTE, "100"), Tick(at=T + MINUTE))
    assert perps.cash == Decimal("899.9")  # it stays in the margin until the position is left
    assert perps.equity == Decimal("999.9101")


def test_what_is_paid_is_rounded_up_and_what_is_got_down() -> None:
    for value, amount in (("0.000000001", "-0.00000034"), ("-0.000000001", "0.00000033")):
        perps = Perps(step="0.001")
        perps.enter(BEFORE - MINUTE, qty="3.333")
        perps.feed(bar(BEFORE, "100"), bar(T, "100"), rate(T + 1, value))
        assert perps.payments[0].amount == amount


def test_a_rate_at_the_very_time_waits_for_what_happened_up_to_it() -> None:
    plan = ExitPlan(stop_pct=5)
    perps = held(plan=plan)
    perps.feed(rate(T, "0.01"), bar(T, "100", low="90"), Tick(at=T))
    assert perps.position.status == "closed"
    assert perps.payments == []  # the stop was touched before
    perps = held(plan=plan)
    perps.feed(rate(T, "0.01"), bar(T, "100"), Tick(at=T))
    assert [one.at for one in perps.payments] == [T]


def test_who_enters_at_the_time_pays_nothing_and_who_leaves_in_the_bar_after_it_does() -> None:
    perps = Perps()
    perps.enter(T)
    perps.feed(rate(T + 5, "0.01"), bar(T + MINUTE, "100"), Tick(at=T + MINUTE))
    assert (perps.payments, perps.position.opened_at) == ([], T)
    perps = held(plan=ExitPlan(stop_pct=5))
    perps.feed(bar(T, "100"), Tick(at=T), rate(T + 5, "0.01"), bar(T + MINUTE, "100", low="90"))
    assert len(perps.payments) == 1


def test_a_rate_that_is_told_twice_is_paid_once() -> None:
    perps = held()
    perps.feed(bar(T, "100"), rate(T + 5, "0.01"), rate(T + 6, "0.01"), rate(T + 7, "0.01", due_at=T))
    perps.feed(bar(T + MINUTE, "100"), Tick(at=T + MINUTE))
    assert len(perps.payments) == 1


def test_a_running_rate_is_paid_as_it_was_told_last_before_it_is_due() -> None:
    perps = held()
    perps.feed(rate(BEFORE + 1, "0.01", "100", T), rate(T - 1, "0.02", "101", T), bar(T, "100"), Tick(at=T))
    assert [(one.rate, one.amount) for one in perps.payments] == [("0.02", "-2.02")]
    perps.feed(rate(T + 2_000, "0.03", "101", T + 8 * HOUR_MS), rate(T + 3_000, "0.02", due_at=T))
    perps.feed(bar(T + MINUTE, "100"), Tick(at=T + MINUTE))
    assert len(perps.payments) == 1


def test_a_running_rate_is_paid_with_the_first_price_after_it_too() -> None:
    perps = held()
    price = Ticker(at=T + 1, venue="binance-usdm", symbol="ETCUSDT", last="100", quote_volume_24h="1000")
    perps.feed(rate(T - 1, "0.01", "100", T), price)
    assert [one.at for one in perps.payments] == [T + 1]


def test_rates_that_are_told_each_minute_without_a_time_are_no_payments() -> None:
    perps = Perps()
    perps.feed(rate(BEFORE - 3 * MINUTE, "0.01"))
    perps.enter(BEFORE - MINUTE)
    perps.feed(bar(BEFORE, "100"), rate(BEFORE, "0.01"), bar(T, "100"), rate(T, "0.01"), rate(T + MINUTE, "0.01"))
    perps.feed(bar(T + MINUTE, "100"), Tick(at=T + MINUTE))
    assert perps.payments == []


def test_each_interval_is_paid_by_whoever_holds_on() -> None:
    perps = held()
    for hour in range(4):
        at = T + hour * HOUR_MS
        perps.feed(bar(at, "100"), Tick(at=at), rate(at + 4, "0.001"))
    assert [one.due_at for one in perps.payments] == [T + hour * HOUR_MS for hour in range(4)]
    assert perps.position.realised_pnl == "-0.5"


@pytest.mark.parametrize("text", ["1.5", "-2", "NaN", "1e-4", "", "abc", "9" * 30])
def test_a_rate_that_cannot_be_is_not_paid(text: str) -> None:
    perps = held()
    assert perps.feed(bar(T, "100"), rate(T + 1, text), bar(T + MINUTE, "100")) == []


def test_a_mark_price_that_cannot_be_is_not_used() -> None:
    perps = held()
    perps.feed(bar(T, "100"), rate(T + 1, "0.01", mark="0"), bar(T + MINUTE, "100"))
    assert perps.payments == []


def test_spot_has_no_funding_and_neither_has_another_venue() -> None:
    perps = held(venue="binance-spot")
    spot = bar(T, "100", venue="binance-spot")
    perps.feed(spot, rate(T + 1, "0.01", venue="binance-spot"), rate(T + 2, "0.01"), Tick(at=T + MINUTE))
    assert perps.payments == []
    perps = held()
    perps.feed(bar(T, "100"), rate(T + 1, "0.01", venue="bybit-linear"), Tick(at=T + MINUTE))
    assert perps.payments == []


def test_a_flat_desk_says_nothing_of_funding() -> None:
    perps = Perps()
    assert perps.feed(bar(T, "100"), rate(T + 1, "0.01"), bar(T + MINUTE, "100")) == []


def test_a_part_that_is_filled_after_the_time_pays_nothing() -> None:
    perps = Perps()
    perps.enter(BEFORE - MINUTE, qty="2")
    perps.feed(bar(BEFORE, "100", volume="0.5"), rate(T, "0.01", "100", T), bar(T, "100", volume="0.5"))
    perps.feed(bar(T + MINUTE, "100"))
    assert [(one.at, one.qty) for one in perps.payments] == [(T + MINUTE, "1")]
    assert perps.position.qty == "2"
