"""Endpoints: each reads the manual's example of its answer, and asks as the manual says."""

import gzip
import json
import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from binance_fakes import NOON, FakeVenue, client_for

from engine.errors import BadRecord, Bug
from engine.world.binance import facts
from engine.world.binance.client import Client
from engine.world.binance.market_shapes import BestQuote, Book, Day, ExchangeInfo, Kline, OpenContracts, Premium
from engine.world.binance.shape import reader, rows_reader
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.spot_shapes import OcoTicket, OrderList, SpotOrder, SpotTicket, SpotTrade
from engine.world.binance.trouble import Rejected, Unreadable
from engine.world.binance.usdm_account import UsdmAccount
from engine.world.binance.usdm_market import UsdmMarket
from engine.world.binance.usdm_orders import UsdmOrders
from engine.world.binance.usdm_shapes import AlgoTicket, Brackets, UsdmOrder, UsdmTicket

DATA = Path(__file__).parent.parent / "data"
EXAMPLES = [json.loads(line) for line in (DATA / "binance" / "rest-examples.ndjson").read_text("utf-8").splitlines()]
SHARED = Path(os.environ.get("HOT_SHARED", DATA.parent.parent.parent / "shared")) / "data"


def spot_ticket(client_id: str) -> SpotTicket:
    return SpotTicket(symbol="BTCUSDT", side="SELL", type="MARKET", quantity=Decimal(10), new_client_order_id=client_id)


def usdm_ticket(client_id: str) -> UsdmTicket:
    return UsdmTicket(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=Decimal(10), new_client_order_id=client_id)


OCO = OcoTicket(
    symbol="LTCBTC", side="SELL", quantity=Decimal(5), list_client_order_id="lH1YDkuQKWiXVXHPSKYEIp",
    above_type="LIMIT_MAKER", above_client_order_id="a", above_price=Decimal("1.5"), below_type="STOP_LOSS_LIMIT",
    below_client_order_id="b", below_price=Decimal("0.9"), below_stop_price=Decimal(1), below_time_in_force="GTC",
)  # fmt: skip
ALGO = AlgoTicket(
    symbol="BNBUSDT", side="SELL", type="TAKE_PROFIT", quantity=Decimal("0.01"), price=Decimal(750),
    trigger_price=Decimal("750.0"), client_algo_id="6B2I9XVcJpCjqPAJ4YoFX7", reduce_only=True,
)  # fmt: skip

