"""Order lists and the dead man's switch, as an unmodified client of others uses them."""

import asyncio

import pytest

pytest.importorskip("websockets")

from engine.world.loopback.serving import Serving

# Its own warnings are its own.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_python_binance_places_a_list_hears_of_it_and_cancels_it(venue: Serving) -> None:
    binance = pytest.importorskip("binance")

    class Client(binance.AsyncClient):
        API_URL, MARGIN_API_URL = f"{venue.rest_url}/api", f"{venue.rest_url}/sapi"
        FUTURES_URL, FUTURES_COIN_URL = f"{venue.rest_url}/fapi", f"{venue.rest_url}/dapi"
        WS_API_URL = venue.ws_api_url

    async def trade() -> None:
        client = await Client.create(venue.key, venue.secret)
        await client.order_market_buy(symbol="BTCUSDT", quantity="0.01")
        ids = {"listClientOrderId": "l1", "aboveClientOrderId": "a1", "belowClientOrderId": "b1"}
        async with binance.BinanceSocketManager(client).user_socket() as stream:
            await asyncio.sleep(0.3)
            pair = await client.create_oco_order(
                symbol="BTCUSDT", side="SELL", quantity="0.009", aboveType="LIMIT_MAKER", abovePrice="110000",
                belowType="STOP_LOSS_LIMIT", belowStopPrice="80000", belowPrice="79000", belowTimeInForce="GTC", **ids,
            )  # fmt: skip
            heard = [await stream.recv() for _ in range(5)]
        assert (pair["contingencyType"], pair["listOrderStatus"], pair["listClientOrderId"]) == (
            "OCO",
            "EXECUTING",
            "l1",
        )
        told = [
            (event["e"], event.get("c"), event.get("g")) for event in heard if event["e"] != "outboundAccountPosition"
        ]
        number = pair["orderListId"]
        assert told == [
            ("executionReport", "a1", number),
            ("executionReport", "b1", number),
            ("listStatus", "OCO", number),
        ]
        assert {one["clientOrderId"] for one in await client.get_open_orders(symbol="BTCUSDT")} == {"a1", "b1"}
        assert (await client.v3_get_order_list(orderListId=number))["listOrderStatus"] == "EXECUTING"
        assert [one["orderListId"] for one in await client.get_open_oco_orders()] == [number]
        gone = await client.v3_delete_order_list(symbol="BTCUSDT", listClientOrderId="l1")
        assert (gone["listOrderStatus"], [one["status"] for one in gone["orderReports"]]) == (
            "ALL_DONE",
            ["CANCELED"] * 2,
        )
        again = await client.create_oco_order(
            symbol="BTCUSDT", side="SELL", quantity="0.009", aboveType="LIMIT_MAKER", abovePrice="110000",
            belowType="STOP_LOSS", belowStopPrice="80000",
        )  # fmt: skip
        leg = await client.cancel_order(symbol="BTCUSDT", orderId=again["orders"][0]["orderId"])
        assert leg["listOrderStatus"] == "ALL_DONE"
        await client.close_connection()

    asyncio.run(asyncio.wait_for(trade(), 60))


def test_a_dead_mans_switch_set_by_python_binance_cancels_plain_orders_alone(venue: Serving) -> None:
    binance = pytest.importorskip("binance")

    class Client(binance.AsyncClient):
        API_URL, FUTURES_URL = f"{venue.rest_url}/api", f"{venue.rest_url}/fapi"

    async def trade() -> None:
        client = await Client.create(venue.key, venue.secret)
        values = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        order = await client.futures_create_order(quantity="0.01", price="80000", **values)
        stop = await client.futures_create_order(
            symbol="BTCUSDT", side="SELL", type="STOP_MARKET", triggerPrice="70000", closePosition="true"
        )
        await client.futures_countdown_cancel_all(symbol="BTCUSDT", countdownTime=1000)
        await asyncio.sleep(0.5)
        await client.futures_countdown_cancel_all(symbol="BTCUSDT", countdownTime=1000)
        await asyncio.sleep(0.8)
        assert [one["orderId"] for one in await client.futures_get_open_orders()] == [order["orderId"]]
        await asyncio.sleep(1.0)
        assert await client.futures_get_open_orders() == []
        open_stops = await client.futures_get_open_orders(conditional=True)
        assert [one["algoId"] for one in open_stops] == [stop["algoId"]]
        await client.close_connection()

    asyncio.run(asyncio.wait_for(trade(), 60))
