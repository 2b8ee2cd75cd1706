"""The exchange's own SDK for spot: REST, streams, and the websocket API with the account's events."""

import asyncio
from typing import Any

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_spot.spot import Spot
from session import Say, Told, begin


def trade(told: Told, say: Say) -> None:
    """Places, asks for and cancels an order by REST, then buys over the websocket API."""
    keys = {"api_key": told["key"], "api_secret": told["secret"]}
    client = Spot(
        config_rest_api=ConfigurationRestAPI(**keys, base_path=told["rest"]),
        config_ws_api=ConfigurationWebSocketAPI(**keys, stream_url=told["ws_api"]),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=told["streams"]),
    )
    rest = client.rest_api
    say(f"market: {rest.exchange_info(symbol='BTCUSDT').data().symbols[0].symbol}")
    values = {"symbol": "BTCUSDT", "side": "BUY", "quantity": 0.01}
    order = rest.new_order(type="LIMIT", time_in_force="GTC", price=80_000, **values).data()
    say(f"limit buy: {rest.get_order(symbol='BTCUSDT', order_id=order.order_id).data().status}")
    say(f"cancelled: {rest.delete_order(symbol='BTCUSDT', order_id=order.order_id).data().status}")
    asyncio.run(asyncio.wait_for(talk(client, values, say), 60))
    fills = rest.my_trades(symbol="BTCUSDT").data()
    say(f"fills: {[(one.qty, one.price, one.commission_asset) for one in fills]}")


async def talk(client: Spot, values: dict[str, Any], say: Say) -> None:
    """Listens to trades, and to the account while it buys."""
    streams = await client.websocket_streams.create_connection()
    say(f"stream: a trade of {(await first(await streams.trade(symbol='btcusdt'))).s}")
    await streams.close_connection(close_session=True)
    api = await client.websocket_api.create_connection()
    subscribed = await api.user_data_stream_subscribe_signature()
    event = asyncio.ensure_future(first(subscribed.stream))
    placed = await api.order_place(type="MARKET", **values)
    say(f"market buy over the websocket API: {placed.data().result.status}")
    say(f"account's event: {'heard' if await event is not None else 'missing'}")
    await api.close_connection(close_session=True)


async def first(stream: Any) -> Any:
    """Gives the first message of an SDK's stream."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    stream.on("message", heard.put_nowait)
    return await asyncio.wait_for(heard.get(), 10)


if __name__ == "__main__":
    begin(trade)
