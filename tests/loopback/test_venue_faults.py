"""Faults as a client meets them, and what the venue's own books say meanwhile."""

import asyncio
import gzip
import http.client
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from patience import until

pytest.importorskip("websockets")

from test_venue_streams import hear, is_silent, say, signed, talk
from venue_client import Client
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from engine.errors import ConfigError
from engine.world.loopback.faults.script import Fault, FaultPlan, read_script, seeded
from engine.world.loopback.httpd import Request
from engine.world.loopback.serving import Serving

ORDERS = "POST /api/v3/order"


def arm(venue: Serving, **fault: Any) -> None:
    """Adds a fault to a venue."""
    venue.do(lambda one: one.faults.add(Fault(**fault)))


def wait_for(venue: Serving, what: Callable[[Any], bool]) -> None:
    until(lambda: venue.do(what))


def placed(venue: Serving) -> list[str]:
    """Gives the client ids of the orders that the venue has."""
    return venue.do(lambda one: [order.client_id for order in one.account.orders.values()])


@pytest.mark.parametrize("kind", ["drop", "reset", "cut"])
def test_an_order_whose_answer_is_lost_is_there_all_the_same(venue: Serving, client: Client, kind: str) -> None:
    arm(venue, fault=kind, on=ORDERS)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        client.order(newClientOrderId="lost")
    assert placed(venue) == ["lost"]
    client.close()
    assert client.order(newClientOrderId="next")[0] == 200


@pytest.mark.parametrize("kind", ["drop_before", "reset_before"])
def test_a_request_that_is_never_heard_orders_nothing(venue: Serving, client: Client, kind: str) -> None:
    arm(venue, fault=kind, on=ORDERS)
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        client.order()
    assert placed(venue) == []


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("503_unknown", 503, -1000),
        ("408", 408, -1007),
        ("-1006", 400, -1006),
        ("-1007", 400, -1007),
        ("500", 500, -1000),
    ],
)
def test_a_doubt_is_answered_while_the_order_stands(
    venue: Serving, client: Client, kind: str, status: int, code: int
) -> None:
    arm(venue, fault=kind, on=ORDERS)
    answered, told = client.order(newClientOrderId="doubt")
    assert (answered, told["code"]) == (status, code)
    assert placed(venue) == ["doubt"]


def test_a_doubt_may_also_hide_that_nothing_was_done(venue: Serving, client: Client) -> None:
    arm(venue, fault="503_unknown", on=ORDERS, carried_out=False)
    assert client.order()[0] == 503
    assert placed(venue) == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [("429", 429), ("418", 418), ("403", 403), ("451", 451), ("503_unavailable", 503), ("-2010", 400)],
)
def test_a_refusal_orders_nothing(venue: Serving, client: Client, kind: str, status: int) -> None:
    arm(venue, fault=kind, on=ORDERS, seconds=7 if status in (418, 429) else 0)
    assert client.order()[0] == status
    assert ("Retry-After" in client.headers) == (status in (418, 429))
    assert placed(venue) == []


@pytest.mark.parametrize("kind", ["html", "empty", "wrong_type"])
def test_a_body_that_is_no_answer(venue: Serving, client: Client, kind: str) -> None:
    arm(venue, fault=kind, on=ORDERS)
    status, told = client.order(newClientOrderId="odd")
    assert status == 200
    assert not isinstance(told, dict)
    assert placed(venue) == ["odd"]


def test_a_bomb_is_small_on_the_wire(venue: Serving, client: Client) -> None:
    arm(venue, fault="bomb", on="GET /api/v3/time")
    _, told = client.ask("GET", "/api/v3/time")
    assert client.headers["Content-Encoding"] == "gzip"
    assert len(told) < 1 << 20
    assert len(gzip.decompress(told)) == 64 << 20


def test_exits_pass_where_entries_are_throttled(venue: Serving, client: Client) -> None:
    client.order("/fapi/v1/order")
    arm(venue, fault="503_throttled", on="* /fapi/v1/order", times=0)
    assert client.order("/fapi/v1/order")[1]["code"] == -1008
    assert client.order("/fapi/v1/order", side="SELL", reduceOnly="true")[0] == 200


def test_a_delay_lets_the_user_events_come_first(venue: Serving, client: Client) -> None:
    arm(venue, fault="delay", on=ORDERS, seconds=0.5)

    async def what(socket: ClientConnection) -> bool:
        await say(socket, id=1, method="userDataStream.subscribe.signature", params=signed(venue))
        await hear(socket)
        answer = asyncio.ensure_future(asyncio.to_thread(client.order, newClientOrderId="slow"))
        await hear(socket)
        early = not answer.done()
        assert (await answer)[0] == 200
        return early

    assert talk(venue.ws_api_url, what)


