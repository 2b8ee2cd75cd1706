"""The spot account against the loopback venue."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("websockets")

from account_opening import opened
from hearing import timeless
from quiet_market import arm, order, quote

from engine.errors import Bug, ConfigError, KeyRefused
from engine.world.account.account import BalanceNews, HeldNews, OrderNews
from engine.world.account.spot import BinanceSpotAccount
from engine.world.binance.breaker import OPEN
from engine.world.binance.budget import WEIGHT
from engine.world.binance.trouble import Doubtful, Lost, NotSent, Rejected, Sort, Unreadable
from engine.world.loopback.market import instruments
from engine.world.loopback.serving import Serving

ORDERS = "POST /api/v3/order"


def test_a_market_order_is_told_with_its_executions(spot: BinanceSpotAccount) -> None:
    told = spot.place(order("h1", qty="12"))
    assert (told.order.status, told.order.filled_qty, told.order.client_id) == ("filled", Decimal(12), "h1")
    # Ten stand at the best price, the rest behind it.
    assert [trade.qty for trade in told.trades] == [Decimal(10), Decimal(2)]
    assert all(trade.notional == trade.qty * trade.price for trade in told.trades)
    assert {trade.fee_asset for trade in told.trades} == {"ABC"}
    assert {trade.liquidity for trade in told.trades} == {"taker"}


def test_an_execution_is_the_same_whoever_tells_it(spot: BinanceSpotAccount) -> None:
    told = spot.place(order("h1", qty="12"))
    listed = spot.trades("ABCUSDT", told.order.venue_at - 1000)
    assert [trade.client_id for trade in listed] == [None, None]
    named = [_named(trade, "h1") for trade in listed]
    assert timeless(named) == timeless(told.trades)
    assert spot.trades_of("ABCUSDT", told.order.order_id, 0) == listed


def test_a_limit_order_rests_is_found_filled_and_told(spot: BinanceSpotAccount, venue: Serving) -> None:
    told = spot.place(order("h2", order_type="limit", limit_price="99.5", qty="3"))
    assert (told.order.status, told.trades) == ("working", [])
    assert [one.client_id for one in spot.open_orders("ABCUSDT")] == ["h2"]
    quote(venue, "99.4", "99.5", qty="1")
    part = spot.order("ABCUSDT", "h2")
    assert part is not None
    assert (part.status, part.filled_qty) == ("working", Decimal(1))
    quote(venue, "99.0", "99.1")
    whole = spot.order("ABCUSDT", "h2")
    assert whole is not None
    assert (whole.status, whole.filled_qty, whole.side) == ("filled", Decimal(3), "buy")
    assert [trade.liquidity for trade in spot.trades_of("ABCUSDT", whole.order_id, 0)] == ["maker", "maker"]
    assert spot.open_orders() == []


def test_a_cancelled_order_keeps_what_was_executed(spot: BinanceSpotAccount, venue: Serving) -> None:
    spot.place(order("h3", order_type="limit", limit_price="99.5", qty="3"))
    quote(venue, "99.4", "99.5", qty="1")
    told = spot.cancel("ABCUSDT", "h3")
    found = spot.order("ABCUSDT", "h3")
    assert found is not None and told is not None
    assert (found.status, found.filled_qty) == ("cancelled", Decimal(1))
    assert (told.client_id, told.order_id, told.status, told.filled_qty) == (
        "h3", found.order_id, "cancelled", Decimal(1),
    )  # fmt: skip


def test_a_market_order_that_the_book_cannot_bear_expires_with_what_it_got(
    spot: BinanceSpotAccount, venue: Serving
) -> None:
    quote(venue, "100", "100.1", qty="0.001")
    told = spot.place(order("h4", "sell", qty="45"))
    assert (told.order.status, told.order.code) == ("expired", "INSUFFICIENT_LIQUIDITY")
    assert 0 < told.order.filled_qty == sum(trade.qty for trade in told.trades) < 45


def test_a_stop_at_market_where_the_symbol_knows_one(spot: BinanceSpotAccount, venue: Serving) -> None:
    told = spot.place(order("h6", "sell", "stop", stop_price="95", qty="2"))
    assert (told.order.status, told.order.conditional) == ("working", False)
    assert _kind_of(venue, "h6") == ("STOP_LOSS", "95.0", "0.0")
    quote(venue, "94.9", "95.0")
    found = spot.order("ABCUSDT", "h6")
    assert found is not None
    assert (found.status, found.filled_qty) == ("filled", Decimal(2))


@pytest.mark.parametrize(("side", "stop", "limit"), [("sell", "95", "93.1"), ("buy", "105.3", "107.5")])
def test_a_stop_with_a_limit_beyond_it_where_the_symbol_knows_no_other(
    spot: BinanceSpotAccount, venue: Serving, monkeypatch: pytest.MonkeyPatch, side: str, stop: str, limit: str
) -> None:
    # 105.3 x 1.02 = 107.406 lies between two ticks: a buyer takes the higher one, a seller the lower one.
    monkeypatch.setattr(instruments, "SPOT_TYPES", ("LIMIT", "MARKET", "STOP_LOSS_LIMIT"))
    spot.place(order("h7", side, "stop", stop_price=stop))
    assert _kind_of(venue, "h7") == ("STOP_LOSS_LIMIT", str(Decimal(stop).quantize(Decimal("0.1"))), limit)


def test_a_stop_is_not_sent_without_the_rules_of_its_symbol(spot: BinanceSpotAccount, venue: Serving) -> None:
    arm(venue, fault="html", on="GET /api/v3/exchangeInfo")
    with pytest.raises(NotSent, match="rules"):
        spot.place(order("h8", "sell", "stop", stop_price="95"))
    assert venue.do(lambda one: len(one.account.orders)) == 0
    assert spot.place(order("h9", "sell", "stop", stop_price="95")).order.status == "working"


def test_a_symbol_in_chinese_characters(spot: BinanceSpotAccount) -> None:
    told = spot.place(order("h10", symbol="币安人生USDT"))
    stop = spot.place(order("h11", "sell", "stop", symbol="币安人生USDT", qty="0.9", stop_price="95"))
    assert told.order.symbol == stop.order.symbol == "币安人生USDT"
    assert spot.trades_of("币安人生USDT", told.order.order_id, 0)[0].fee_asset == "币安人生"
    assert [one.client_id for one in spot.open_orders()] == ["h11"]


def test_what_nobody_knows_is_none(spot: BinanceSpotAccount) -> None:
    assert spot.order("ABCUSDT", "nobody") is None


def test_an_order_that_is_hidden_still_is_none_and_then_there(spot: BinanceSpotAccount, venue: Serving) -> None:
    venue.do(lambda one: setattr(one.spot, "hide_ms", 60_000))
    spot.place(order("h12", order_type="limit", limit_price="99"))
    assert spot.order("ABCUSDT", "h12") is None
    venue.do(lambda one: [setattr(it, "hidden_until", 0) for it in one.account.orders.values()])
    assert spot.order("ABCUSDT", "h12") is not None


@pytest.mark.parametrize("fault", ["drop", "cut", "html", "wrong_type", "500", "-1007"])
def test_an_order_in_doubt_is_found_again(spot: BinanceSpotAccount, venue: Serving, fault: str) -> None:
    arm(venue, fault=fault, on=ORDERS)
    with pytest.raises(Doubtful) as doubt:
        spot.place(order("h13"))
    assert doubt.value.client_id == "h13"
    found = spot.order("ABCUSDT", "h13")
    assert found is not None
    assert found.status == "filled"


def test_a_refusal_is_definite(spot: BinanceSpotAccount, venue: Serving) -> None:
    with pytest.raises(Rejected) as poor:
        spot.place(order("h14", qty="400"))
    assert poor.value.sort is Sort.STATE
    with pytest.raises(Rejected) as filtered:
        spot.place(order("h15", qty="0.01"))
    assert filtered.value.sort is Sort.FILTER
    assert venue.do(lambda one: len(one.account.orders)) == 0


def test_a_read_that_fails_is_no_answer(spot: BinanceSpotAccount, venue: Serving) -> None:
    spot.place(order("h16"))
    arm(venue, fault="drop", on="GET /api/v3/order", times=0)
    with pytest.raises(Lost):
        spot.order("ABCUSDT", "h16")


def test_an_unknown_word_is_no_answer(spot: BinanceSpotAccount, venue: Serving) -> None:
    spot.place(order("h17"))
    venue.do(lambda one: [setattr(it, "status", "MELTED") for it in one.account.orders.values()])
    with pytest.raises(Unreadable, match="MELTED"):
        spot.order("ABCUSDT", "h17")


@pytest.mark.parametrize(
    ("word", "status"), [("EXPIRED", "expired"), ("EXPIRED_IN_MATCH", "expired"), ("REJECTED", "rejected"),
                         ("PENDING_NEW", "working"), ("PENDING_CANCEL", "working")],
)  # fmt: skip
def test_every_known_word(spot: BinanceSpotAccount, venue: Serving, word: str, status: str) -> None:
    spot.place(order("h18"))
    venue.do(lambda one: [setattr(it, "status", word) for it in one.account.orders.values()])
    found = spot.order("ABCUSDT", "h18")
    assert found is not None
    assert (found.status, found.filled_qty) == (status, Decimal(1))


def test_what_is_held_and_what_the_wallet_holds(spot: BinanceSpotAccount) -> None:
    spot.place(order("h19", "sell", "limit", limit_price="110", qty="20"))
    assert HeldNews(symbol="ABCUSDT", qty=Decimal(50), free=Decimal(30)) in spot.holdings()
    assert BalanceNews(asset="ABC", free=Decimal(30), locked=Decimal(20)) in spot.balances()
    assert {one.symbol for one in spot.holdings()} == {"ABCUSDT", "BNBUSDT"}
    assert spot.income(0) == []


def test_more_executions_than_a_page(spot: BinanceSpotAccount, venue: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.world.account.spot.FULL", 2)
    monkeypatch.setattr("engine.world.account.pages.FULL", 2)
    ids = []
    for number in range(5):
        ids += [trade.trade_id for trade in spot.place(order(f"h-{number}", qty="0.1")).trades]
        quote(venue, "100", "100.1")
    assert [trade.trade_id for trade in spot.trades("ABCUSDT", _now(venue) - 3 * 86_400_000)] == ids


def test_a_key_that_may_withdraw_is_refused(venue: Serving, tmp_path: Path) -> None:
    account = opened("binance-spot", venue, tmp_path)
    assert all("the key" in line for line in account.check_key())
    venue.do(lambda one: setattr(one.account, "rights", frozenset({"read", "trade", "withdraw"})))
    with pytest.raises(KeyRefused, match="withdraw"):
        account.check_key()
    account.close()


def test_orders_without_their_price_and_unknown_venues(
    spot: BinanceSpotAccount, venue: Serving, tmp_path: Path
) -> None:
    for kind in ("limit", "stop"):
        with pytest.raises(Bug):
            spot.place(order("h20", order_type=kind))
    with pytest.raises(ConfigError, match="binance-usdm"):
        opened("kraken", venue, tmp_path)


def _named(trade: Any, client_id: str) -> Any:
    return msgspec.structs.replace(trade, client_id=client_id)


def _now(venue: Serving) -> int:
    return venue.do(lambda one: one.clock.now())


def _kind_of(venue: Serving, client_id: str) -> tuple[str, str, str]:
    """Gives type, stop and limit of an order, by the venue's own books."""

    def look(one: Any) -> tuple[str, str, str]:
        found = one.account.by_client["ABCUSDT", client_id]
        return found.type, found.coin.price(found.stop), found.coin.price(found.limit)

    kind, stop, limit = venue.do(look)
    return kind, str(Decimal(stop).quantize(Decimal("0.1"))), str(Decimal(limit).quantize(Decimal("0.1")))


