"""The split of a gap between two runs: each share by itself, and what holds for every pair of runs."""

from decimal import Context, Decimal, Inexact, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_runs import Sale, Trade, compared, cycles, ordered, priced, refused, traded

from engine.errors import BadRecord
from engine.stages.divergence import SHARES, Divergence
from engine.stages.divergence_deals import Deals

STOPPED = Trade("AUSDT", 1, "10", "2", "0.02", sales=(Sale("STOP", 9, "10", "1.9", "0.019"),))


def shares(made: Divergence) -> dict[str, str]:
    return {name: str(part.normalize()) for name, part in made.shares.items() if part}


def causes(made: Divergence) -> list[tuple[str, str, str]]:
    return [(one.share, one.cause, str(one.amount.normalize())) for one in made.causes]


def test_a_run_against_itself_is_zero_everywhere() -> None:
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(STOPPED)])
    assert made.total.same
    assert (made.total.gap, made.trades, shares(made)) == (0, (), {})


def test_another_fee_is_fee() -> None:
    other = STOPPED._replace(fee="0.04")
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(other)])
    assert shares(made) == {"fee": "-0.02"}
    assert causes(made) == [("fee", "ENTRY", "-0.02")]


def test_another_price_at_the_same_time_is_price() -> None:
    other = STOPPED._replace(price="2.01")
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(other)])
    assert causes(made) == [("price", "ENTRY", "-0.1")]


def test_a_later_fill_is_timing_as_far_as_the_market_moved() -> None:
    other = STOPPED._replace(price="2.15", delay=1)
    told = [priced("AUSDT", 1, "2"), priced("AUSDT", 2, "2.1")]
    made = compared([*cycles(20), *told, *traded(STOPPED)], [*cycles(20), *told, *traded(other)])
    assert causes(made) == [("timing", "ENTRY", "-1"), ("price", "ENTRY", "-0.5")]


def test_a_price_that_only_one_run_told_serves_both() -> None:
    other = STOPPED._replace(price="2.15", delay=1)
    told = [priced("AUSDT", 1, "2"), priced("AUSDT", 2, "2.1")]
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *told, *traded(other)])
    assert shares(made) == {"timing": "-1", "price": "-0.5"}


def test_fewer_coins_filled_are_fill_at_what_a_coin_earned() -> None:
    other = Trade("AUSDT", 1, "4", "2", "0.02", asked="10", sales=(Sale("STOP", 9, "4", "1.9", "0.019"),))
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(other)])
    assert causes(made) == [("fill", "FILLED", "0.6")]


def test_fewer_coins_asked_for_are_named_as_such() -> None:
    other = Trade("AUSDT", 1, "4", "2", "0.02", sales=(Sale("STOP", 9, "4", "1.9", "0.019"),))
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(other)])
    assert causes(made) == [("fill", "ASKED", "0.6")]


def test_dust_that_only_one_run_found_is_fill() -> None:
    """It cost nothing, and was sold with the others."""
    other = STOPPED._replace(dust="1", sales=(Sale("STOP", 9, "11", "1.9", "0.019"),))
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(other)])
    assert shares(made) == {"fill": "1.9"}


def test_a_trade_of_one_run_is_signal_by_the_refusal_of_the_other() -> None:
    no = refused("AUSDT", 1, "PRECHECK_FAILED", "MIN_NOTIONAL")
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), no])
    assert causes(made) == [("signal", "PRECHECK_FAILED (MIN_NOTIONAL)", "1.039")]
    assert made.trades[0].taken_by == "a"


def test_without_a_refusal_the_cycle_tells_why_the_other_did_not_enter() -> None:
    early = STOPPED._replace(minute=0)
    made = compared([*cycles(20), *traded(early)], cycles(20))
    assert [one.cause for one in made.causes] == ["WATCHED"]


@pytest.mark.parametrize(("records", "cause"), [(cycles(0), "NOT_RUN"), (cycles(20), "NOT_SCANNED")])
def test_a_time_or_coin_that_the_other_never_saw_is_said(records: list, cause: str) -> None:
    made = compared([*cycles(20), *traded(STOPPED)], records)
    assert [one.cause for one in made.causes] == [cause]


def test_an_order_that_found_nothing_is_fill() -> None:
    none = ordered("AUSDT", 1, "10", code="INSUFFICIENT_LIQUIDITY")
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *none])
    assert causes(made) == [("fill", "INSUFFICIENT_LIQUIDITY", "1.039")]


def test_another_way_out_is_signal() -> None:
    other = STOPPED._replace(sales=(Sale("TIER_1", 5, "10", "2.2", "0.022"),))
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(other)])
    assert causes(made) == [
        ("signal", "TIER_1", "2"), ("signal", "STOP", "1"), ("fee", "TIER_1", "-0.022"), ("fee", "STOP", "0.019"),
    ]  # fmt: skip


