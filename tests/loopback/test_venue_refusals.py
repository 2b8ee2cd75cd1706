"""What the venue says to requests that are none, or that ask for what the exchange does not take."""

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("websockets")

from engine.world.loopback.httpd import MAX_HEAD, read
from engine.world.loopback.rest.spot_names import KNOWN

if TYPE_CHECKING:
    from venue_client import Client

    from engine.world.loopback.serving import Serving

RANGE = r"^[\w\-._&&[^a-z]]{1,50}$"
ILLEGAL = f"Illegal characters found in parameter 'symbol'; legal range is '{RANGE}'."


def told(served: "Serving", request: bytes) -> bytes:
    """Sends bytes and gives all that comes until the venue closes."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as peer:
        peer.sendall(request)
        got = b""
        while data := peer.recv(1 << 16):
            got += data
    return got


@pytest.mark.parametrize(("target", "code", "text"), [
    ("klines?symbol=btcusdt&interval=1m", -1100, ILLEGAL),
    ("klines?symbol=BTC/USDT&interval=1m", -1100, ILLEGAL),
    ("klines?symbol=%FFUSDT&interval=1m", -1100, ILLEGAL),
    ("klines?symbol=%E5%B8%81USDT&interval=1m", -1121, "Invalid symbol."),
    ("klines?symbol=&interval=1m", -1105, "Parameter 'symbol' was empty."),
    ("klines?interval=1m", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
    ("klines?symbol=BTCUSDT&symbol=BTCUSDT&interval=1m", -1101, "Duplicate values for a parameter detected."),
    ("klines?symbol=BTCUSDT&interval=1m&limit=-1", -1100,
     "Illegal characters found in parameter 'limit'; legal range is '^[0-9]{1,20}$'."),
    ("klines?fromId=1&symbol=BTCUSDT&interval=1h", -1104,
     "Not all sent parameters were read; read '2' parameter(s) but was sent '3'."),
    ("time?a=1", -1101, "Too many parameters; expected '0' and received '1'."),
    ("ticker/price?symbols=[%22BTCUSDT%22,%22BTCUSDT%22]", -1151, "Symbol is present multiple times in the list."),
    ("ticker/24hr?type=HUGE", -1139, "Invalid ticker type."),
    ("ticker/price?symbol=BTCUSDT&symbolStatus=HALT", -1220,
     "The symbol's status does not match the requested symbolStatus."),
    ("exchangeInfo?symbolStatus=OPEN", -1122, "Invalid symbolStatus."),
    ("ticker", -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
    ("ticker?symbol=BTCUSDT&windowSize=8d", -1130, "Data sent for parameter 'windowSize' is not valid."),
    ("ticker/tradingDay?symbol=BTCUSDT&timeZone=99", -1130, "Data sent for parameter 'timeZone' is not valid."),
])  # fmt: skip
def test_spot_refuses_in_the_words_of_the_exchange(client: "Client", target: str, code: int, text: str) -> None:
    assert client.raw("GET", f"/api/v3/{target}", {}) == (400, {"code": code, "msg": text})


def test_perpetuals_call_every_symbol_that_is_none_invalid(client: "Client") -> None:
    assert client.raw("GET", "/fapi/v1/klines?symbol=btcusdt&interval=1m", {})[1]["code"] == -1121


@pytest.mark.parametrize("extra", [{"reduceOnly": "true"}, {"positionSide": "LONG"}, {"closePosition": "true"}])
def test_an_order_on_spot_with_words_of_perpetuals_is_refused(client: "Client", extra: dict[str, str]) -> None:
    status, answer = client.order(**extra)
    assert (status, answer["code"]) == (400, -1104)
    assert client.ask("GET", "/api/v3/allOrders", {"symbol": "BTCUSDT"}, signed=True) == (200, [])


def test_a_strategy_of_a_small_number_is_none(client: "Client") -> None:
    assert client.order(strategyType="1")[1]["code"] == -1134


def test_every_call_that_knows_its_parameters_is_there(venue: "Serving") -> None:
    routes = venue.venue.rests["/api/"].routes
    assert {(method, f"/api/v3/{path}") for method, path in KNOWN} <= routes.keys()


@pytest.mark.parametrize("signature", ["%C3%BC", "%ED%B3%BF", "", "0" * 10_000])
def test_a_signature_of_any_characters_is_refused_and_no_more(
    venue: "Serving", client: "Client", signature: str
) -> None:
    target = f"/api/v3/account?timestamp={int(time.time() * 1000)}&signature={signature}"
    status, answer = client.raw("GET", target, {"X-MBX-APIKEY": venue.key})
    assert (status, answer["code"]) == (400, -1022 if signature else -1102)


def test_a_path_by_a_wrong_method_says_so(client: "Client") -> None:
    assert client.raw("PATCH", "/fapi/v1/order", {}) == (
        404, {"code": -5000, "msg": "Path /fapi/v1/order, Method PATCH is invalid"},
    )  # fmt: skip


def test_the_answer_to_head_has_no_body(venue: "Serving") -> None:
    two = b"HEAD /api/v3/ping HTTP/1.1\r\n\r\nGET /api/v3/ping HTTP/1.1\r\nConnection: close\r\n\r\n"
    got = told(venue, two)
    assert got.count(b"HTTP/1.1 ") == 2
    assert got.split(b"\r\n\r\n")[1].startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("ends", [b"HTTP/1.0\r\n\r\n", b"HTTP/1.1\r\nConnection: Close\r\n\r\n"])
def test_a_client_that_wants_it_so_is_let_go(venue: "Serving", ends: bytes) -> None:
    assert told(venue, b"GET /api/v3/ping " + ends).endswith(b"\r\n\r\n{}")


def test_a_head_that_is_too_long_is_refused() -> None:
    long = b"GET / HTTP/1.1\r\nX: " + b"a" * MAX_HEAD
    assert read(long) == (None, 413)
    assert read(long + b"\r\n\r\n") == (None, 413)


def test_a_client_that_takes_no_answers_gets_them_when_it_does(venue: "Serving", client: "Client") -> None:
    many, question = 800, b"GET /fapi/v1/exchangeInfo HTTP/1.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", venue.port), timeout=30) as peer:
        peer.sendall(question * many)
        time.sleep(0.5)
        assert len(venue.venue.journal.arrivals) < many  # what it does not take is not worked out
        assert client.raw("GET", "/api/v3/ping", {}) == (200, {})
        peer.sendall(b"GET /api/v3/ping HTTP/1.0\r\n\r\n")
        answers = b"".join(iter(lambda: peer.recv(1 << 20), b""))
    assert answers.count(b'"exchangeFilters"') == many


def test_a_tested_order_tells_its_fees_where_they_are_wanted(client: "Client") -> None:
    wanted = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
    assert client.ask("POST", "/api/v3/order/test", wanted, signed=True) == (200, {})
    wanted["computeCommissionRates"] = "true"
    _, answer = client.ask("POST", "/api/v3/order/test", wanted, signed=True)
    assert answer["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}
    assert answer["discount"]["discountAsset"] == "BNB"


def test_tickers_come_whole_small_and_of_windows(client: "Client") -> None:
    def ask(path: str, **values: str) -> Any:
        return client.ask("GET", f"/api/v3/{path}", {"symbol": "BTCUSDT", **values})[1]

    whole, small = ask("ticker/24hr"), ask("ticker/24hr", type="MINI")
    assert small.keys() < whole.keys() and "priceChange" not in small
    day, hour = ask("ticker", windowSize="1d"), ask("ticker", windowSize="5m", type="MINI")
    assert day["openTime"] < hour["openTime"] < hour["closeTime"]
    assert float(hour["quoteVolume"]) < float(day["quoteVolume"])
    assert ask("ticker/tradingDay")["openTime"] % 86_400_000 == 0
    assert ask("ticker/tradingDay", timeZone="-1:30")["openTime"] % 86_400_000 == 5_400_000
    assert len(client.ask("GET", "/api/v3/ticker", {"symbols": '["BTCUSDT","ETHUSDT"]'})[1]) == 2


def test_a_list_that_is_cancelled_tells_of_each_order_what_it_was_called(client: "Client") -> None:
    last = float(client.ask("GET", "/api/v3/ticker/price", {"symbol": "BNBUSDT"})[1]["price"])
    wanted = {
        "symbol": "BNBUSDT", "side": "SELL", "quantity": "0.1", "aboveType": "LIMIT_MAKER", "belowType": "STOP_LOSS",
        "abovePrice": f"{last * 1.1:.1f}", "belowStopPrice": f"{last * 0.9:.1f}", "aboveClientOrderId": "above",
    }  # fmt: skip
    status, pair = client.ask("POST", "/api/v3/orderList/oco", wanted, signed=True)
    assert status == 200, pair
    gone = {"symbol": "BNBUSDT", "orderListId": pair["orderListId"]}
    _, answer = client.ask("DELETE", "/api/v3/orderList", gone, signed=True)
    reports = answer["orderReports"]
    assert reports[0]["origClientOrderId"] == "above" != reports[0]["clientOrderId"]
    assert {one["status"] for one in reports} == {"CANCELED"}


@pytest.mark.parametrize(("path", "values"), [
    ("v1/leverageBracket", {}), ("v1/symbolConfig", {}), ("v2/positionRisk", {}), ("v3/positionRisk", {}),
    ("v1/forceOrders", {}), ("v1/adlQuantile", {}), ("v1/openAlgoOrders", {}),
])  # fmt: skip
def test_perpetuals_know_no_account_of_a_symbol_that_is_not_listed(
    client: "Client", path: str, values: dict[str, str]
) -> None:
    assert client.ask("GET", f"/fapi/{path}", values, signed=True)[0] == 200
    refused = client.ask("GET", f"/fapi/{path}", {**values, "symbol": "NONEUSDT"}, signed=True)
    assert refused == (400, {"code": -1121, "msg": "Invalid symbol."})


def test_an_order_that_only_a_stop_can_be_is_refused(client: "Client") -> None:
    status, answer = client.order("/fapi/v1/order", closePosition="true")
    assert (status, answer["code"]) == (400, -4136)


def test_a_batch_that_is_nested_without_end_is_refused(client: "Client") -> None:
    wanted = {"batchOrders": '[{"a":' + "[" * 5000}
    status, answer = client.ask("POST", "/fapi/v1/batchOrders", wanted, signed=True)
    assert (status, answer["code"]) == (400, -1130)


def test_candles_of_prices_that_nobody_trades_have_no_volume(client: "Client") -> None:
    def rows(path: str, **values: str) -> Any:
        return client.ask("GET", f"/fapi/v1/{path}", {"interval": "1m", "limit": "3", **values})[1]

    traded = rows("klines", symbol="BTCUSDT")
    assert rows("continuousKlines", pair="BTCUSDT", contractType="PERPETUAL") == traded
    assert rows("continuousKlines", pair="BTCUSDT", contractType="NEXT_QUARTER") == []
    assert rows("continuousKlines", pair="BTCUSDT", contractType="SWAP")["code"] == -1130
    marks = rows("markPriceKlines", symbol="BTCUSDT")
    assert [row[:5] for row in marks] == [row[:5] for row in traded]
    assert {(row[5], row[7], row[9], row[10]) for row in marks} == {("0", "0", "0", "0")}
    assert rows("indexPriceKlines", pair="BTCUSDT") == marks
    assert rows("premiumIndexKlines", symbol="BTCUSDT")[0][4] == "0.00000000"


def test_the_account_beside_trading_is_told(client: "Client") -> None:
    assert client.ask("GET", "/sapi/v1/account/status", signed=True) == (200, {"data": "Normal"})
    assert client.ask("GET", "/sapi/v1/account/apiTradingStatus", signed=True)[1]["data"]["isLocked"] is False
    held = client.ask("POST", "/sapi/v3/asset/getUserAsset", {"asset": "USDT"}, signed=True)[1]
    assert [(one["asset"], one["free"]) for one in held] == [("USDT", "10000.00000000")]
    assert client.ask("GET", "/api/v3/executionRules", {"symbol": "BTCUSDT"}) == (
        200, {"symbolRules": [{"symbol": "BTCUSDT", "rules": []}]},
    )  # fmt: skip