def test_a_new_order_can_be_invisible_for_a_while(venue: Serving, client: Client) -> None:
    arm(venue, fault="hide", seconds=0.5)
    wait_for(venue, lambda one: one.spot.hide_ms)
    _, order = client.order()
    named = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
    assert client.ask("GET", "/api/v3/order", named, signed=True)[1]["code"] == -2013
    time.sleep(0.6)
    assert client.ask("GET", "/api/v3/order", named, signed=True)[0] == 200


def test_streams_fall_silent_while_pings_are_answered(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> None:
        await hear(socket)
        arm(venue, fault="silence", on="btcusdt@*")
        await is_silent(socket, 0.4)
        assert await is_silent(socket, 0.8)
        await (await socket.ping())

    talk(f"{venue.stream_url}/ws/btcusdt@trade", what)


def test_dirty_frames_stand_between_good_ones(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> int:
        arm(venue, fault="dirty", on="btcusdt@trade", times=3)
        bad = 0
        for _ in range(6):
            frame = await socket.recv()
            try:
                event = msgspec.json.decode(frame)
                float(event["p"])
                bad += "E" not in event or event["e"] != "trade"
            except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                bad += 1
        return bad

    assert 1 <= talk(f"{venue.stream_url}/ws/btcusdt@trade", what) <= 3


@pytest.mark.parametrize(("kind", "count"), [("never", 0), ("twice", 8)])
def test_user_events_come_never_or_twice(venue: Serving, client: Client, kind: str, count: int) -> None:
    arm(venue, fault=kind, on="user")

    async def what(socket: ClientConnection) -> int:
        await say(socket, id=1, method="userDataStream.subscribe.signature", params=signed(venue))
        await hear(socket)
        client.order()
        heard = 0
        while not await is_silent(socket, 0.4):
            heard += 1
        return heard

    assert talk(venue.ws_api_url, what) == count


def test_a_user_event_that_is_late_is_overtaken(venue: Serving, client: Client) -> None:
    arm(venue, fault="late", on="user", seconds=0.2, times=1)

    async def what(socket: ClientConnection) -> list[str]:
        await say(socket, id=1, method="userDataStream.subscribe.signature", params=signed(venue))
        await hear(socket)
        client.order()
        events = [(await hear(socket))["event"] for _ in range(4)]
        return [event.get("x", event["e"]) for event in events]

    assert talk(venue.ws_api_url, what)[-1] == "NEW"


def test_a_shutdown_is_told_before_the_connection_ends(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> None:
        arm(venue, fault="shutdown", seconds=0.3)
        assert (await hear(socket, lambda event: event["e"] == "serverShutdown"))["E"] > 0
        with pytest.raises(ConnectionClosed):
            while True:
                await socket.recv()

    talk(f"{venue.stream_url}/ws/btcusdt@trade", what)


def test_a_listen_key_expires_with_a_word_and_the_socket_stays(venue: Serving, client: Client) -> None:
    key = client.ask("POST", "/fapi/v1/listenKey")[1]["listenKey"]

    async def what(socket: ClientConnection) -> None:
        arm(venue, fault="expire_listen_key")
        assert (await hear(socket))["e"] == "listenKeyExpired"
        client.order("/fapi/v1/order")
        assert await is_silent(socket)

    talk(f"{venue.futures_stream_url}/private/ws/{key}", what)
    assert client.ask("PUT", "/fapi/v1/listenKey")[1]["code"] == -1125


def test_a_subscription_is_ended_and_the_next_ones_refused(venue: Serving) -> None:
    async def what(socket: ClientConnection) -> list[int]:
        method = "userDataStream.subscribe.signature"
        await say(socket, id=1, method=method, params=signed(venue))
        await hear(socket)
        arm(venue, fault="end_user_stream")
        arm(venue, fault="refuse_subscriptions", value="2")
        assert (await hear(socket))["event"]["e"] == "eventStreamTerminated"
        statuses = []
        for i in range(3):
            await say(socket, id=i, method=method, params=signed(venue))
            statuses.append((await hear(socket))["status"])
        return statuses

    assert talk(venue.ws_api_url, what) == [500, 500, 200]


def test_a_symbol_is_halted_and_its_rules_change(venue: Serving, client: Client) -> None:
    arm(venue, fault="status", symbol="BTCUSDT", value="CANCEL_ONLY")
    arm(venue, fault="step", symbol="ETHUSDT", value="0.1")
    wait_for(venue, lambda one: one.spot.floor.coins["BTCUSDT"].status == "CANCEL_ONLY")
    assert client.order()[1]["msg"] == "Market is closed."
    assert client.order(symbol="ETHUSDT", quantity="0.25")[1]["msg"] == "Filter failure: LOT_SIZE"
    assert client.order(symbol="ETHUSDT", quantity="0.2")[0] == 200
    _, info = client.ask("GET", "/api/v3/exchangeInfo", {"symbol": "ETHUSDT"})
    assert {one["filterType"]: one for one in info["symbols"][0]["filters"]}["LOT_SIZE"]["stepSize"] == "0.10000000"


def test_somebody_trades_by_hand_and_positions_are_taken_away(venue: Serving, client: Client) -> None:
    arm(venue, fault="trade_by_hand", market="usdm", symbol="BTCUSDT", value="0.01", side="SELL")
    wait_for(venue, lambda one: bool(one.trader.held()))
    arm(venue, fault="adl", symbol="BTCUSDT")
    wait_for(venue, lambda one: not one.trader.held())
    _, orders = client.ask("GET", "/fapi/v1/allOrders", {"symbol": "BTCUSDT"}, signed=True)
    assert [order["clientOrderId"].rpartition("_")[0] for order in orders] == ["web", "adl_autoclose"]


def test_a_clock_that_is_wrong_refuses_timestamps(venue: Serving, client: Client) -> None:
    arm(venue, fault="clock", seconds=-30)
    wait_for(venue, lambda one: one.clock.skew_ms)
    assert client.order()[1]["code"] == -1021
    told = client.ask("GET", "/api/v3/time")[1]["serverTime"]
    assert 25_000 < time.time() * 1000 - told < 35_000


def test_faults_are_armed_over_the_wire_too(venue: Serving, client: Client) -> None:
    script = msgspec.json.encode([{"fault": "429", "on": ORDERS, "seconds": 3}]).decode()
    assert client.raw("POST", "/venue/faults", {}, script) == (200, {"armed": 1})
    assert client.order()[0] == 429
    assert client.raw("POST", "/venue/faults", {}, '[{"fault":"gremlins"}]')[0] == 400


def test_the_same_seed_makes_the_same_faults() -> None:
    request = Request("POST", "/api/v3/order", "", {}, b"", b"")

    def run(seed: int) -> list[str]:
        plan = FaultPlan(seeded(0.3), seed)
        met = (plan.of_request(request, 1.0) for _ in range(300))
        return [fault.fault if fault is not None else "" for fault in met]

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert 50 < sum(bool(kind) for kind in run(1)) < 130


def test_a_fault_lets_chances_pass_and_ends_with_its_time() -> None:
    request = Request("GET", "/api/v3/time", "", {}, b"", b"")
    plan = FaultPlan([Fault(fault="500", skip=1, times=2, after_s=10, for_s=5)], 0)
    fired = [plan.of_request(request, at) is not None for at in (9, 10, 11, 12, 13, 16)]
    assert fired == [False, False, True, True, False, False]


def test_a_script_that_is_none_is_a_wrong_setting(tmp_path: Path) -> None:
    script = tmp_path / "faults.json"
    script.write_text('[{"fault":"drop","on":"POST *","time":3}]')
    with pytest.raises(ConfigError, match="time"):
        read_script(script)
    script.write_text('[{"fault":"drop","on":"POST *","times":3}]')
    assert read_script(script) == [Fault(fault="drop", on="POST *", times=3)]


def test_bars_are_lost_and_emptied(venue: Serving, client: Client) -> None:
    arm(venue, fault="lose_bar", symbol="BTCUSDT")
    arm(venue, fault="empty_bar", symbol="ETHUSDT")
    wait_for(venue, lambda one: one.spot.floor.tapes["ETHUSDT"].minutes[-2].steps == 0)
    rows = {
        symbol: client.ask("GET", "/api/v3/klines", {"symbol": symbol, "interval": "1m", "limit": 4})[1]
        for symbol in ("BTCUSDT", "ETHUSDT", "BNBUSDT")
    }
    gaps = {symbol: {b[0] - a[0] for a, b in pairwise(some)} for symbol, some in rows.items()}
    assert (gaps["BTCUSDT"], gaps["ETHUSDT"]) == ({60_000, 120_000}, {60_000})
    assert [float(row[5]) == 0 for row in rows["ETHUSDT"]] == [False, False, True, False]


def test_a_frozen_market_stands_still_while_orders_go_on(venue: Serving, client: Client) -> None:
    arm(venue, fault="freeze", seconds=30)
    wait_for(venue, lambda one: one.frozen_until > 0)
    before = venue.do(lambda one: one.spot.floor.tapes["ETHUSDT"].trade_id)
    time.sleep(0.6)
    assert venue.do(lambda one: one.spot.floor.tapes["ETHUSDT"].trade_id) == before
    assert client.order()[0] == 200
