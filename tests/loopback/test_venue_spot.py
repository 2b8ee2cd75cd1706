"""Spot's books: reservations, fills, fees, states and ids by the exchange's rules."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venue_market import E8, Spot, code_of

from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.wanted import Wanted, check_digits, on_steps


def test_a_market_buy_pays_the_ask_and_its_fee_in_what_it_bought() -> None:
    spot = Spot()
    order = spot.place("BUY", "MARKET", quantity="2")
    assert (order.status, order.quote_e8) == ("FILLED", int(Decimal("200.2") * E8))
    assert spot.free("USDT") == Decimal("9799.8")
    assert spot.free("ABC") == Decimal("51.998")


def test_a_sale_pays_its_fee_in_quote() -> None:
    spot = Spot()
    spot.place("SELL", "MARKET", quantity="2")
    assert spot.free("USDT") == Decimal("10199.8")


def test_an_account_that_burns_pays_its_fee_in_bnb_a_quarter_cheaper() -> None:
    spot = Spot()
    spot.account.free["BNB"] = E8
    spot.account.burns = True
    order = spot.place("BUY", "MARKET", quantity="2")
    assert order.fills[0].fee_asset == "BNB"
    assert order.fills[0].fee_e8 == 25025  # 200.2 USDT x 0.075 % at 600 USDT
    assert spot.free("ABC") == Decimal(52)


def test_a_market_order_against_a_thin_book_expires_with_what_it_got() -> None:
    spot = Spot()
    spot.quote("100", "100.1", steps=1)
    order = spot.place("SELL", "MARKET", quantity="40")
    assert order.status == "EXPIRED"
    assert 0 < order.done < order.steps
    assert order.reason == "INSUFFICIENT_LIQUIDITY"


def test_a_resting_order_locks_its_cost_and_is_filled_at_its_own_price() -> None:
    spot = Spot()
    order = spot.place("BUY", "LIMIT", timeInForce="GTC", quantity="1", price="95")
    assert (order.status, spot.locked("USDT")) == ("NEW", Decimal(95))
    spot.quote("93", "93.1")
    assert order.status == "FILLED"
    assert (order.fills[0].ticks, order.fills[0].maker) == (950, True)
    assert (spot.locked("USDT"), spot.free("USDT")) == (Decimal(0), Decimal(9905))


def test_a_resting_order_that_the_market_only_touches_is_not_filled() -> None:
    spot = Spot()
    order = spot.place("BUY", "LIMIT", timeInForce="GTC", quantity="1", price="95")
    spot.quote("95", "95.1", last="95")
    assert order.status == "NEW"


def test_a_resting_order_gets_no_more_than_the_market_brings() -> None:
    spot = Spot()
    order = spot.place("BUY", "LIMIT", timeInForce="GTC", quantity="5", price="95")
    spot.quote("94.9", "95", steps=1000)
    assert (order.status, order.done) == ("PARTIALLY_FILLED", 1000)
    spot.cancel(order)
    assert (order.status, order.done, spot.locked("USDT")) == ("CANCELED", 1000, Decimal(0))


def test_immediate_or_cancel_ends_what_is_left() -> None:
    spot = Spot()
    order = spot.place("BUY", "LIMIT", timeInForce="IOC", quantity="20", price="100.1")
    assert (order.status, order.done, order.reason) == ("EXPIRED", 10_000, "UNFILLED_IOC_QUANTITY_EXPIRED")
    assert spot.locked("USDT") == 0


def test_fill_or_kill_takes_all_or_nothing() -> None:
    spot = Spot()
    order = spot.place("BUY", "LIMIT", timeInForce="FOK", quantity="20", price="100.1")
    assert (order.status, order.done, order.reason) == ("EXPIRED", 0, "UNFILLED_FOK_ORDER_EXPIRED")


def test_an_order_by_quote_is_sized_by_the_venue() -> None:
    spot = Spot()
    order = spot.place("BUY", "MARKET", quoteOrderQty="500")
    assert (order.status, order.done) == ("FILLED", 4995)
    assert order.quote_e8 <= 500 * E8


def test_a_client_id_is_unique_among_open_orders_only() -> None:
    spot = Spot()
    spot.place("BUY", "LIMIT", timeInForce="GTC", quantity="1", price="95", newClientOrderId="mine")
    with pytest.raises(Refusal, match="Duplicate order sent"):
        spot.place("BUY", "MARKET", quantity="1", newClientOrderId="mine")
    spot.place("BUY", "MARKET", quantity="1", newClientOrderId="other")
    again = spot.place("BUY", "MARKET", quantity="1", newClientOrderId="other")
    assert again.status == "FILLED"  # the trap: a blind resend buys twice


def test_an_order_does_not_trade_with_its_own_account() -> None:
    spot = Spot()
    resting = spot.place("BUY", "LIMIT", timeInForce="GTC", quantity="1", price="100")
    spot.place("SELL", "MARKET", quantity="1")
    assert (resting.status, resting.done) == ("EXPIRED_IN_MATCH", 0)
    assert spot.locked("USDT") == 0


def test_an_own_order_that_a_filled_one_did_not_reach_goes_on_resting() -> None:
    spot = Spot()
    resting = spot.place("SELL", "LIMIT", timeInForce="GTC", quantity="1", price="100.2")
    assert spot.place("BUY", "MARKET", quantity="1").status == "FILLED"
    assert resting.status == "NEW"


def test_accounts_trade_with_each_other_at_the_price_that_rested() -> None:
    spot = Spot()
    other = spot.open("other", USDT="1000")
    resting = spot.place("BUY", "LIMIT", other, timeInForce="GTC", quantity="1", price="100")
    taken = spot.place("SELL", "MARKET", quantity="1")
    assert (resting.status, taken.status) == ("FILLED", "FILLED")
    assert resting.fills[0].trade_id == taken.fills[0].trade_id


@pytest.mark.parametrize(
    ("side", "kind", "stop", "through"),
    [
        ("SELL", "STOP_LOSS", "98", "97.9"),
        ("BUY", "STOP_LOSS", "102", "102.2"),
        ("SELL", "TAKE_PROFIT", "102", "102.2"),
        ("BUY", "TAKE_PROFIT", "98", "97.9"),
    ],
)
def test_a_stop_triggers_on_its_side(side: str, kind: str, stop: str, through: str) -> None:
    spot = Spot()
    order = spot.place(side, kind, quantity="1", stopPrice=stop)
    assert (order.status, order.working_at) == ("NEW", -1)
    spot.quote(through, str(Decimal(through) + Decimal("0.1")))
    assert order.status == "FILLED"


def test_a_stop_on_the_wrong_side_would_trigger_at_once() -> None:
    spot = Spot()
    with pytest.raises(Refusal, match="would trigger immediately"):
        spot.place("SELL", "STOP_LOSS", quantity="1", stopPrice="101")


def test_a_trailing_stop_follows_the_price_up_and_sells_when_it_comes_back() -> None:
    spot = Spot()
    order = spot.place("SELL", "STOP_LOSS", quantity="1", trailingDelta="200")
    spot.quote("110", "110.1")
    spot.quote("108", "108.1")
    assert order.status == "NEW"
    spot.quote("107.8", "107.9")
    assert order.status == "FILLED"


def test_of_a_pair_the_stop_takes_the_place_of_the_limit() -> None:
    spot = Spot()
    pair = _pair(spot)
    assert spot.locked("ABC") == 3
    spot.quote("94.9", "95")
    limit, stop = pair.orders
    assert (limit.status, limit.reason, stop.status) == ("EXPIRED", "OCO_TRIGGER", "FILLED")
    assert (pair.status, spot.locked("ABC")) == ("ALL_DONE", 0)


def test_of_a_pair_the_limit_ends_the_stop() -> None:
    spot = Spot()
    limit, stop = _pair(spot).orders
    spot.quote("105.1", "105.2")
    assert (limit.status, stop.status, spot.locked("ABC")) == ("FILLED", "EXPIRED", 0)


def test_cancelling_a_leg_cancels_the_pair() -> None:
    spot = Spot()
    limit, stop = _pair(spot).orders
    spot.cancel(stop)
    assert (limit.status, stop.status, spot.locked("ABC")) == ("CANCELED", "CANCELED", 0)


def _pair(spot: Spot) -> Any:
    wanted = {
        "symbol": "ABCUSDT", "side": "SELL", "quantity": "3", "aboveType": "LIMIT_MAKER", "abovePrice": "105",
        "belowType": "STOP_LOSS", "belowStopPrice": "95",
    }  # fmt: skip
    return spot.books.place_pair(spot.account, Wanted(wanted))


GTC = {"timeInForce": "GTC"}


@pytest.mark.parametrize(
    ("values", "code", "text"),
    [
        ({"type": "LIMIT", "quantity": "1", "price": "95.05", **GTC}, -1013, "PRICE_FILTER"),
        ({"type": "LIMIT", "quantity": "1", "price": "160", **GTC}, -1013, "PERCENT_PRICE_BY_SIDE"),
        ({"type": "LIMIT", "quantity": "1.0005", "price": "95", **GTC}, -1013, "LOT_SIZE"),
        ({"type": "LIMIT", "quantity": "0.001", "price": "95", **GTC}, -1013, "NOTIONAL"),
        ({"type": "LIMIT", "quantity": "1.000000001", "price": "95", **GTC}, -1111, "Precision"),
        ({"type": "MARKET", "quantity": "501"}, -1013, "MARKET_LOT_SIZE"),
        ({"type": "MARKET", "quantity": "1", "price": "100"}, -1106, "price"),
        ({"type": "MARKET", "quantity": "1", "quoteOrderQty": "100"}, -1128, "Combination"),
        ({"type": "MARKET", "quantity": "400"}, -2010, "insufficient balance"),
        ({"type": "MARKET", "quantity": "1e1"}, -1100, "Illegal characters"),
        ({"type": "MARKET"}, -1102, "quantity"),
        ({"type": "LIMIT", "quantity": "1", "price": "95"}, -1102, "timeInForce"),
        ({"type": "LIMIT_MAKER", "quantity": "1", "price": "101"}, -2010, "immediately match"),
        ({"type": "MARKET", "quantity": "1", "newClientOrderId": "no spaces"}, -1100, "newClientOrderId"),
        ({"type": "ROCKET", "quantity": "1"}, -1116, "orderType"),
        ({"type": "MARKET", "quantity": "1", "symbol": "NOUSDT"}, -1121, "Invalid symbol"),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_name(values: dict[str, str], code: int, text: str) -> None:
    spot = Spot()
    with pytest.raises(Refusal) as refused:
        spot.books.place(spot.account, Wanted({"symbol": "ABCUSDT", "side": "BUY", **values}))
    assert refused.value.code == code
    assert text in refused.value.text
    assert not spot.account.orders


def test_open_stops_of_a_symbol_are_counted() -> None:
    spot = Spot()
    for _ in range(5):
        spot.place("SELL", "STOP_LOSS", quantity="1", stopPrice="90")
    with pytest.raises(Refusal, match="MAX_NUM_ALGO_ORDERS"):
        spot.place("SELL", "STOP_LOSS", quantity="1", stopPrice="90")


def test_a_symbol_that_only_lets_cancel_takes_no_orders() -> None:
    spot = Spot()
    order = spot.place("BUY", "LIMIT", quantity="1", price="95", **GTC)
    spot.coin.status = "CANCEL_ONLY"
    with pytest.raises(Refusal, match="Market is closed"):
        spot.place("BUY", "MARKET", quantity="1")
    assert spot.cancel(order).status == "CANCELED"


def test_a_cancelled_order_is_told_with_its_own_id_as_the_original_one() -> None:
    spot = Spot()
    told: list[dict[str, Any]] = []
    order = spot.place("BUY", "LIMIT", quantity="1", price="95", newClientOrderId="mine", **GTC)
    spot.account.listeners.append(told.append)
    spot.cancel(order)
    report = next(event for event in told if event["e"] == "executionReport")
    assert (report["x"], report["C"]) == ("CANCELED", "mine")
    assert report["c"] != "mine"


def test_a_hidden_order_is_there_but_cannot_be_found_yet() -> None:
    spot = Spot()
    spot.books.hide_ms = 1000
    order = spot.place("BUY", "MARKET", quantity="1")
    wanted = Wanted({"symbol": "ABCUSDT", "orderId": str(order.order_id)})
    assert code_of(lambda: spot.books.find(spot.account, wanted)) == -2013
    spot.clock.at += 1000
    assert spot.books.find(spot.account, wanted) is order


def test_a_pair_that_cannot_be_paid_leaves_nothing_behind() -> None:
    spot = Spot()
    spot.account.free["ABC"] = E8
    with pytest.raises(Refusal, match="insufficient balance"):
        _pair(spot)
    assert (spot.books.lists, spot.account.orders, spot.locked("ABC")) == ({}, {}, 0)


@given(st.builds(lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 10**15), st.integers(0, 10)))
def test_a_quantity_is_whole_steps_or_none_and_has_eight_decimals_at_most(qty: Decimal) -> None:
    steps = Fraction(qty) * 1000
    assert on_steps(Spot().coin, qty) == (int(steps) if steps.denominator == 1 else None)
    if (Fraction(qty) * E8).denominator == 1:
        check_digits(qty)
    else:
        with pytest.raises(Refusal, match="Precision is over the maximum"):
            check_digits(qty)
