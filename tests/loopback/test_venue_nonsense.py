"""Whatever is sent to any path of the venue, it is answered: with what was asked for, or with a refusal."""

import hmac
import time
from hashlib import sha256
from urllib.parse import quote_from_bytes

import pytest

pytest.importorskip("websockets")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.world.loopback.httpd import Request
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.market.tape import Print
from engine.world.loopback.venue import Venue, VenueOptions

NAMES = [
    "symbol", "symbols", "pair", "side", "type", "timeInForce", "quantity", "quoteOrderQty", "price", "stopPrice",
    "triggerPrice", "trailingDelta", "callbackRate", "activatePrice", "algoType", "algoId", "clientAlgoId",
    "newClientOrderId", "origClientOrderId", "orderId", "orderListId", "limit", "startTime", "endTime", "fromId",
    "interval", "period", "contractType", "windowSize", "timeZone", "batchOrders", "orderIdList", "leverage",
    "marginType", "amount", "positionSide", "reduceOnly", "closePosition", "dualSidePosition", "workingType",
    "recvWindow", "cancelReplaceMode", "cancelOrderId", "aboveType", "belowType", "abovePrice", "belowStopPrice",
    "newOrderRespType", "symbolStatus", "countdownTime", "goodTillDate", "spotBNBBurn", "computeCommissionRates",
]  # fmt: skip
NUMBERS = ["0", "1", "-1", "0.01", "1e9", "NaN", "95000", "1795324545666", "9" * 20, "9" * 400, "0." + "0" * 30 + "1"]
WORDS = [
    "BTCUSDT", "btcusdt", "币安人生USDT", "[\"BTCUSDT\"]", "BUY", "SELL", "LIMIT", "MARKET", "STOP_LOSS", "STOP_MARKET",
    "TRAILING_STOP_MARKET", "LIMIT_MAKER", "GTC", "GTD", "IOC", "CONDITIONAL", "1m", "5m", "1d", "PERPETUAL", "true",
    "STOP_ON_FAILURE", "ALLOW_FAILURE", "BOTH", "LONG", "MINI", "[1,2]", '[{"symbol":"BTCUSDT","quantity":1}]',
    '[{"a":' + "[" * 5000, "%", "a=b", "\x00",
]  # fmt: skip
VALUES = st.one_of(st.sampled_from([word.encode() for word in NUMBERS + WORDS]), st.binary(max_size=8))


@pytest.fixture(scope="module")
def opened() -> Venue:
    venue = Venue(VenueOptions(seed=3, market=Generated(3, volatility=0.0, history_minutes=5), limits=False))
    for number, one in enumerate(venue.market.happenings(venue.clock.now())):
        venue.take(one)
        if number > 100 and isinstance(one, Print):
            break
    return venue


def paths(venue: Venue) -> list[tuple[str, str]]:
    return sorted({key for rest in venue.rests.values() for key in rest.routes})


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_sent_is_answered(opened: Venue, data: st.DataObject) -> None:
    method, path = data.draw(st.sampled_from(paths(opened)))
    values = data.draw(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12))
    if data.draw(st.booleans()):
        values["symbol"] = b"BTCUSDT"
    query = "&".join(f"{name}={quote_from_bytes(value)}" for name, value in values.items())
    query += f"{'&' if query else ''}timestamp={int(time.time() * 1000)}"
    query += "&signature=" + hmac.new(opened.account.secret.encode(), query.encode(), sha256).hexdigest()
    at_front = data.draw(st.booleans())
    request = Request(
        method, path, query if at_front else "", {"x-mbx-apikey": opened.account.key},
        b"" if at_front else query.encode(), b"",
    )  # fmt: skip

    reply = opened.answer(request)

    assert reply.answer.status in (200, 400, 401, 404, 409, 429)
    assert reply.answer.body.startswith((b"{", b"["))