# By the example's name: how it is asked for.
CALLS: dict[str, Callable[[Client], Any]] = {
    "Spot/Account/GetAccountInfo": lambda c: SpotOrders(c).account(),
    "Spot/Account/GetCommissionRates": lambda c: SpotOrders(c).fees("BTCUSDT"),
    "Spot/ExchangeData/GetAggregatedTradeHistory": lambda c: SpotMarket(c).trades("BTCUSDT"),
    "Spot/ExchangeData/GetAvgPrice": lambda c: SpotMarket(c).average_price("BTCUSDT"),
    "Spot/ExchangeData/GetKlines": lambda c: SpotMarket(c).klines("BTCUSDT", "1m"),
    "Spot/ExchangeData/GetReferencePrice": lambda c: SpotMarket(c).reference_price("BAZUSD"),
    "Spot/ExchangeData/GetServerTime": lambda c: SpotMarket(c).time(),
    "Spot/ExchangeData/GetTicker": lambda c: SpotMarket(c).days(["BNBBTC"]),
    "Spot/Trading/CancelOcoOrder": lambda c: SpotOrders(c).cancel_list("LTCBTC", "C3wyj4WVEktd7u9aVBRXcN"),
    "Spot/Trading/CancelOrder": lambda c: SpotOrders(c).cancel("LTCBTC", "myOrder1"),
    "Spot/Trading/GetOcoOrders": lambda c: SpotOrders(c).all_lists(),
    "Spot/Trading/GetOpenOcoOrders": lambda c: SpotOrders(c).open_lists(),
    "Spot/Trading/GetOpenOrders": lambda c: SpotOrders(c).open_orders("LTCBTC"),
    "Spot/Trading/GetOrders": lambda c: SpotOrders(c).all_orders("LTCBTC"),
    "Spot/Trading/GetUserTrades": lambda c: SpotOrders(c).trades("BNBBTC", from_id=28457),
    "Spot/Trading/PlaceOcoOrderList": lambda c: SpotOrders(c).place_oco(OCO),
    "Spot/Trading/PlaceOrder": lambda c: SpotOrders(c).place(spot_ticket("6gCrw2kRUAF9CvJDGP16IP")),
    "Spot/Trading/PlaceTestOrder": lambda c: SpotOrders(c).test(spot_ticket("x")),
    "UsdFutures/Account/ChangeInitialLeverage": lambda c: UsdmAccount(c).set_leverage("BTCUSDT", 21),
    "UsdFutures/Account/ChangeMarginType": lambda c: UsdmAccount(c).set_margin_type("BTCUSDT", "ISOLATED"),
    "UsdFutures/Account/GetAccountConfiguration": lambda c: UsdmAccount(c).config(),
    "UsdFutures/Account/GetAccountInfoV3": lambda c: UsdmAccount(c).account(),
    "UsdFutures/Account/GetBalances": lambda c: UsdmAccount(c).balances(),
    "UsdFutures/Account/GetSymbolConfiguration": lambda c: UsdmAccount(c).symbol_configs("BTCUSDT"),
    "UsdFutures/Account/StartUserStream": lambda c: UsdmAccount(c).open_stream(),
    "UsdFutures/ExchangeData/GetAggregatedTradeHistory": lambda c: UsdmMarket(c).trades("BTCUSDT"),
    "UsdFutures/ExchangeData/GetExchangeInfo": lambda c: UsdmMarket(c).exchange_info(),
    "UsdFutures/ExchangeData/GetFundingInfo": lambda c: UsdmMarket(c).funding_intervals(),
    "UsdFutures/ExchangeData/GetFundingRates": lambda c: UsdmMarket(c).funding_rounds("BTCUSDT"),
    "UsdFutures/ExchangeData/GetGlobalLongShortAccountRatio": lambda c: UsdmMarket(c).long_short(
        "globalLongShortAccountRatio", "BTCUSDT", "5m"
    ),
    "UsdFutures/ExchangeData/GetIndexPriceKlines": lambda c: UsdmMarket(c).klines(
        "BTCUSDT", "1m", of="indexPriceKlines"
    ),
    "UsdFutures/ExchangeData/GetKlines": lambda c: UsdmMarket(c).klines("BTCUSDT", "1m"),
    "UsdFutures/ExchangeData/GetMarkPrice": lambda c: UsdmMarket(c).premiums("BTCUSDT"),
    "UsdFutures/ExchangeData/GetMarkPriceKlines": lambda c: UsdmMarket(c).klines("BTCUSDT", "1m", of="markPriceKlines"),
    "UsdFutures/ExchangeData/GetOpenInterestHistory": lambda c: UsdmMarket(c).open_interest_before("BTCUSDT", "5m"),
    "UsdFutures/ExchangeData/GetPremiumIndexKlines": lambda c: UsdmMarket(c).klines(
        "BTCUSDT", "1m", of="premiumIndexKlines"
    ),
    "UsdFutures/ExchangeData/GetPrice": lambda c: UsdmMarket(c).prices("BTCUSDT"),
    "UsdFutures/ExchangeData/GetServerTime": lambda c: UsdmMarket(c).time(),
    "UsdFutures/ExchangeData/GetTopLongShortPositionRatio": lambda c: UsdmMarket(c).long_short(
        "topLongShortPositionRatio", "BTCUSDT", "5m"
    ),
    "UsdFutures/Trading/CancelAllConditionalOrders": lambda c: UsdmOrders(c).cancel_all_algos("BTCUSDT"),
    "UsdFutures/Trading/CancelAllOrders": lambda c: UsdmOrders(c).cancel_all("BTCUSDT"),
    "UsdFutures/Trading/CancelAllOrdersAfterTimeout": lambda c: UsdmOrders(c).countdown("BTCUSDT", 100_000),
    "UsdFutures/Trading/CancelConditionalOrder": lambda c: UsdmOrders(c).cancel_algo("0Xkl1p621E4EryvufmYre1"),
    "UsdFutures/Trading/CancelOrder": lambda c: UsdmOrders(c).cancel("BTCUSDT", "myOrder1"),
    "UsdFutures/Trading/GetConditionalOrder": lambda c: UsdmOrders(c).query_algo("x-yHjDKm8h7cd1bf4f-9ce3-4d55-b9f"),
    "UsdFutures/Trading/GetOpenConditionalOrders": lambda c: UsdmOrders(c).open_algos(),
    "UsdFutures/Trading/GetOpenOrders": lambda c: UsdmOrders(c).open_orders(),
    "UsdFutures/Trading/GetPositions": lambda c: UsdmAccount(c).positions(),
    "UsdFutures/Trading/GetUserTrades": lambda c: UsdmOrders(c).trades("BTCUSDT"),
    "UsdFutures/Trading/PlaceConditionalOrder": lambda c: UsdmOrders(c).place_algo(ALGO),
    "UsdFutures/Trading/PlaceOrder": lambda c: UsdmOrders(c).place(usdm_ticket("testOrder")),
}


