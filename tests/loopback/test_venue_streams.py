"""Streams as a client meets them: routes, wrapping, control frames, candles, books and user events."""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any

import msgspec
import pytest

pytest.importorskip("websockets")

from venue_client import Client
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from engine.world.loopback.serving import Serving

Talk = Callable[[ClientConnection], Awaitable[Any]]


def talk(url: str, what: Talk) -> Any:
    """Gives what comes of a conversation over a websocket."""

    async def hold() -> Any:
        async with connect(url, proxy=None) as socket:
            return await asyncio.wait_for(what(socket), 15)

    return asyncio.run(hold())


async def hear(socket: ClientConnection, want: Callable[[Any], bool] = lambda event: True) -> Any:
    """Gives the first message that is wanted."""
    while True:
        event = msgspec.json.decode(await socket.recv())
        if want(event):
            return event


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(msgspec.json.encode(message).decode())


async def is_silent(socket: ClientConnection, seconds: float = 0.6) -> bool:
    try:
        await asyncio.wait_for(socket.recv(), seconds)
    except TimeoutError:
        return True
    return False


def signed(venue: Serving, **params: Any) -> dict[str, Any]:
    """Gives the parameters of a signed request of the websocket API."""
    whole = {"apiKey": venue.key, "timestamp": int(time.time() * 1000), **params}
    payload = "&".join(f"{name}={value}" for name, value in sorted(whole.items()))
    return {**whole, "signature": hmac.new(venue.secret.encode(), payload.encode(), sha256).hexdigest()}


def test_a_raw_stream_tells_payloads_a_combined_one_wraps_them(venue: Serving) -> None:
    raw = talk(f"{venue.stream_url}/ws/btcusdt@trade", hear)
    assert (raw["e"], raw["s"]) == ("trade", "BTCUSDT")
    wrapped = talk(f"{venue.stream_url}/stream?streams=btcusdt@bookTicker/ethusdt@bookTicker", hear)
    assert wrapped["stream"].endswith("@bookTicker")
    assert "e" not in wrapped["data"]  # spot's book ticker says neither type nor time


