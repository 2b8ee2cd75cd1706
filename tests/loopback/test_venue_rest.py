"""REST as a client meets it: signatures, times, weights, limits, errors, and the venue's own books."""

import hmac
import time
from hashlib import sha256
from urllib.parse import quote

import msgspec
import pytest

pytest.importorskip("websockets")

from venue_client import Client

from engine.errors import UsageError
from engine.world.loopback.books.orders import Account
from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.rest.limits import Limits, Meter
from engine.world.loopback.rest.signing import check_signature, check_time, unsigned
from engine.world.loopback.serving import Serving, serving

SPOT_SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
PERP_SECRET = "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9"
LATE = "&recvWindow=5000&timestamp="


@pytest.mark.parametrize(
    ("secret", "payload", "signature"),
    [
        (
            SPOT_SECRET,
            f"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1{LATE}1499827319559",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (
            SPOT_SECRET,
            "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC"
            f"&quantity=1&price=0.1{LATE}1499827319559",
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
        (
            PERP_SECRET,
            f"symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC{LATE}1591702613943",
            "3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
        ),
    ],
)
def test_the_signatures_of_the_exchange_documents_are_right(secret: str, payload: str, signature: str) -> None:
    # Public dummy keys of Binance's own documentation.
    account = Account("key", secret, "documents")
    check_signature(account, unsigned(f"{payload}&signature={signature}", ""), signature)
    check_signature(account, unsigned("", f"signature={signature}&{payload}"), signature)
    half = len(payload) // 2
    check_signature(account, unsigned(payload[:half], f"{payload[half:]}&signature={signature}"), signature.upper())


def test_a_signature_over_what_was_not_percent_encoded_is_wrong(venue: Serving, client: Client) -> None:
    plain = f"symbol=币安人生USDT&timestamp={int(time.time() * 1000)}"
    signature = hmac.new(venue.secret.encode(), plain.encode(), sha256).hexdigest()
    target = f"/api/v3/openOrders?{quote(plain, safe='=&')}&signature={signature}"
    assert client.raw("GET", target, {"X-MBX-APIKEY": venue.key}) == (
        400, {"code": -1022, "msg": "Signature for this request is not valid."},
    )  # fmt: skip
    assert client.ask("GET", "/api/v3/openOrders", {"symbol": "币安人生USDT"}, signed=True) == (200, [])


@pytest.mark.parametrize(("offset_ms", "code"), [(0, 0), (-4000, 0), (-6000, -1021), (1500, -1021), (500, 0)])
def test_a_timestamp_is_at_most_a_second_ahead_and_five_behind(
    venue: Serving, client: Client, offset_ms: int, code: int
) -> None:
    payload = f"timestamp={int(time.time() * 1000) + offset_ms}"
    signature = hmac.new(venue.secret.encode(), payload.encode(), sha256).hexdigest()
    _, answer = client.raw("GET", f"/api/v3/account?{payload}&signature={signature}", {"X-MBX-APIKEY": venue.key})
    assert answer.get("code", 0) == code


def test_a_venue_that_runs_fast_takes_timestamps_of_both_clocks() -> None:
    wall = [1_000_000.0]
    clock = VenueClock(speed=60.0, wall=lambda: wall[0])
    wall[0] += 10.0
    assert clock.now() - clock.wall_ms() == 590_000
    for stamp in (clock.now(), clock.wall_ms()):
        check_time(clock, Wanted({"timestamp": str(stamp)}), "spot")
    with pytest.raises(Refusal):
        check_time(clock, Wanted({"timestamp": str(clock.now() + 1000)}), "spot")


def test_keys_are_asked_for_and_known(client: Client) -> None:
    assert client.raw("GET", "/api/v3/account", {})[1]["code"] == -2014
    assert client.raw("GET", "/api/v3/account", {"X-MBX-APIKEY": "nobody"}) == (
        401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."},
    )  # fmt: skip


def test_an_order_is_placed_found_cancelled_and_listed(client: Client) -> None:
    _, market = client.order(newClientOrderId="first")
    assert (market["status"], market["fills"][0]["commissionAsset"]) == ("FILLED", "BTC")
    price = f"{float(market['fills'][0]['price']) * 0.9:.2f}"
    _, resting = client.order(type="LIMIT", price=price, timeInForce="GTC", newOrderRespType="ACK")
    assert set(resting) == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    named = {"symbol": "BTCUSDT", "orderId": resting["orderId"]}
    assert client.ask("GET", "/api/v3/order", named, signed=True)[1]["status"] == "NEW"
    assert client.ask("DELETE", "/api/v3/order", named, signed=True)[1]["status"] == "CANCELED"
    assert client.ask("DELETE", "/api/v3/order", named, signed=True)[1]["code"] == -2011
    by_name = {"symbol": "BTCUSDT", "origClientOrderId": "first"}
    assert client.ask("GET", "/api/v3/order", by_name, signed=True)[1]["orderId"] == market["orderId"]
    trades = client.ask("GET", "/api/v3/myTrades", {"symbol": "BTCUSDT"}, signed=True)[1]
    assert [trade["orderId"] for trade in trades] == [market["orderId"]]
    orders = client.ask("GET", "/api/v3/allOrders", {"symbol": "BTCUSDT"}, signed=True)[1]
    assert [order["status"] for order in orders] == ["FILLED", "CANCELED"]


def test_a_perpetual_is_traded_with_its_stop(client: Client) -> None:
    leverage = client.ask("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": 5}, signed=True)[1]
    assert leverage["leverage"] == 5
    _, order = client.order("/fapi/v1/order", newOrderRespType="RESULT")
    assert order["status"] == "FILLED"
    assert "avgPrice" not in order and "cumQuote" not in order
    found = client.ask("GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": order["orderId"]}, signed=True)[1]
    trigger = f"{float(found['avgPrice']) * 0.9:.1f}"
    stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_MARKET", "algoType": "CONDITIONAL",
            "triggerPrice": trigger, "closePosition": "true"}  # fmt: skip
    assert client.ask("POST", "/fapi/v1/order", stop, signed=True)[1]["code"] == -4120
    algo = client.ask("POST", "/fapi/v1/algoOrder", stop, signed=True)[1]
    assert algo["algoStatus"] == "NEW"
    assert client.ask("GET", "/fapi/v1/openOrders", signed=True)[1] == []
    assert len(client.ask("GET", "/fapi/v1/openAlgoOrders", signed=True)[1]) == 1
    assert client.ask("DELETE", "/fapi/v1/algoOrder", {"algoId": algo["algoId"]}, signed=True)[1]["code"] == "200"
    (risk,) = client.ask("GET", "/fapi/v3/positionRisk", signed=True)[1]
    assert risk["positionAmt"] == "0.01" and "leverage" not in risk
    assert float(risk["liquidationPrice"]) >= 0


