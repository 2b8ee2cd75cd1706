"""Walking a holding back to its opening, and grouping executions into round trips."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.world.account.account import IncomeNews, TradeNews
from engine.world.account.round_trips import RoundTrip, round_trips
from engine.world.account.walk_back import walk_back


def trade(number: int, qty: str | Decimal, price: str | Decimal = "100", **changed: Any) -> TradeNews:
    """Gives execution `number`, at that time; below zero it sells."""
    amount, at = Decimal(qty), Decimal(price)
    values: dict[str, Any] = {
        "symbol": "ABCUSDT", "client_id": None, "order_id": str(number), "trade_id": str(number),
        "side": "buy" if amount > 0 else "sell", "qty": abs(amount), "price": at, "notional": abs(amount) * at,
        "fee": Decimal(0), "fee_asset": "USDT", "liquidity": "taker", "venue_at": number,
    }  # fmt: skip
    return TradeNews(**(values | changed))


def fills(*quantities: str) -> list[TradeNews]:
    return [trade(number, qty) for number, qty in enumerate(quantities, 1)]


def income(number: int, amount: str, kind: Any = "realised", **changed: Any) -> IncomeNews:
    values: dict[str, Any] = {
        "income_id": f"{kind}-{number}", "kind": kind, "symbol": "ABCUSDT", "amount": Decimal(amount), "asset": "USDT",
        "trade_id": str(number) if kind == "realised" else "", "venue_at": number,
    }  # fmt: skip
    return IncomeNews(**(values | changed))


@pytest.mark.parametrize(
    ("quantities", "held", "opened_at"),
    [
        (("1",), "1", 1), (("1", "-1", "2"), "2", 3), (("3", "-1", "2", "-1"), "3", 1), (("-2",), "-2", 1),
        (("1", "-3"), "-2", 2), (("-1", "3", "1"), "3", 2), (("1", "-1", "-1", "1", "5", "-2"), "3", 5),
    ],
)  # fmt: skip
def test_a_holding_was_opened_where_it_was_flat_last(quantities: tuple[str, ...], held: str, opened_at: int) -> None:
    opening = walk_back(fills(*quantities), Decimal(held))
    assert opening is not None
    assert opening.opened_at_ms == opened_at
    assert [one.venue_at for one in opening.trades] == list(range(opened_at, len(quantities) + 1))


def test_executions_that_do_not_reach_back_prove_nothing() -> None:
    assert walk_back(fills("1", "1"), Decimal(3)) is None
    assert walk_back([], Decimal(1)) is None
    assert walk_back(fills("1", "-1"), Decimal(0)) is None


def test_the_entry_price_is_the_average_that_was_paid() -> None:
    trades = [trade(1, "1", "100"), trade(2, "3", "108"), trade(3, "-2", "150")]
    opening = walk_back(trades, Decimal(2))
    assert opening is not None
    assert opening.entry_price == 106
    assert opening.is_near(Decimal("110"))
    assert not opening.is_near(Decimal("112"))


def test_what_turned_a_position_round_entered_with_the_rest() -> None:
    opening = walk_back([trade(1, "-2", "100"), trade(2, "5", "90"), trade(3, "1", "94")], Decimal(4))
    assert opening is not None
    assert (opening.opened_at_ms, opening.entry_price) == (2, Decimal(91))


def test_coins_that_went_into_the_fee_were_never_held() -> None:
    trades = [
        trade(1, "10", "90", fee=Decimal(2), fee_asset="ABC"), trade(2, "-1", "110"),
        trade(3, "1", "146", fee=Decimal("0.5"), fee_asset="ABC"),
    ]  # fmt: skip
    opening = walk_back(trades, Decimal("7.5"), base="ABC")
    assert opening is not None
    assert (opening.opened_at_ms, opening.entry_price) == (1, (7 * Decimal(90) + Decimal(73)) / Decimal("7.5"))
    elsewhere = walk_back(trades, Decimal("7.5"))
    assert elsewhere is not None
    assert elsewhere.entry_price != opening.entry_price


def test_dust_is_flat() -> None:
    trades = [trade(1, "10"), trade(2, "-9.999"), trade(3, "5", "120")]
    opening = walk_back(trades, Decimal("5.001"), dust=Decimal("0.01"))
    assert opening is not None
    assert (opening.opened_at_ms, opening.entry_price) == (3, Decimal(120))
    assert walk_back(trades, Decimal("0.001"), dust=Decimal("0.01")) is None


def test_repeats_and_order_do_not_matter() -> None:
    trades = fills("1", "-1", "2", "1")
    assert walk_back([*reversed(trades), *trades], Decimal(3)) == walk_back(trades, Decimal(3))


quantity = st.integers(-20, 20).filter(bool).map(lambda steps: Decimal(steps) / 4)
priced = st.tuples(quantity, st.integers(1, 400).map(lambda ticks: Decimal(ticks) / 10))


@given(st.lists(priced, min_size=1, max_size=40), st.integers(0, 10))
def test_walking_back_finds_what_walking_on_knows(changes: list[tuple[Decimal, Decimal]], forgotten: int) -> None:
    trades = [trade(number, qty, price) for number, (qty, price) in enumerate(changes, 1)]
    held, opened_at, cost = Decimal(0), 0, Decimal(0)
    for number, (qty, price) in enumerate(changes, 1):
        after = held + qty
        if after * held <= 0:
            opened_at, cost = number, abs(after) * price
        elif abs(after) > abs(held):
            cost += abs(qty) * price
        else:
            cost *= after / held
        held = after
    opening = walk_back(trades[forgotten:], held)
    if not held or opened_at <= forgotten:
        # Less is known than what is held: it may net to zero by chance, but never before it was really opened.
        assert opening is None or opening.opened_at_ms > opened_at
        return
    assert opening is not None
    assert opening.opened_at_ms == opened_at
    assert abs(opening.entry_price - cost / abs(held)) < Decimal("1e-15")


def trip_of(trips: list[RoundTrip], number: int) -> tuple[Any, ...]:
    one = trips[number]
    return one.side, one.opened_at_ms, one.closed_at_ms, one.qty, one.realised


def test_a_round_trip_with_its_money() -> None:
    trades = [
        trade(1, "2", "100", fee=Decimal("0.1")), trade(2, "2", "110", fee=Decimal("0.1")),
        trade(5, "-1", "120", fee=Decimal("0.06")), trade(9, "-3", "90", fee=Decimal("0.2")),
    ]  # fmt: skip
    rows = [
        income(5, "15"), income(9, "-45"), income(4, "-0.5", "funding"), income(10, "-0.7", "funding"),
        income(5, "15"), income(5, "-0.06", "fee"),
    ]  # fmt: skip
    (trip,) = round_trips(trades, rows)
    assert trip == RoundTrip(
        trip_id="ABCUSDT:1", symbol="ABCUSDT", side="buy", opened_at_ms=1, closed_at_ms=9, qty=Decimal(4),
        entry_price=Decimal(105), exit_price=Decimal("97.5"), realised=Decimal(-30), funding=Decimal("-0.5"),
        fees={"USDT": Decimal("0.46")}, trade_ids=("1", "2", "5", "9"),
    )  # fmt: skip


def test_a_position_that_is_still_open_and_one_that_was_turned_round() -> None:
    trips = round_trips(
        [trade(1, "2", "100"), trade(2, "-5", "110"), trade(3, "1", "100"), trade(4, "-1", "120")],
        [income(2, "20"), income(3, "10")],
    )
    assert trip_of(trips, 0) == ("buy", 1, 2, Decimal(2), Decimal(20))
    assert trip_of(trips, 1) == ("sell", 2, None, Decimal(1), Decimal(10))
    assert trips[1].trip_id == "ABCUSDT:2"
    assert trips[1].trade_ids == ("2", "3", "4")


def test_what_was_opened_before_the_list_begins() -> None:
    trips = round_trips(
        [trade(1, "-2", "110"), trade(2, "-1", "90"), trade(3, "1", "95")], [income(1, "20"), income(2, "-10")]
    )
    assert trip_of(trips, 0) == ("buy", None, 2, Decimal(3), Decimal(10))
    assert trips[0].entry_price is None
    assert trip_of(trips, 1) == ("buy", 3, None, Decimal(0), Decimal(0))


def test_a_close_at_the_price_of_the_entry_is_a_close() -> None:
    (trip,) = round_trips([trade(1, "1"), trade(2, "-1")], [income(2, "0")])
    assert trip_of([trip], 0) == ("buy", 1, 2, Decimal(1), Decimal(0))


def test_without_income_the_prices_tell_the_profit() -> None:
    (trip,) = round_trips([trade(1, "-2", "100"), trade(2, "2", "90")], [])
    assert trip.realised == 20


def test_symbols_are_apart() -> None:
    trips = round_trips([trade(1, "1"), trade(1, "-1", symbol="币安人生USDT")], [])
    assert [one.symbol for one in trips] == ["ABCUSDT", "币安人生USDT"]


@given(st.lists(priced, max_size=40))
def test_trips_together_are_all_the_executions(changes: list[tuple[Decimal, Decimal]]) -> None:
    trades = [trade(number, qty, price, fee=Decimal("0.5")) for number, (qty, price) in enumerate(changes, 1)]
    trips = round_trips(trades, [])
    assert round_trips([*reversed(trades), *trades], []) == trips
    assert {number for trip in trips for number in trip.trade_ids} == {one.trade_id for one in trades}
    assert abs(sum(trip.fees["USDT"] for trip in trips) - Decimal("0.5") * len(trades)) < Decimal("1e-20")
    assert all(trip.closed_at_ms is not None for trip in trips[:-1])
    # What the open one holds is what all executions add up to.
    held = sum((qty for qty, _ in changes), Decimal(0))
    assert (bool(trips) and trips[-1].closed_at_ms is None) == bool(held)
    assert len({trip.trip_id for trip in trips}) == len(trips)
    # Money: what was sold less what was bought, and the cost of what is still held, is the profit.
    cash = sum((-qty * price for qty, price in changes), Decimal(0))
    opening = walk_back(trades, held)
    cost = held * opening.entry_price if opening is not None else Decimal(0)
    assert abs(sum(trip.realised for trip in trips) - cash - cost) < Decimal("1e-15")
