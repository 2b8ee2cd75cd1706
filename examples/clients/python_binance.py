"""python-binance on both markets: streams, orders with the account's events, a pair, and a perpetual's stop."""

import asyncio

import binance
from session import Say, Told, begin


def trade(told: Told, say: Say) -> None:
    """Trades on spot, then on perpetuals."""

    class Client(binance.AsyncClient):
        API_URL, MARGIN_API_URL = f"{told['rest']}/api", f"{told['rest']}/sapi"
        FUTURES_URL, FUTURES_COIN_URL = f"{told['rest']}/fapi", f"{told['rest']}/dapi"
        WS_API_URL = told["ws_api"]

    class Sockets(binance.BinanceSocketManager):
        STREAM_URL, FSTREAM_URL = f"{told['streams']}/", f"{told['futures_streams']}/"

    async def run() -> None:
        client = await Client.create(told["key"], told["secret"])
        sockets = Sockets(client)
        say(f"markets: {len((await client.get_exchange_info())['symbols'])} on spot")
        async with sockets.kline_socket("BTCUSDT") as stream:
            say(f"spot stream: {(await stream.recv())['e']}")
        async with sockets.symbol_mark_price_socket("BTCUSDT") as stream:
            say(f"futures stream: {(await stream.recv())['data']['e']}")
        await _spot(client, sockets, say)
        await _futures(client, sockets, say)
        await client.close_connection()

    asyncio.run(asyncio.wait_for(run(), 60))


async def _spot(client: binance.AsyncClient, sockets: binance.BinanceSocketManager, say: Say) -> None:
    async with sockets.user_socket() as stream:
        await asyncio.sleep(0.3)
        order = await client.order_market_buy(symbol="BTCUSDT", quantity="0.01")
        event = await stream.recv()
        say(f"spot buy: {order['status']}, {order['executedQty']} for {order['cummulativeQuoteQty']}")
        say(f"user event: {event['e']} {event['x']} of {'our' if event['i'] == order['orderId'] else 'another'} order")
    pair = await client.create_oco_order(
        symbol="BTCUSDT", side="SELL", quantity="0.009", aboveType="LIMIT_MAKER", abovePrice="110000",
        belowType="STOP_LOSS", belowStopPrice="80000",
    )  # fmt: skip
    say(f"pair: {sorted(one['type'] for one in pair['orderReports'])}")
    gone = await client.cancel_order(symbol="BTCUSDT", orderId=pair["orderReports"][0]["orderId"])
    say(f"cancelled: {gone.get('listOrderStatus', gone.get('status'))}")
    fills = await client.get_my_trades(symbol="BTCUSDT")
    say(f"fills: {[(one['qty'], one['price'], one['commissionAsset']) for one in fills]}")


async def _futures(client: binance.AsyncClient, sockets: binance.BinanceSocketManager, say: Say) -> None:
    async with sockets.futures_user_socket() as stream:
        await asyncio.sleep(0.3)
        order = await client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
        event = await stream.recv()
        own = event["o"]["i"] == order["orderId"]
        say(f"user event: {event['e']} {event['o']['x']} of {'our' if own else 'another'} order")
    stop = await client.futures_create_order(
        symbol="BTCUSDT", side="SELL", type="STOP_MARKET", triggerPrice="80000", closePosition="true"
    )
    say(f"stop: {stop['algoStatus']}")
    (position,) = await client.futures_position_information(symbol="BTCUSDT")
    say(f"position: {position['positionAmt']}")
    fills = await client.futures_account_trades(symbol="BTCUSDT")
    say(f"fills: {[(one['side'], one['qty'], one['price']) for one in fills]}")


if __name__ == "__main__":
    begin(trade)