def listed(spot: BinanceSpotAccount, limit_price: str = "110") -> list[OrderNews]:
    """Places a list: a sale at 110, and a stop at 95."""
    tier = order("h8", "sell", "limit", limit_price=limit_price, qty="2", listed_with="h9", closes=True)
    stop = order("h9", "sell", "stop", stop_price="95", qty="2", listed_with="h8", closes=True)
    return [one.order for one in spot.place_listed(tier, stop)]


def statuses(spot: BinanceSpotAccount) -> list[str]:
    """How the two orders of the list stand."""
    found = [spot.order("ABCUSDT", name) for name in ("h8", "h9")]
    return [one.status for one in found if one is not None]


def test_a_list_is_two_orders_of_which_one_ends_the_other(spot: BinanceSpotAccount, venue: Serving) -> None:
    tier, stop = listed(spot)
    assert [(one.client_id, one.status) for one in (tier, stop)] == [("h8", "working"), ("h9", "working")]
    assert {one.client_id for one in spot.open_orders("ABCUSDT")} == {"h8", "h9"}
    # One lot of coins serves both.
    assert next(one for one in spot.holdings() if one.symbol == "ABCUSDT").free == 48
    quote(venue, "110.1", "110.2")
    sold, gone = spot.order("ABCUSDT", "h8"), spot.order("ABCUSDT", "h9")
    assert sold is not None
    assert gone is not None
    assert (sold.status, sold.filled_qty) == ("filled", Decimal(2))
    assert (gone.status, gone.filled_qty, gone.code) == ("expired", Decimal(0), "OCO_TRIGGER")


