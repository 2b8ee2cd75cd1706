"""The books of perpetuals: positions, margin, funding, liquidation and the algo service."""

from decimal import Decimal

import pytest
from venue_market import E8, START, Perp, code_of, rules

from engine.world.loopback.books.perp import FUNDING_MS
from engine.world.loopback.books.perp_margin import Position, liquidation_price, maintenance
from engine.world.loopback.books.perp_settings import move_margin, set_dual, set_isolated, set_leverage
from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.market.instruments import Instrument


def test_a_position_is_opened_and_closed_with_its_profit_and_fees() -> None:
    perp = Perp()
    perp.place("BUY", "MARKET", quantity="1")
    perp.quote("110", "110.1")
    perp.place("SELL", "MARKET", quantity="1", reduceOnly="true")
    # 110 - 100.1, less 0.05 % of 100.1 and of 110
    assert perp.wallet == Decimal("1009.79495")
    assert perp.position.steps == 0
    kinds = [row["incomeType"] for row in perp.trader.income]
    assert kinds == ["COMMISSION", "REALIZED_PNL", "COMMISSION"]


def test_a_sale_beyond_the_position_turns_it_round() -> None:
    perp = Perp()
    perp.place("BUY", "MARKET", quantity="1")
    perp.place("SELL", "MARKET", quantity="3")
    assert (perp.position.steps, perp.position.entry_e8) == (-2000, 100 * E8)


def test_an_order_that_only_reduces_never_turns_it_round() -> None:
    perp = Perp()
    perp.place("BUY", "MARKET", quantity="1")
    order = perp.place("SELL", "MARKET", quantity="3", reduceOnly="true")
    assert (order.done, perp.position.steps) == (1000, 0)
    assert code_of(lambda: perp.place("SELL", "MARKET", quantity="1", reduceOnly="true")) == -2022


def test_resting_orders_that_only_reduce_shrink_and_end_with_the_position() -> None:
    perp = Perp()
    perp.place("BUY", "MARKET", quantity="2")
    order = perp.place("SELL", "LIMIT", quantity="2", price="105", timeInForce="GTC", reduceOnly="true")
    perp.place("SELL", "MARKET", quantity="1.5")
    assert (order.steps, order.status) == (500, "NEW")
    perp.place("SELL", "MARKET", quantity="0.5")
    assert order.status == "EXPIRED"


def test_margin_bounds_what_can_be_opened() -> None:
    perp = Perp("100")
    set_leverage(perp.books, perp.trader, "ABCUSDT", 2)
    assert code_of(lambda: perp.place("BUY", "MARKET", quantity="2")) == -2019
    perp.place("BUY", "MARKET", quantity="1.5")
    assert code_of(lambda: perp.place("BUY", "LIMIT", quantity="1", price="99", timeInForce="GTC")) == -2019


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"type": "STOP_MARKET", "stopPrice": "90", "quantity": "1"}, -4120),
        ({"type": "MARKET", "quantity": "0.01"}, -4164),
        ({"type": "MARKET", "quantity": "600"}, -4005),
        ({"type": "MARKET", "quantity": "0.0001"}, -1111),
        ({"type": "MARKET", "quantity": "1", "positionSide": "LONG"}, -4061),
        ({"type": "LIMIT", "quantity": "1", "price": "100.05", "timeInForce": "GTC"}, -1111),
        ({"type": "LIMIT", "quantity": "1", "price": "195", "timeInForce": "GTC"}, -4016),
        ({"type": "LIMIT", "quantity": "1", "price": "101", "timeInForce": "GTX"}, -5022),
        ({"type": "LIMIT", "quantity": "120", "price": "100.1", "timeInForce": "FOK"}, -5021),
        ({"type": "MARKET", "quantity": "1", "newClientOrderId": "no spaces"}, -4015),
    ],
)
def test_what_breaks_a_rule_is_refused_by_its_code(values: dict[str, str], code: int) -> None:
    perp = Perp()
    kind = values["type"]
    rest = {name: value for name, value in values.items() if name != "type"}
    assert code_of(lambda: perp.place("BUY", kind, **rest)) == code