def test_coins_that_went_another_way_out_are_no_difference_of_fills() -> None:
    other = STOPPED._replace(sales=(Sale("TIER_1", 5, "3", "2.2", "0"), Sale("STOP", 9, "7", "1.9", "0.019")))
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(other)])
    assert shares(made) == {"signal": "0.9"}


def test_what_is_still_held_counts_at_the_last_price_of_its_run() -> None:
    held = STOPPED._replace(sales=())
    made = compared([*cycles(20), *traded(STOPPED)], [*cycles(20), *traded(held), priced("AUSDT", 19, "2.5")])
    assert str(made.total.gap) == "6.019"
    (position,) = made.open_positions
    assert (position.run, str(position.price), str(position.value)) == ("b", "2.5", "25.0")
    assert made.trades[0].open_b and not made.trades[0].open_a
    assert causes(made)[:2] == [("signal", "OPEN", "5"), ("signal", "STOP", "1")]


def test_an_order_of_one_run_that_came_to_nothing_is_a_difference_without_a_gap() -> None:
    made = compared([*cycles(20), *traded(STOPPED), *ordered("BUSDT", 3, "1")], [*cycles(20), *traded(STOPPED)])
    assert (made.total.same, made.total.gap, made.total.intents_only_a) == (False, 0, 1)


def test_a_run_that_begins_in_the_middle_of_a_trade_is_refused() -> None:
    deals = Deals()
    with pytest.raises(BadRecord, match="never entered"):
        for record in traded(STOPPED)[4:]:
            deals.take(record)


numbers = st.decimals(min_value="0.0000001", max_value="99999", places=7)
fees = st.decimals(min_value=0, max_value=5, places=8)
REASONS = ("TIER_1", "TIER_2", "TRAIL", "STOP", "TIME")


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    """A trade at one of a few times, so that two runs share some; sold in up to three ways, or held in part."""
    slot = draw(st.integers(0, 5))
    parts = draw(st.lists(numbers, min_size=1, max_size=4))
    ways = draw(st.permutations(REASONS))
    keep = draw(st.booleans())
    sold = parts[: len(parts) - 1] if keep else parts
    minutes = sorted(draw(st.lists(st.integers(3, 9), min_size=len(sold), max_size=len(sold))))
    sales = tuple(
        Sale(reason, slot * 10 + minute, f"{qty:f}", f"{draw(numbers):f}", f"{draw(fees):f}")
        for reason, minute, qty in zip(ways, minutes, sold, strict=False)
    )
    return Trade(
        "AUSDT", slot * 10, f"{sum(parts):f}", f"{draw(numbers):f}", f"{draw(fees):f}", draw(st.integers(0, 2)),
        draw(st.sampled_from(["", "7"])), sales, draw(st.sampled_from(["0", "0", "0.37"])),
    )  # fmt: skip


@st.composite
def runs(draw: st.DrawFn) -> list:
    """A run of trades one after the other, of which only the last may still be held."""
    made = sorted(draw(st.lists(trades(), max_size=4, unique_by=lambda one: one.minute)), key=lambda one: one.minute)
    records = cycles(draw(st.integers(10, 70)))
    for i, one in enumerate(made):
        left = Decimal(one.qty) + Decimal(one.dust) - sum(Decimal(sale.qty) for sale in one.sales)
        if left and i < len(made) - 1:
            one = one._replace(sales=(*one.sales, Sale("SIGNAL", one.minute + 9, f"{left:f}", f"{draw(numbers):f}")))
        records += traded(one)
    for minute in draw(st.lists(st.integers(0, 70), max_size=6, unique=True)):
        records.append(priced("AUSDT", minute, f"{draw(numbers):f}"))
    return records


@settings(max_examples=300, deadline=None)
@given(runs(), runs())
def test_shares_sum_to_the_gap_and_change_sign_with_the_runs(a: list, b: list) -> None:
    there, back = compared(a, b), compared(b, a)
    with localcontext(Context(prec=400, traps=[Inexact])):
        gap = there.total.net_b - there.total.net_a
        assert there.total.gap == gap
        assert sum(there.shares.values()) == gap
        assert sum(one.amount for one in there.causes) == gap
        assert sum(one.gap for one in there.trades) == gap
        assert sum(one.gap for one in there.by_symbol) == gap
        for one in (*there.trades, *there.by_symbol):
            assert sum(one.shares.values()) == one.gap
        for one in there.trades:
            assert sum(cause.amount for cause in one.causes) == one.gap == one.net_b - one.net_a
        assert {name: -part for name, part in back.shares.items()} == there.shares
        assert [-one.gap for one in back.trades] == [one.gap for one in there.trades]
        assert {(c.share, c.cause): -c.amount for c in back.causes} == {
            (c.share, c.cause): c.amount for c in there.causes
        }
    assert tuple(there.shares) == SHARES
    assert there.total.same == back.total.same


@settings(max_examples=60, deadline=None)
@given(runs())
def test_every_run_is_the_same_as_itself(a: list) -> None:
    made = compared(a, a)
    assert made.total.same and not made.trades and not any(made.shares.values())
