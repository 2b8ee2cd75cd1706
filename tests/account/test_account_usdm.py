"""The futures account against the loopback venue."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("websockets")

from account_opening import opened
from patience import until
from quiet_market import arm, order, quote

from engine.errors import Bug, ConfigError
from engine.world.account.usdm import BinanceUsdmAccount
from engine.world.binance.trouble import Doubtful, Rejected, Sort, Unreadable
from engine.world.loopback.serving import Serving

ORDERS = "POST /fapi/v1/order"
DAY = 86_400_000


def test_a_market_order_is_filled_and_its_executions_are_listed(usdm: BinanceUsdmAccount) -> None:
    told = usdm.place(order("h1", qty="12"))
    assert (told.order.status, told.order.filled_qty, told.trades) == ("filled", Decimal(12), [])
    trades = usdm.trades_of("ABCUSDT", told.order.order_id, told.order.venue_at - 1000)
    assert [trade.qty for trade in trades] == [Decimal(10), Decimal(2)]
    assert all(trade.fee_asset == "USDT" and trade.fee > 0 for trade in trades)
    assert all(trade.notional == trade.qty * trade.price for trade in trades)
    assert {trade.liquidity for trade in trades} == {"taker"}


def test_a_limit_order_rests_and_is_partly_filled(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    assert usdm.place(order("h2", order_type="limit", limit_price="99.5", qty="3")).order.status == "working"
    quote(venue, "99.4", "99.5", kind="usdm", qty="1")
    part = usdm.order("ABCUSDT", "h2")
    assert part is not None
    assert (part.status, part.filled_qty) == ("working", Decimal(1))
    told = usdm.cancel("ABCUSDT", "h2")
    over = usdm.order("ABCUSDT", "h2")
    assert over is not None and told is not None
    assert (over.status, over.filled_qty) == ("cancelled", Decimal(1))
    assert (told.client_id, told.order_id, told.status, told.filled_qty) == (
        "h2", over.order_id, "cancelled", Decimal(1),
    )  # fmt: skip


def test_what_closes_only_reduces(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    with pytest.raises(Rejected) as flat:
        usdm.place(order("h3", "sell", closes=True))
    assert flat.value.sort is Sort.STATE
    usdm.place(order("h4", qty="2"))
    told = usdm.place(order("h5", "sell", qty="5", closes=True))
    assert told.order.filled_qty == 2
    assert usdm.holdings() == []
    usdm.place(order("h6", qty="2"))
    usdm.place(order("h7", "sell", "limit", limit_price="110", closes=True))
    assert venue.do(lambda one: one.trader.by_client["ABCUSDT", "h7"].reduce_only)


def test_a_stop_that_closes_takes_the_whole_position_with_it(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    usdm.place(order("h8", qty="2"))
    told = usdm.place(order("h9", "sell", "stop", stop_price="95", qty="2", closes=True))
    assert (told.order.status, told.order.conditional, told.order.became) == ("working", True, None)
    usdm.place(order("h10", qty="1"))
    assert [one.client_id for one in usdm.open_orders("ABCUSDT")] == ["h9"]
    quote(venue, "94.9", "95.0", kind="usdm")
    found = usdm.order("ABCUSDT", "h9", conditional=True)
    assert found is not None
    assert (found.status, found.filled_qty, found.conditional) == ("filled", Decimal(3), True)
    assert found.client_id == "h9"
    assert found.order_id == told.order.order_id != found.became
    assert found.became is not None
    assert sum(one.qty for one in usdm.trades_of("ABCUSDT", found.became, found.venue_at - DAY)) == 3
    assert usdm.holdings() == []


def test_a_trailing_stop_follows_the_price_and_sells_its_part(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    usdm.place(order("h60", qty="3"))
    usdm.place(order("h61", "sell", "stop", stop_price="94", qty="3", closes=True))
    told = usdm.place(order("h62", "sell", "trailing_stop", qty="2", closes=True, callback_pct=Decimal("2.94")))
    assert (told.order.status, told.order.conditional) == ("working", True)
    (rate,) = venue.do(lambda one: [algo.callback for algo in one.algo.orders.values() if algo.callback])
    assert rate == 30_000_000  # 3 %: too wide rather than too narrow
    quote(venue, "110", "110.1", kind="usdm")
    quote(venue, "106.8", "106.9", kind="usdm")
    assert [one.qty for one in usdm.holdings()] == [3]
    quote(venue, "106.7", "106.8", kind="usdm")
    assert [one.qty for one in usdm.holdings()] == [1]
    found = usdm.order("ABCUSDT", "h62", conditional=True)
    assert found is not None
    assert (found.status, found.filled_qty) == ("filled", Decimal(2))


def test_futures_know_no_lists(usdm: BinanceUsdmAccount) -> None:
    with pytest.raises(Bug):
        usdm.place_listed(
            order("h64", "sell", "limit", limit_price="110"), order("h65", "sell", "stop", stop_price="9")
        )


def test_a_stop_goes_by_the_mark_price_unless_told_otherwise(venue: Serving, tmp_path: Path) -> None:
    for trigger, left in (("mark", 1), ("last", 0)):
        account = opened("binance-usdm", venue, tmp_path, stop_trigger=trigger)
        account.place(order(f"h-{trigger}", "sell", "stop", stop_price="95"))
        # One trade far off, which the mark price does not follow.
        quote(venue, "100", "100.1", "90", kind="usdm", marks=False)
        quote(venue, "100", "100.1", kind="usdm")
        assert len(account.open_orders("ABCUSDT")) == left
        if left:
            account.cancel("ABCUSDT", f"h-{trigger}", conditional=True)
        account.close()


def test_a_stop_that_opens_has_a_quantity(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    usdm.place(order("h11", "buy", "stop", stop_price="105", qty="2"))
    quote(venue, "105.1", "105.2", kind="usdm")
    found = usdm.order("ABCUSDT", "h11", conditional=True)
    assert found is not None
    assert (found.status, found.filled_qty) == ("filled", Decimal(2))


def test_a_stop_that_is_refused_when_it_triggers(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    # Whether there is anything to close is looked at only then.
    usdm.place(order("h12", "sell", "stop", stop_price="95", closes=True))
    quote(venue, "94.9", "95.0", kind="usdm")
    found = usdm.order("ABCUSDT", "h12", conditional=True)
    assert found is not None
    assert (found.status, found.filled_qty, found.became) == ("rejected", Decimal(0), None)


def test_a_stop_whose_price_is_through_already(usdm: BinanceUsdmAccount) -> None:
    with pytest.raises(Rejected) as through:
        usdm.place(order("h13", "sell", "stop", stop_price="101"))
    assert (through.value.sort, through.value.venue_code) == (Sort.STATE, -2021)


def test_a_cancelled_stop(usdm: BinanceUsdmAccount) -> None:
    usdm.place(order("h14", "sell", "stop", stop_price="95"))
    usdm.cancel("ABCUSDT", "h14", conditional=True)
    found = usdm.order("ABCUSDT", "h14", conditional=True)
    assert found is not None
    assert found.status == "cancelled"
    with pytest.raises(Rejected) as gone:
        usdm.cancel("ABCUSDT", "h14", conditional=True)
    assert gone.value.sort is Sort.ABSENT


def test_what_nobody_knows_is_none_in_both_services(usdm: BinanceUsdmAccount) -> None:
    usdm.place(order("h15", "sell", "stop", stop_price="95"))
    assert usdm.order("ABCUSDT", "h15") is None
    assert usdm.order("ABCUSDT", "nobody", conditional=True) is None


def test_the_order_that_a_stop_became_may_show_late(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    usdm.place(order("h16", "buy", "stop", stop_price="105"))
    venue.do(lambda one: setattr(one.perp, "hide_ms", 60_000))
    quote(venue, "105.1", "105.2", kind="usdm")
    with pytest.raises(Unreadable, match="ask again"):
        usdm.order("ABCUSDT", "h16", conditional=True)
    venue.do(lambda one: [setattr(it, "hidden_until", 0) for it in one.trader.orders.values()])
    found = usdm.order("ABCUSDT", "h16", conditional=True)
    assert found is not None
    assert found.status == "filled"


def test_a_stop_that_became_something_long_forgotten_ended_unfilled(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    usdm.place(order("h17", "buy", "stop", stop_price="105"))
    quote(venue, "105.1", "105.2", kind="usdm")

    def forget(one: Any) -> None:
        algo = next(iter(one.algo.orders.values()))
        one.trader.orders.clear()
        algo.updated_at -= 4 * DAY
        algo.order.done = 0

    venue.do(forget)
    found = usdm.order("ABCUSDT", "h17", conditional=True)
    assert found is not None
    assert (found.status, found.filled_qty) == ("expired", Decimal(0))


@pytest.mark.parametrize("fault", ["drop", "cut", "empty", "408", "503_unknown"])
def test_an_order_in_doubt_is_found_again(usdm: BinanceUsdmAccount, venue: Serving, fault: str) -> None:
    arm(venue, fault=fault, on=ORDERS)
    with pytest.raises(Doubtful):
        usdm.place(order("h18"))
    assert usdm.order("ABCUSDT", "h18") is not None
    arm(venue, fault=fault, on="POST /fapi/v1/algoOrder")
    with pytest.raises(Doubtful) as doubt:
        usdm.place(order("h19", "sell", "stop", stop_price="95"))
    assert doubt.value.client_id == "h19"
    assert usdm.order("ABCUSDT", "h19", conditional=True) is not None


def test_an_exit_passes_where_entries_are_throttled(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    usdm.place(order("h20", qty="2"))
    arm(venue, fault="503_throttled", on="POST /fapi/v1/*", times=0)
    with pytest.raises(Rejected) as throttled:
        usdm.place(order("h21"))
    assert throttled.value.sort is Sort.WAIT
    stop = usdm.place(order("h22", "sell", "stop", stop_price="95", closes=True), urgent=True)
    assert stop.order.status == "working"
    assert usdm.place(order("h23", "sell", closes=True), urgent=True).order.status == "filled"


def test_an_unknown_word_is_no_answer(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    usdm.place(order("h24", "sell", "stop", stop_price="95"))
    venue.do(lambda one: [setattr(it, "status", "MELTED") for it in one.algo.orders.values()])
    with pytest.raises(Unreadable, match="MELTED"):
        usdm.order("ABCUSDT", "h24", conditional=True)


def test_positions_and_money(usdm: BinanceUsdmAccount) -> None:
    usdm.prepare("ABCUSDT")
    usdm.place(order("h25", "sell", qty="3"))
    (held,) = usdm.holdings()
    assert (held.symbol, held.qty, held.entry_price) == ("ABCUSDT", Decimal(-3), Decimal(100))
    (usdt,) = usdm.balances()
    assert usdt.asset == "USDT"
    assert usdt.locked >= Decimal(50)  # 300 at 6x
    usdm.place(order("h26", "buy", qty="3", closes=True))
    income = usdm.income(usdm.order("ABCUSDT", "h25").venue_at - DAY)  # type: ignore[union-attr]
    assert [row.kind for row in income] == ["fee", "realised", "fee"]
    assert sum(row.amount for row in income) < 0
    assert len({row.income_id for row in income}) == 3


def test_a_symbol_is_set_to_isolated_margin_and_the_leverage(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    usdm.prepare("ABCUSDT", 4)
    assert venue.do(lambda one: ("ABCUSDT" in one.trader.isolated, one.trader.leverage("ABCUSDT"))) == (True, 4)
    usdm.place(order("h27"))
    usdm.prepare("ABCUSDT", 4)
    with pytest.raises(ConfigError, match="position is open"):
        usdm.prepare("ABCUSDT", 5)
    assert venue.do(lambda one: one.trader.leverage("ABCUSDT")) == 4


def test_a_symbol_with_open_orders_is_not_changed(usdm: BinanceUsdmAccount) -> None:
    usdm.place(order("h28", order_type="limit", limit_price="99"))
    with pytest.raises(ConfigError, match="isolated"):
        usdm.prepare("ABCUSDT")


def test_a_setting_whose_answer_is_lost_is_read_back(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    arm(venue, fault="drop", on="POST /fapi/v1/leverage")
    arm(venue, fault="html", on="POST /fapi/v1/marginType")
    usdm.prepare("ABCUSDT", 4)
    arm(venue, fault="503_unknown", on="POST /fapi/v1/leverage", carried_out=False)
    with pytest.raises(ConfigError, match="still ISOLATED at 4x"):
        usdm.prepare("ABCUSDT", 7)


def test_leverage_beyond_what_the_symbol_bears(usdm: BinanceUsdmAccount) -> None:
    with pytest.raises(ConfigError, match="1000x"):
        usdm.prepare("ABCUSDT", 1000)


def test_hedge_mode_is_refused(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    arm(venue, fault="dual")
    until(lambda: venue.do(lambda one: one.trader.dual))
    with pytest.raises(ConfigError, match="hedge mode"):
        usdm.prepare("ABCUSDT")
    with pytest.raises(Rejected) as refused:
        usdm.place(order("h29"))
    assert refused.value.sort is Sort.FIX


def test_a_hedged_position_is_not_taken_for_a_plain_one(usdm: BinanceUsdmAccount, venue: Serving) -> None:
    from engine.world.loopback.books.wanted import Wanted

    def hedge(one: Any) -> None:
        one.trader.dual = True
        values = {"symbol": "ABCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "positionSide": "LONG"}
        one.perp.place(one.trader, Wanted(values))

    venue.do(hedge)
    with pytest.raises(ConfigError, match="hedge mode"):
        usdm.holdings()


def test_executions_of_weeks_and_pages(
    usdm: BinanceUsdmAccount, venue: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.world.account.usdm.FULL", 2)
    monkeypatch.setattr("engine.world.account.pages.FULL", 2)
    for number in range(6):
        usdm.place(order(f"h-{number}", qty="0.1"))

    def age(one: Any) -> list[str]:
        orders = list(one.trader.orders.values())
        for i, past in enumerate(orders):
            for fill in past.fills:
                fill.at -= (len(orders) - i) * 10 * DAY
        return [str(fill.trade_id) for past in orders for fill in past.fills]

    ids = venue.do(age)
    now = venue.do(lambda one: one.clock.now())
    assert [trade.trade_id for trade in usdm.trades("ABCUSDT", now - 80 * DAY)] == ids
    assert [trade.trade_id for trade in usdm.trades("ABCUSDT", now - 25 * DAY)] == ids[-2:]
    assert usdm.trades("ABCUSDT", now - 5 * DAY) == []


def test_income_through_pages(usdm: BinanceUsdmAccount, venue: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.world.account.usdm_income.FULL", 3)
    for number in range(4):
        usdm.place(order(f"h-{number}", qty="1"))
        usdm.place(order(f"g-{number}", "sell", qty="1", closes=True))
    now = venue.do(lambda one: one.clock.now())
    assert [row.kind for row in usdm.income(now - 20 * DAY)] == ["fee", "realised", "fee"] * 4


@pytest.mark.parametrize("kind", ["limit", "stop"])
def test_an_order_that_lacks_its_price_is_a_bug(usdm: BinanceUsdmAccount, kind: str) -> None:
    with pytest.raises(Bug):
        usdm.place(order("h30", order_type=kind))


def test_a_symbol_in_chinese_characters(usdm: BinanceUsdmAccount) -> None:
    usdm.prepare("币安人生USDT")
    told = usdm.place(order("h31", symbol="币安人生USDT"))
    usdm.place(order("h32", "sell", "stop", symbol="币安人生USDT", stop_price="95", closes=True))
    assert usdm.order("币安人生USDT", "h31") is not None
    assert {one.client_id for one in usdm.open_orders("币安人生USDT")} == {"h32"}
    assert len(usdm.trades_of("币安人生USDT", told.order.order_id, told.order.venue_at - DAY)) == 1
