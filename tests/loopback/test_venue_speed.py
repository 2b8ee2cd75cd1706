"""The venue keeps up: an order costs little of its processor."""

import hmac
import time
from decimal import Decimal
from hashlib import sha256

import pytest

pytest.importorskip("websockets")

from engine.world.loopback.httpd import read, written
from engine.world.loopback.market.generated import Generated
from engine.world.loopback.venue import Venue, VenueOptions

ORDERS = 1000
#: 1,500 orders a second leave 667 microseconds for one. Measured: about 100.
MOST_S = 1 / 1500


def test_an_order_costs_less_than_its_share_of_a_second() -> None:
    balances = {"USDT": Decimal(10**6), "BTC": Decimal(10)}
    venue = Venue(VenueOptions(market=Generated(1, history_minutes=5), limits=False, balances=balances))
    requests = [_order(venue, i) for i in range(ORDERS)]
    start = time.process_time()
    for raw in requests:
        request, _ = read(raw)
        assert request is not None
        answer = venue.answer(request).answer
        assert answer.status == 200
        written(answer)
    assert (time.process_time() - start) / ORDERS < MOST_S


@pytest.mark.parametrize("head", [
    b"POST /o HTTP/1.1\r\nContent-Length: 2\r\n\r\n", b"POST /o?a=1 HTTP/1.1\r\ncontent-length:  2 \r\nX-A: b\r\n\r\n",
])  # fmt: skip
def test_a_head_that_was_read_before_says_the_same_of_another_body(head: bytes) -> None:
    found = [read(head + body) for body in (b"ab", b"cd", b"e", b"")]
    assert [request and (request.body, request.raw) for request, _ in found] == [
        (b"ab", head),
        (b"cd", head),
        None,
        None,
    ]
    assert [size for _, size in found] == [len(head) + 2, len(head) + 2, 0, 0]


@pytest.mark.parametrize("length", ["-1", "x", "1" * 19, "9" * 5000, ""])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    assert read(f"POST /o HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode()) == (None, 400)


def _order(venue: Venue, number: int) -> bytes:
    side = "BUY" if number % 2 else "SELL"
    body = (
        f"timestamp={int(time.time() * 1000)}&recvWindow=60000&symbol=BTCUSDT&side={side}&type=MARKET&quantity=0.0002"
        f"&newClientOrderId=x{number}&newOrderRespType=FULL"
    )
    body += "&signature=" + hmac.new(venue.account.secret.encode(), body.encode(), sha256).hexdigest()
    head = (
        f"POST /api/v3/order HTTP/1.1\r\nHost: venue\r\nX-MBX-APIKEY: {venue.account.key}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()