def test_a_duplicate_id_is_refused_while_the_first_is_open() -> None:
    perp = Perp()
    values = {"quantity": "1", "price": "90", "timeInForce": "GTC", "newClientOrderId": "mine"}
    perp.place("BUY", "LIMIT", **values)
    assert code_of(lambda: perp.place("BUY", "LIMIT", **values)) == -4116


def test_settings_that_are_already_so_are_answered_with_their_codes() -> None:
    perp = Perp()
    set_isolated(perp.books, perp.trader, "ABCUSDT", True)
    assert code_of(lambda: set_isolated(perp.books, perp.trader, "ABCUSDT", True)) == -4046
    assert code_of(lambda: set_dual(perp.books, perp.trader, False)) == -4059
    assert code_of(lambda: set_leverage(perp.books, perp.trader, "ABCUSDT", 126)) == -4028
    perp.place("BUY", "MARKET", quantity="1")
    assert code_of(lambda: set_isolated(perp.books, perp.trader, "ABCUSDT", False)) == -4048
    assert code_of(lambda: set_dual(perp.books, perp.trader, True)) == -4068


def test_a_hedge_holds_both_sides() -> None:
    perp = Perp()
    set_dual(perp.books, perp.trader, True)
    perp.place("BUY", "MARKET", quantity="1", positionSide="LONG")
    perp.place("SELL", "MARKET", quantity="2", positionSide="SHORT")
    assert [one.steps for one in perp.trader.held()] == [1000, -2000]
    assert code_of(lambda: perp.place("SELL", "MARKET", quantity="3", positionSide="LONG")) == -2022