def test_a_stop_of_a_list_that_triggers_ends_its_tier(spot: BinanceSpotAccount, venue: Serving) -> None:
    listed(spot)
    quote(venue, "94.9", "95", last="94.9")
    assert statuses(spot) == ["expired", "filled"]


@pytest.mark.parametrize("leg", ["h8", "h9"])
def test_a_cancel_of_one_takes_the_list_with_it(spot: BinanceSpotAccount, leg: str) -> None:
    listed(spot)
    spot.cancel("ABCUSDT", leg)
    assert spot.open_orders("ABCUSDT") == []
    assert statuses(spot) == ["cancelled", "cancelled"]


def test_a_list_where_the_symbol_knows_only_stops_with_a_limit(
    spot: BinanceSpotAccount, venue: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instruments, "SPOT_TYPES", ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT"))
    listed(spot)
    assert _kind_of(venue, "h9") == ("STOP_LOSS_LIMIT", "95.0", "93.1")


def test_a_list_that_price_has_passed_is_refused_whole(spot: BinanceSpotAccount, venue: Serving) -> None:
    with pytest.raises(Rejected):
        listed(spot, limit_price="99")
    assert spot.open_orders("ABCUSDT") == []
    assert spot.order("ABCUSDT", "h9") is None


@pytest.mark.parametrize("fault", ["drop", "cut", "500", "-1007"])
def test_both_orders_of_a_list_in_doubt_are_found_again(spot: BinanceSpotAccount, venue: Serving, fault: str) -> None:
    arm(venue, on="POST /api/v3/orderList/oco", fault=fault)
    with pytest.raises(Doubtful):
        listed(spot)
    assert statuses(spot) == ["working", "working"]


def test_a_trailing_stop_follows_the_price(spot: BinanceSpotAccount, venue: Serving) -> None:
    told = spot.place(order("h20", "sell", "trailing_stop", qty="2", closes=True, callback_pct=Decimal("2.991")))
    assert told.order.status == "working"
    assert venue.do(lambda one: [it.trail_bips for it in one.account.open.values()]) == [300]
    quote(venue, "110", "110.1", last="110")
    quote(venue, "106.8", "106.9", last="106.8")
    assert [one.client_id for one in spot.open_orders("ABCUSDT")] == ["h20"]
    quote(venue, "106.7", "106.8", last="106.7")
    found = spot.order("ABCUSDT", "h20")
    assert found is not None
    assert (found.status, found.filled_qty) == ("filled", Decimal(2))


def test_a_trailing_stop_without_its_callback_is_a_bug(spot: BinanceSpotAccount) -> None:
    with pytest.raises(Bug):
        spot.place(order("h21", "sell", "trailing_stop"))


def test_a_list_leaves_where_no_entry_does_any_more(spot: BinanceSpotAccount, venue: Serving) -> None:
    arm(venue, fault="html", on=ORDERS, times=3)
    for name in ("h30", "h31", "h32"):
        with pytest.raises(Doubtful):
            spot.place(order(name))
    with pytest.raises(NotSent):
        spot.place(order("h33"))
    assert [one.status for one in listed(spot)] == ["working", "working"]


def test_what_protects_leaves_though_the_budget_is_used_up_and_the_breaker_is_open(
    spot: BinanceSpotAccount, venue: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    spot.place(order("h-buy", qty="2"))
    client = spot._client
    client._budget.claim(client._payer, {WEIGHT: 6000}, client.clock.limits_ms(), order=True, urgent=True)
    for _ in range(20):
        client._budget.outcome(client._payer, False, "POST /api/v3/order")
    assert client.breaker_level() == OPEN
    monkeypatch.setattr(client, "_sleep", pytest.fail)
    assert {one.status for one in listed(spot)} == {"working"}
    assert spot.holdings(urgent=True)  # what an exit waits for
    assert spot.place(order("h-stop", "sell", "stop", stop_price="95"), urgent=True).order.status == "working"
