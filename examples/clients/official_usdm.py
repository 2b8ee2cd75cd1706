"""The exchange's own SDK for USDT-M perpetuals: leverage, a stop, streams and the account's events."""

import asyncio

from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from official_spot import first
from session import Say, Told, begin


def trade(told: Told, say: Say) -> None:
    """Protects, then opens a position, and hears of both."""
    keys = {"api_key": told["key"], "api_secret": told["secret"]}
    client = DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(**keys, base_path=told["rest"]),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=told["futures_streams"]),
    )
    rest = client.rest_api
    symbols = rest.exchange_information().data().symbols
    say(f"markets: {len(symbols)} perpetuals")
    say(f"leverage: {rest.change_initial_leverage(symbol='BTCUSDT', leverage=5).data().leverage}")
    algo = rest.new_algo_order(
        algo_type="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="STOP_MARKET", trigger_price=80_000,
        close_position="true",
    )  # fmt: skip
    say(f"stop: {algo.data().algo_status}")
    key = rest.start_user_data_stream().data().listen_key

    async def talk() -> None:
        streams = await client.websocket_streams.create_connection()
        event = asyncio.ensure_future(first(await streams.user_data(key)))
        mark = asyncio.ensure_future(first(await streams.mark_price_stream(symbol="btcusdt", update_speed="1s")))
        await asyncio.sleep(0.5)
        order = rest.new_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity=0.01, new_order_resp_type="RESULT")
        say(f"market buy: {order.data().status}")
        say(f"account's event: {'heard' if await event is not None else 'missing'}")
        say(f"stream: the mark price of {(await mark).s}")
        await streams.close_connection(close_session=True)

    asyncio.run(asyncio.wait_for(talk(), 60))
    say(f"position: {rest.position_information_v3(symbol='BTCUSDT').data()[0].position_amt}")
    fills = rest.account_trade_list(symbol="BTCUSDT").data()
    say(f"fills: {[(one.side, one.qty, one.price) for one in fills]}")


if __name__ == "__main__":
    begin(trade)