@pytest.mark.parametrize("example", [one for one in EXAMPLES if one["name"] in CALLS], ids=lambda one: one["name"])
def test_the_manuals_example_is_asked_for_and_read(example: dict[str, Any], venue: FakeVenue, tmp_path: Path) -> None:
    client = client_for("spot" if example["name"].startswith("Spot") else "usdm", venue, tmp_path)
    venue.then(example["body"])
    CALLS[example["name"]](client)
    if example["path"].endswith("/time"):
        assert venue.times_asked == 1
        return
    (request,) = venue.requests
    assert (request.method, request.url.path) == (example["method"], example["path"])
    assert ("signature=" in str(request.url)) == example["signed"]
    assert ("x-mbx-apikey" in request.headers) == (example["signed"] or example["path"].endswith("listenKey"))
    assert request.content == b""


def test_the_examples_without_a_call_are_those_of_lists_that_are_only_read() -> None:
    for example in EXAMPLES:
        if example["name"] not in CALLS:
            found = reader(OrderList)(json.dumps(example["body"]).encode())
            assert len(found.orders) >= 2 and len(found.order_reports) == len(found.orders)


def test_an_orders_parameters_are_plain_digits_with_the_stamp_and_the_signature_last(
    spot: Client, venue: FakeVenue
) -> None:
    venue.then({"symbol": "PEPEUSDT", "orderId": 1, "clientOrderId": "h1"})
    ticket = SpotTicket(
        symbol="PEPEUSDT", side="BUY", type="LIMIT", new_client_order_id="h1", time_in_force="GTC",
        quantity=Decimal("1E+6"), price=Decimal("1.2E-7"),
    )  # fmt: skip
    SpotOrders(spot).place(ticket)
    (query,) = venue.queries()
    assert (query["quantity"], query["price"]) == ("1000000", "0.00000012")
    assert list(query)[-3:] == ["recvWindow", "timestamp", "signature"]
    assert query["timestamp"] == str(NOON)
    assert "stopPrice" not in query


def test_a_conditional_order_speaks_the_algo_services_words(usdm: Client, venue: FakeVenue) -> None:
    body = next(one["body"] for one in EXAMPLES if one["name"].endswith("PlaceConditionalOrder"))
    venue.then(body)
    UsdmOrders(usdm).place_algo(ALGO, urgent=True)
    (query,) = venue.queries()
    assert query["algoType"] == "CONDITIONAL"
    assert query["triggerPrice"] == "750.0"
    assert query["reduceOnly"] == "true"
    assert "newClientOrderId" not in query and "stopPrice" not in query


def test_a_market_buys_average_price_comes_from_what_it_cost() -> None:
    body = next(one["body"] for one in EXAMPLES if one["name"] == "Spot/Trading/PlaceOrder")
    order = reader(SpotOrder)(json.dumps(body).encode())
    assert order.price == 0
    assert order.average == 1
    assert order.fills is not None and order.fills[0].commission_asset == "USDT"


def test_an_ack_tells_ids_only() -> None:
    order = reader(SpotOrder)(b'{"symbol":"A","orderId":1,"orderListId":-1,"clientOrderId":"h1","transactTime":2}')
    assert (order.status, order.executed_qty, order.average) == (None, None, None)


def test_the_recorded_order_answers_are_read_quoted_numbers_too() -> None:
    recorded = [json.loads(line) for line in (DATA / "binance" / "rest-recorded.ndjson").read_text().splitlines()]
    (usdm, spot) = [one["body"] for one in recorded if one["http_status"] == 200]
    assert reader(UsdmOrder)(json.dumps(usdm).encode()).average == Decimal("1.49490")
    assert reader(SpotOrder)(json.dumps(spot).encode()).order_id == 9780331417


def test_a_futures_answer_without_average_price_is_read() -> None:
    body = next(one["body"] for one in EXAMPLES if one["name"] == "UsdFutures/Trading/PlaceOrder")
    without = {name: value for name, value in body.items() if name not in ("avgPrice", "cumQuote", "cumQty")}
    assert reader(UsdmOrder)(json.dumps(without).encode()).average is None


@pytest.mark.parametrize("client_id", ["", "x" * 37, "a b", "a&side=SELL", "é", "a\n"])
def test_a_client_id_that_the_exchange_would_not_take_is_a_bug(client_id: str, spot: Client, venue: FakeVenue) -> None:
    with pytest.raises(Bug):
        SpotOrders(spot).place(spot_ticket(client_id))
    assert venue.requests == []