def test_the_default_answer_of_perpetuals_only_acknowledges(client: Client) -> None:
    _, order = client.order("/fapi/v1/order")
    assert (order["status"], order["executedQty"]) == ("NEW", "0")


def test_a_replacement_tells_both_halves(client: Client) -> None:
    values = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01",
              "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": "1"}  # fmt: skip
    status, answer = client.ask("POST", "/api/v3/order/cancelReplace", values, signed=True)
    assert (status, answer["code"]) == (409, -2021)
    assert (answer["data"]["cancelResult"], answer["data"]["newOrderResult"]) == ("FAILURE", "SUCCESS")


def test_headers_tell_weight_and_order_counts(client: Client) -> None:
    client.ask("GET", "/api/v3/exchangeInfo")
    used = int(client.headers["X-MBX-USED-WEIGHT-1M"])
    assert used == 20
    client.order()
    assert int(client.headers["X-MBX-USED-WEIGHT-1M"]) == used  # what is placed costs nothing
    assert client.headers["X-MBX-ORDER-COUNT-10S"] == "1"


def test_too_much_is_429_and_going_on_is_418() -> None:
    meter, now = Meter(Limits.of("spot")), 1_800_000_000.0
    meter.spend(6000, now)
    with pytest.raises(Refusal) as refused:
        meter.spend(1, now)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "60")
    for _ in range(20):
        with pytest.raises(Refusal) as refused:
            meter.spend(1, now)
    assert refused.value.status == 418
    with pytest.raises(Refusal, match="IP banned until"):
        meter.spend(1, now + 119)
    meter.spend(1, now + 121)