def test_subscriptions_are_acknowledged_also_to_streams_that_do_not_exist(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> None:
        await say(socket, method="SUBSCRIBE", params=["BTCUSDT@trade", "nothing@all"], id=1)
        assert await hear(socket) == {"result": None, "id": 1}
        assert await is_silent(socket)
        await say(socket, method="LIST_SUBSCRIPTIONS", id="two")
        assert await hear(socket) == {"result": ["BTCUSDT@trade", "nothing@all"], "id": "two"}
        await say(socket, method="SUBSCRIBE", params=["btcusdt@trade"], id=3)
        assert (await hear(socket, lambda event: "e" in event))["e"] == "trade"

    talk(f"{venue.stream_url}/ws", what)


def test_spot_and_futures_rows_of_all_symbols(venue: Serving) -> None:
    spot = talk(f"{venue.stream_url}/ws/!miniTicker@arr", hear)
    assert "币安人生USDT" in {row["s"] for row in spot}
    perps = talk(f"{venue.futures_stream_url}/market/ws/!miniTicker@arr", hear)
    assert {row["st"] for row in perps} == {1, 2}  # coin-margined rows are mixed in


@pytest.mark.parametrize(
    ("path", "speaks"),
    [
        ("/market/ws/btcusdt@aggTrade", True),
        ("/public/ws/btcusdt@aggTrade", False),
        ("/ws/btcusdt@aggTrade", False),
        ("/public/ws/btcusdt@bookTicker", True),
        ("/market/ws/btcusdt@bookTicker", False),
        ("/market/ws/btcusdt@markPrice@1s", True),
        ("/private/ws/nosuchkey", False),
    ],
)
def test_futures_streams_live_on_their_route_and_are_silent_elsewhere(venue: Serving, path: str, speaks: bool) -> None:
    async def what(socket: ClientConnection) -> bool:
        return await is_silent(socket, 1.5)

    assert talk(f"{venue.futures_stream_url}{path}", what) is not speaks


def test_a_candle_closes_once_and_its_follower_opens(venue: Serving) -> None:
    def later(one: Any) -> None:
        one.clock.started -= 30.0
        one.clock.speed = 30.0

    async def what(socket: ClientConnection) -> list[Any]:
        await hear(socket)
        venue.do(later)
        return [await hear(socket, lambda event: event["k"]["x"]) for _ in range(2)]

    first, second = talk(f"{venue.stream_url}/ws/btcusdt@kline_1m", what)
    assert second["k"]["t"] == first["k"]["T"] + 1


def test_a_book_that_follows_the_differences_is_the_book(venue: Serving, client: Client) -> None:
    async def what(socket: ClientConnection) -> dict[str, dict[str, str]]:
        events = [await hear(socket)]
        snapshot = client.ask("GET", "/api/v3/depth", {"symbol": "ETHUSDT", "limit": 100})[1]
        while events[-1]["u"] < snapshot["lastUpdateId"] + 20:
            events.append(await hear(socket))
        book = {side: dict(snapshot[name]) for side, name in (("b", "bids"), ("a", "asks"))}
        at = snapshot["lastUpdateId"]
        for event in events:
            if event["u"] <= at:
                continue
            assert event["U"] <= at + 1
            at = event["u"]
            for side in ("b", "a"):
                for price, qty in event[side]:
                    book[side].pop(price, None)
                    if float(qty):
                        book[side][price] = qty
        return book

    book = talk(f"{venue.stream_url}/ws/ethusdt@depth@100ms", what)
    assert len(book["b"]) == len(book["a"]) == 100
    assert max(map(float, book["b"])) < min(map(float, book["a"]))


def test_spot_user_events_come_over_the_websocket_api(venue: Serving, client: Client) -> None:
    async def what(socket: ClientConnection) -> list[Any]:
        method = "userDataStream.subscribe.signature"
        await say(socket, id="a", method=method, params=signed(venue))
        assert (await hear(socket))["result"] == {"subscriptionId": 0}
        client.order(newClientOrderId="heard")
        return [(await hear(socket))["event"] for _ in range(4)]

    events = talk(venue.ws_api_url, what)
    reports = [event for event in events if event["e"] == "executionReport"]
    assert [report["x"] for report in reports] == ["NEW", "TRADE"]
    assert {report["c"] for report in reports} == {"heard"}


def test_a_wrong_signature_subscribes_to_nothing(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> Any:
        params = {**signed(venue), "signature": "0" * 64}
        await say(socket, id=1, method="userDataStream.subscribe.signature", params=params)
        return await hear(socket)

    answer = talk(venue.ws_api_url, what)
    assert (answer["status"], answer["error"]["code"]) == (400, -1022)


def test_an_order_can_be_placed_over_the_websocket_api(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> Any:
        params = signed(venue, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
        await say(socket, id="b", method="order.place", params=params)
        return await hear(socket)

    answer = talk(venue.ws_api_url, what)
    assert (answer["status"], answer["result"]["status"]) == (200, "FILLED")
    assert answer["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"


def test_user_events_of_perpetuals_come_by_listen_key(venue: Serving, client: Client) -> None:
    _, answer = client.ask("POST", "/fapi/v1/listenKey")
    assert client.ask("POST", "/fapi/v1/listenKey")[1] == answer
    key = answer["listenKey"]

    async def first(socket: ClientConnection) -> list[Any]:
        client.order("/fapi/v1/order")
        return [(await hear(socket))["e"] for _ in range(3)]

    async def second(socket: ClientConnection) -> list[Any]:
        client.order("/fapi/v1/order")
        return [(await hear(socket))["e"]]

    whole = f"{venue.futures_stream_url}/private/ws/{key}"
    assert talk(whole, first) == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
    narrowed = f"{venue.futures_stream_url}/private/ws?listenKey={key}&events=ACCOUNT_UPDATE"
    assert talk(narrowed, second) == ["ACCOUNT_UPDATE"]


@pytest.mark.parametrize("nonsense", ["x", "[" * 100_000, '{"id":"\\ud800"}'])
def test_what_is_no_message_is_refused_and_the_next_one_heard(venue: Serving, nonsense: str) -> None:
    async def what(socket: ClientConnection) -> list[Any]:
        await socket.send(nonsense)
        refused = await hear(socket)
        await say(socket, id=1, method="ping")
        return [refused["error"]["code"], (await hear(socket))["status"]]

    assert talk(venue.ws_api_url, what) == [3, 200]


def test_an_order_is_answered_before_its_events_are_told(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> list[Any]:
        await say(socket, id="a", method="userDataStream.subscribe.signature", params=signed(venue))
        await hear(socket)
        order = signed(venue, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
        await say(socket, id="b", method="order.place", params=order)
        told = [await hear(socket) for _ in range(3)]
        return [one["id"] if "id" in one else one["event"].get("x", one["event"]["e"]) for one in told]

    assert talk(venue.ws_api_url, what) == ["b", "NEW", "outboundAccountPosition"]


def test_more_messages_a_second_than_allowed_close_the_connection(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> int:
        for i in range(12):
            await say(socket, method="LIST_SUBSCRIPTIONS", id=i)
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
        return socket.close_code or 0

    assert talk(f"{venue.stream_url}/ws", what) == 1008


def test_more_streams_than_allowed_close_the_connection(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> int:
        await say(socket, method="SUBSCRIBE", params=[f"a{i}@trade" for i in range(1025)], id=1)
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()
        return socket.close_code or 0

    assert talk(f"{venue.stream_url}/ws", what) == 1008