def test_one_bad_symbol_does_not_hide_the_market(spot: Client, venue: FakeVenue) -> None:
    good = next(one["body"] for one in EXAMPLES if one["name"] == "Spot/ExchangeData/GetTicker")
    venue.then([good, {"symbol": "BADUSDT"}, 5, None, {**good, "count": "many"}])
    days = SpotMarket(spot).days()
    assert [day.symbol for day in days] == ["BNBBTC"]
    assert days.bad == 4


def test_a_market_of_bad_symbols_only_is_no_answer(spot: Client, venue: FakeVenue) -> None:
    venue.then([{"symbol": "BADUSDT"}])
    with pytest.raises(Unreadable):
        SpotMarket(spot).days()


def test_one_bad_position_makes_the_whole_answer_unreadable(usdm: Client, venue: FakeVenue) -> None:
    body = next(one["body"] for one in EXAMPLES if one["name"] == "UsdFutures/Trading/GetPositions")
    venue.then([body[0], {**body[0], "positionAmt": "lots"}])
    with pytest.raises(Unreadable, match="decimal"):
        UsdmAccount(usdm).positions()


@pytest.mark.parametrize(
    ("ask", "weight"),
    [
        (lambda m: m.days(), 80), (lambda m: m.days(["A"] * 20), 2), (lambda m: m.days(["A"] * 21), 40),
        (lambda m: m.book("A", 100), 5), (lambda m: m.book("A", 5000), 250),
    ],
)  # fmt: skip
def test_spot_weights_are_booked_before_asking(
    ask: Callable[[SpotMarket], object], weight: int, spot: Client, venue: FakeVenue
) -> None:
    venue.then({"code": -1100, "msg": ""}, 400)
    with pytest.raises(Rejected):
        ask(SpotMarket(spot))
    assert spot.used_weight() == (weight, 6000)


@pytest.mark.parametrize(
    ("limit", "weight"), [(99, 1), (100, 2), (499, 2), (500, 5), (1000, 5), (1001, 10), (1500, 10)]
)
def test_futures_klines_cost_by_their_number(limit: int, weight: int, usdm: Client, venue: FakeVenue) -> None:
    venue.then([])
    UsdmMarket(usdm).klines("BTCUSDT", "1m", limit=limit)
    assert usdm.used_weight() == (weight, 2400)


def test_exchange_info_teaches_the_budgets(usdm: Client, venue: FakeVenue) -> None:
    limits = [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}, {"odd": 1}]
    venue.then({"serverTime": NOON, "rateLimits": limits, "symbols": []})
    UsdmMarket(usdm).exchange_info()
    assert usdm.used_weight() == (1, 6000)


# What the answers become: records.


def test_klines_become_bars_and_the_open_one_is_left_out() -> None:
    rows = json.loads((DATA / "usdm" / "klines-1d-raw.json").read_text())
    symbol, raw = next(iter(rows.items()))
    klines = reader(list[Kline])(json.dumps(raw).encode())
    bars, bad = facts.bars("binance-usdm", symbol, klines, klines[-1].close_at)
    assert (len(bars), bad) == (len(klines) - 1, [])
    assert bars[0].at == klines[0].close_at + 1
    assert bars[0].step_s == 86_400
    assert bars[0].open == raw[0][1]


def test_a_kline_that_cannot_be_is_told_and_left_out() -> None:
    row = [60_000, "1", "0.5", "0.9", "1", "5", 119_999, "5", 1, "1", "1", "0"]
    bars, bad = facts.bars("binance-spot", "AUSDT", reader(list[Kline])(json.dumps([row]).encode()), NOON)
    assert bars == []
    assert len(bad) == 1


def test_recorded_tickers_become_records() -> None:
    days = rows_reader(Day)((DATA / "spot" / "ticker24hr.json").read_bytes())
    tickers, bad = facts.tickers("binance-spot", days)
    assert days.bad == 0 and bad == []
    assert tickers and all(ticker.venue == "binance-spot" for ticker in tickers)


def test_recorded_premiums_become_funding() -> None:
    premiums = rows_reader(Premium)((DATA / "usdm" / "premiumIndex.json").read_bytes())
    fundings, bad = facts.fundings("binance-usdm", premiums)
    assert premiums.bad == 0 and bad == []
    assert fundings
    assert {one.due_at for one in fundings if one.due_at is not None} == {1750161600000, 1750176000000}