def test_funding_is_paid_by_the_longs_when_the_rate_is_positive() -> None:
    perp = Perp()
    perp.place("BUY", "MARKET", quantity="1")
    before = perp.wallet
    perp.books.rates["ABCUSDT"] = Decimal("0.001")
    perp.clock.at = (START // FUNDING_MS + 1) * FUNDING_MS
    perp.books.fund()
    perp.books.fund()
    assert perp.wallet == before - Decimal("0.1")
    assert [row["incomeType"] for row in perp.trader.income][-1] == "FUNDING_FEE"


def test_a_liquidation_costs_the_whole_isolated_margin_and_nothing_else() -> None:
    perp = Perp()
    set_isolated(perp.books, perp.trader, "ABCUSDT", True)
    set_leverage(perp.books, perp.trader, "ABCUSDT", 10)
    perp.place("BUY", "MARKET", quantity="1")
    before, margin = perp.wallet, Decimal(perp.position.wallet_e8) / E8
    assert margin == Decimal("10.01")
    perp.quote("91", "91.1")
    assert perp.position.steps == 1000
    perp.quote("90", "90.1")
    assert perp.position.steps == 0
    assert perp.wallet == before - margin
    forced = list(perp.trader.orders.values())[-1]
    assert forced.client_id.startswith("autoclose-")


def test_cross_positions_are_liquidated_when_the_account_no_longer_bears_them() -> None:
    perp = Perp("10")
    perp.place("BUY", "MARKET", quantity="1")
    perp.quote("80", "80.1")
    assert perp.position.steps == 0
    assert perp.wallet == 0


@pytest.mark.parametrize(
    ("wallet", "entry", "qty", "expected"),
    [("1535443.01", "32481.98", "109.488", "18778.73"), ("10", "100", "1", "90.36")],
)
def test_the_liquidation_price_is_the_published_one(wallet: str, entry: str, qty: str, expected: str) -> None:
    # The first is the isolated form of Binance's worked example, as the freqtrade test suite carries it; the second is
    # by hand: (10 - 100) / (0.004 - 1).
    coin = Instrument.of("usdm", rules("ABCUSDT", "binance-usdm", tick="0.01"))
    steps = coin.scale.steps(qty)
    position = Position(coin, "BOTH", steps, coin.money(coin.scale.ticks(entry, up=False), steps))
    found = liquidation_price(position, int(Decimal(wallet) * E8))
    assert abs(found - Decimal(expected)) < Decimal("0.01")


@pytest.mark.parametrize(("notional", "expected"), [(500_000, 3700), (264_000, 1340), (50_000, 200), (1000, 4)])
def test_the_maintenance_margin_is_the_published_one(notional: int, expected: int) -> None:
    # Binance FAQ, liquidation price of USDT-margined futures: 1 % and 1,300 at 500,000 and at 264,000.
    assert maintenance(notional * E8) == expected * E8


def test_a_conditional_order_lives_in_a_service_of_its_own() -> None:
    perp = Perp()
    perp.place("BUY", "MARKET", quantity="1")
    algo = perp.stop("SELL", "STOP_MARKET", triggerPrice="95", closePosition="true")
    assert perp.trader.open_of("ABCUSDT") == []
    perp.books.cancel_all(perp.trader, "ABCUSDT")
    assert algo.status == "NEW"
    perp.quote("94.9", "95")
    assert (algo.status, perp.position.steps) == ("FINISHED", 0)
    assert algo.order is not None
    assert algo.order.order_id != algo.algo_id


def test_a_stop_whose_order_is_refused_leaves_the_position_naked_and_says_so() -> None:
    perp = Perp("100")
    told: list[str] = []
    perp.trader.listeners.append(lambda event: told.append(event["o"]["X"]) if event["e"] == "ALGO_UPDATE" else None)
    algo = perp.stop("BUY", "STOP_MARKET", triggerPrice="105", quantity="400")
    perp.quote("105", "105.1")
    assert algo.status == "REJECTED"
    assert told == ["NEW", "TRIGGERING", "REJECTED"]


def test_a_stop_that_is_through_already_is_refused() -> None:
    perp = Perp()
    assert code_of(lambda: perp.stop("SELL", "STOP_MARKET", triggerPrice="101", quantity="1")) == -2021
    assert code_of(lambda: perp.stop("BUY", "TAKE_PROFIT_MARKET", triggerPrice="101", quantity="1")) == -2021


def test_a_trailing_stop_arms_at_its_price_and_follows() -> None:
    perp = Perp()
    perp.place("BUY", "MARKET", quantity="1")
    values = {"quantity": "1", "callbackRate": "2", "activatePrice": "104", "reduceOnly": "true"}
    algo = perp.stop("SELL", "TRAILING_STOP_MARKET", **values)
    for price in ("97", "104", "110", "108"):
        perp.quote(price, str(Decimal(price) + Decimal("0.1")))
        assert algo.status == "NEW"
    perp.quote("107.8", "107.9")
    assert algo.status == "FINISHED"


def test_an_isolated_margin_can_be_added_to_and_taken_from() -> None:
    perp = Perp()
    set_isolated(perp.books, perp.trader, "ABCUSDT", True)
    perp.place("BUY", "MARKET", quantity="1")
    before = perp.position.wallet_e8
    move_margin(perp.books, perp.trader, perp.position, 5 * E8)
    assert perp.position.wallet_e8 == before + 5 * E8
    with pytest.raises(Refusal, match="insufficient"):
        move_margin(perp.books, perp.trader, perp.position, -9 * E8)


def test_an_order_is_amended_and_may_trade_at_its_new_price() -> None:
    perp = Perp()
    order = perp.place("BUY", "LIMIT", quantity="1", price="95", timeInForce="GTC")
    named = {"symbol": "ABCUSDT", "orderId": str(order.order_id), "side": "BUY"}
    assert code_of(lambda: perp.books.amend(perp.trader, Wanted({**named, "quantity": "1", "price": "95"}))) == -5027
    perp.books.amend(perp.trader, Wanted({**named, "quantity": "2", "price": "100.1"}))
    assert (order.status, order.done, perp.position.steps) == ("FILLED", 2000, 2000)