def test_orders_are_limited_by_account() -> None:
    meter = Meter(Limits.of("spot"))
    meter.count_orders("mine", 1_800_000_000.0, 100)
    with pytest.raises(Refusal) as refused:
        meter.check_orders("mine", 1_800_000_000.0, 1)
    assert (refused.value.code, refused.value.status) == (-1015, 429)
    meter.check_orders("mine", 1_800_000_010.0, 1)
    meter.check_orders("yours", 1_800_000_000.0, 1)


def test_symbols_carry_the_filters_that_are_enforced(client: Client) -> None:
    _, info = client.ask("GET", "/api/v3/exchangeInfo", {"symbol": "BTCUSDT"})
    filters = {one["filterType"]: one for one in info["symbols"][0]["filters"]}
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    _, refused = client.order(quantity="0.0000100000")
    assert refused == {"code": -1013, "msg": "Filter failure: NOTIONAL"}
    _, perps = client.ask("GET", "/fapi/v1/exchangeInfo")
    assert {one["contractType"] for one in perps["symbols"]} == {"PERPETUAL"}


def test_candles_are_whole_rows_and_end_with_the_open_one(client: Client) -> None:
    _, rows = client.ask("GET", "/api/v3/klines", {"symbol": "ETHUSDT", "interval": "5m", "limit": 3})
    assert [len(row) for row in rows] == [12, 12, 12]
    assert rows[1][0] - rows[0][0] == 300_000
    assert rows[-1][6] > time.time() * 1000
    assert client.ask("GET", "/api/v3/klines", {"symbol": "ETHUSDT", "interval": "7m"})[1]["code"] == -1120


def test_what_no_path_serves_is_404_and_what_is_no_request_is_400(client: Client) -> None:
    assert client.ask("GET", "/api/v3/nothing")[0] == 404
    assert client.ask("GET", "/nothing")[0] == 404
    assert client.raw("POST", "/api/v3/order", {"Transfer-Encoding": "chunked"}, body="0\r\n\r\n")[0] == 400


def test_the_venue_tells_a_checker_what_arrived_and_what_it_holds(client: Client) -> None:
    client.order(newClientOrderId="checked")
    lines = client.raw("GET", "/venue/requests", {}, plain=True)[1].splitlines()
    arrivals = [msgspec.json.decode(line) for line in lines]
    (order,) = [one for one in arrivals if one["path"] == "/api/v3/order"]
    assert "newClientOrderId=checked" in order["query"] + order["body"]
    assert order["status"] == 200
    _, books = client.raw("GET", "/venue/books", {})
    (mine,) = books["spot"]
    assert [one["clientOrderId"] for one in mine["orders"]] == ["checked"]
    assert mine["orders"][0]["fills"][0]["feeAsset"] == "BTC"


def test_it_listens_on_this_machine_only() -> None:
    with pytest.raises(UsageError, match="not loopback"), serving(host="0.0.0.0"):
        pass


def test_the_same_seed_makes_the_same_market_and_keys(client: Client, venue: Serving) -> None:
    with serving(venue.do(lambda one: one.options)) as again:
        assert (again.key, again.secret) == (venue.key, venue.secret)