def test_one_sided_books_and_odd_symbols_are_left_out() -> None:
    rows = [
        {"symbol": "AUSDT", "bidPrice": "1", "bidQty": "1", "askPrice": "2", "askQty": "1"},
        {"symbol": "BUSDT", "bidPrice": "0.00000000", "bidQty": "0", "askPrice": "2", "askQty": "1"},
        {"symbol": "C\x1bUSDT", "bidPrice": "1", "bidQty": "1", "askPrice": "2", "askQty": "1"},
        {"symbol": "DUSDT", "bidPrice": "3", "bidQty": "1", "askPrice": "2", "askQty": "1"},
        {"symbol": "币安人生USDT", "bidPrice": "1", "bidQty": "1", "askPrice": "2", "askQty": "1", "time": 5},
    ]
    tops, bad = facts.book_tops("binance-usdm", rows_reader(BestQuote)(json.dumps(rows).encode()), NOON)
    assert [(top.symbol, top.at) for top in tops] == [("AUSDT", NOON), ("币安人生USDT", 5)]
    assert len(bad) == 2


def test_open_interest_becomes_a_record_or_a_bad_one() -> None:
    good = facts.open_interest("binance-usdm", OpenContracts(symbol="AUSDT", open_interest="10.5", time=5))
    assert good.open_interest == "10.5"
    with pytest.raises(BadRecord):
        facts.open_interest("binance-usdm", OpenContracts(symbol="AUSDT", open_interest="1e5", time=5))


@pytest.mark.parametrize(
    ("name", "venue"),
    [("spot/exchangeInfo-2024-09-08.json", "binance-spot"), ("usdm/exchangeInfo-2025-11-26.json", "binance-usdm")],
)  # fmt: skip
def test_recorded_rules_become_records(name: str, venue: str) -> None:
    rules, bad = reader(ExchangeInfo)((DATA / name).read_bytes()).rules(venue, NOON)
    assert rules and bad == []


def test_rules_that_cannot_be_read_are_told_by_symbol() -> None:
    info = reader(ExchangeInfo)(b'{"serverTime":1,"rateLimits":[],"symbols":[{"symbol":"AUSDT","status":"TRADING"}]}')
    rules, bad = info.rules("binance-spot", NOON)
    assert rules == []
    assert len(bad) == 1 and "AUSDT" in bad[0]


# The large recordings, where they are at hand.


def rules_of(body: bytes, venue: str) -> list[str]:
    return reader(ExchangeInfo)(body).rules(venue, NOON)[1]


def books_of(lines: bytes) -> list[str]:
    books = [reader(Book)(json.dumps(json.loads(line)["body"]).encode()) for line in lines.splitlines()]
    return [] if all(book.bids and book.asks for book in books) else ["an empty side"]


LARGE: list[tuple[str, Callable[[bytes], Any]]] = [
    ("binance/spot/exchangeInfo-*.json.gz", lambda body: rules_of(body, "binance-spot")),
    ("binance/usdm/exchangeInfo-*.json.gz", lambda body: rules_of(body, "binance-usdm")),
    ("binance/spot/ticker24hr-*.json.gz", lambda body: facts.tickers("binance-spot", rows_reader(Day)(body))[1]),
    ("binance/usdm/premiumIndex-*.json.gz", lambda body: rows_reader(Premium)(body).bad),
    ("binance/usdm/leverageBracket-*.json.gz", lambda body: reader(list[Brackets])(body) and None),
    ("binance/usdm/klines-1d-raw-*.json.gz", lambda body: reader(dict[str, list[Kline]])(body) and None),
    ("binance/*/depth-snapshots-*.ndjson.gz", books_of),
]


@pytest.mark.parametrize(("name", "read"), LARGE, ids=lambda one: one if isinstance(one, str) else "")
def test_the_large_recordings_are_read_whole(name: str, read: Callable[[bytes], Any]) -> None:
    found = sorted(SHARED.glob(name))
    if not found:
        pytest.skip("no large recordings: name their folder in HOT_SHARED")
    for path in found:
        assert not read(gzip.decompress(path.read_bytes())), path.name


def test_the_recorded_trades_are_read() -> None:
    path = SHARED / "binance/spot/myTrades-BTCUSDT.ndjson.gz"
    if not path.exists():
        pytest.skip("no large recordings: name their folder in HOT_SHARED")
    # The recording lacks the order's id, which the exchange always tells.
    lines = [b'{"orderId":1,' + line[1:] for line in gzip.decompress(path.read_bytes()).splitlines()]
    trades = [reader(SpotTrade)(line) for line in lines]
    assert len(trades) == 2288
    assert all(trade.price > 0 and trade.qty > 0 for trade in trades)
