"""Clients that other people wrote, unmodified but for their addresses, trade on the venue: spot and perpetuals."""

import asyncio
from typing import Any

import pytest

pytest.importorskip("websockets")

from engine.world.loopback.serving import Serving

# Their own warnings are theirs.
pytestmark = pytest.mark.filterwarnings("ignore")
SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
SDK = ("binance_sdk_spot.spot", "binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures")


def library(name: str) -> Any:
    """Gives a client library; skips the test where it is not installed."""
    return pytest.importorskip(name, reason=f"the client {name} is not installed")


def aimed(exchange: Any, venue: Serving) -> Any:
    """Gives a ccxt exchange that speaks to the venue instead of the exchange's hosts."""
    api = exchange.urls["api"]
    for name, url in api.items():
        if isinstance(url, str):
            for host in ("api", "fapi", "dapi"):
                url = url.replace(f"https://{host}.binance.com", venue.rest_url)
            api[name] = url
    sockets = api.get("ws")
    if sockets:
        sockets |= {"spot": f"{venue.stream_url}/ws", "linear": f"{venue.futures_stream_url}/ws"}
        sockets["ws-api"] = {"spot": venue.ws_api_url, "linear": venue.ws_api_url.replace("ws-api/v3", "ws-fapi/v1")}
    return exchange


def test_ccxt_trades_spot(venue: Serving) -> None:
    ccxt = library("ccxt")
    exchange = aimed(ccxt.binance({"apiKey": venue.key, "secret": venue.secret}), venue)
    assert {SPOT, PERP, "币安人生/USDT"} <= set(exchange.load_markets())
    price = exchange.fetch_ticker(SPOT)["last"]
    assert exchange.fetch_order_book(SPOT, 5)["bids"][0][0] <= price
    assert len(exchange.fetch_ohlcv(SPOT, "5m", limit=3)) == 3
    bought = exchange.create_order(SPOT, "market", "buy", 0.01)
    assert (bought["status"], bought["filled"], bought["fees"][0]["currency"]) == ("closed", 0.01, "BTC")
    resting = exchange.create_order(
        "币安人生/USDT", "limit", "buy", 1000, exchange.fetch_ticker("币安人生/USDT")["last"] * 0.9
    )
    assert exchange.fetch_order(resting["id"], "币安人生/USDT")["status"] == "open"
    assert exchange.cancel_order(resting["id"], "币安人生/USDT")["status"] == "canceled"
    assert [trade["order"] for trade in exchange.fetch_my_trades(SPOT)] == [bought["id"]]
    assert exchange.fetch_balance()["free"]["BTC"] == 0.00999
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(SPOT, "market", "buy", 5)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order("1", SPOT)


def test_ccxt_trades_perpetuals(venue: Serving) -> None:
    ccxt = library("ccxt")
    exchange = aimed(ccxt.binanceusdm({"apiKey": venue.key, "secret": venue.secret}), venue)
    exchange.load_markets()
    exchange.set_leverage(10, PERP)
    exchange.set_margin_mode("isolated", PERP)
    bought = exchange.create_order(PERP, "market", "buy", 0.05)
    assert bought["status"] == "closed"
    assert exchange.fetch_order(bought["id"], PERP)["average"] > 0
    (position,) = exchange.fetch_positions([PERP])
    assert (position["contracts"], position["marginMode"]) == (0.05, "isolated")
    assert 0 < position["liquidationPrice"] < position["entryPrice"]
    stop = {"stopLossPrice": position["entryPrice"] * 0.95, "reduceOnly": True}
    stopped = exchange.create_order(PERP, "market", "sell", 0.05, None, stop)
    assert exchange.fetch_open_orders(PERP) == []
    assert [one["id"] for one in exchange.fetch_open_orders(PERP, params={"trigger": True})] == [stopped["id"]]
    exchange.cancel_order(stopped["id"], PERP, {"trigger": True})
    exchange.create_order(PERP, "market", "sell", 0.05, None, {"reduceOnly": True})
    assert exchange.fetch_positions([PERP]) == []
    assert len(exchange.fetch_my_trades(PERP)) == 2
    assert exchange.fetch_funding_rate(PERP)["fundingRate"] is not None


@pytest.mark.parametrize(("name", "symbol"), [("binance", SPOT), ("binanceusdm", PERP)])
def test_ccxt_pro_watches_market_and_account(venue: Serving, name: str, symbol: str) -> None:
    pro = library("ccxt.pro")

    async def watch() -> None:
        exchange = aimed(getattr(pro, name)({"apiKey": venue.key, "secret": venue.secret}), venue)
        try:
            await exchange.load_markets()
            assert (await exchange.watch_ticker(symbol))["last"] > 0
            assert await exchange.watch_trades(symbol)
            assert (await exchange.watch_order_book(symbol))["bids"]
            assert await exchange.watch_ohlcv(symbol, "1m")
            heard = [asyncio.ensure_future(one(symbol)) for one in (exchange.watch_orders, exchange.watch_my_trades)]
            await asyncio.sleep(1.0)
            order = await exchange.create_order(symbol, "market", "buy", 0.01)
            orders, trades = await asyncio.gather(*heard)
            assert (orders[0]["id"], trades[0]["order"]) == (order["id"], order["id"])
        finally:
            await exchange.close()

    asyncio.run(asyncio.wait_for(watch(), 60))


def test_python_binance_trades_both_markets(venue: Serving) -> None:
    binance = library("binance")

    class Client(binance.AsyncClient):
        API_URL, MARGIN_API_URL = f"{venue.rest_url}/api", f"{venue.rest_url}/sapi"
        FUTURES_URL, FUTURES_COIN_URL = f"{venue.rest_url}/fapi", f"{venue.rest_url}/dapi"
        WS_API_URL = venue.ws_api_url

    class Sockets(binance.BinanceSocketManager):
        STREAM_URL, FSTREAM_URL = f"{venue.stream_url}/", f"{venue.futures_stream_url}/"

    async def trade() -> None:
        client = await Client.create(venue.key, venue.secret)
        sockets = Sockets(client)
        async with sockets.kline_socket("BTCUSDT") as stream:
            assert (await stream.recv())["e"] == "kline"
        async with sockets.symbol_mark_price_socket("BTCUSDT") as stream:
            assert (await stream.recv())["data"]["e"] == "markPriceUpdate"
        async with sockets.user_socket() as stream:
            await asyncio.sleep(0.3)
            order = await client.order_market_buy(symbol="BTCUSDT", quantity="0.01")
            assert (await stream.recv())["i"] == order["orderId"]
        pair = await client.create_oco_order(
            symbol="BTCUSDT", side="SELL", quantity="0.009", aboveType="LIMIT_MAKER", abovePrice="110000",
            belowType="STOP_LOSS", belowStopPrice="80000",
        )  # fmt: skip
        assert len(pair["orderReports"]) == 2
        async with sockets.futures_user_socket() as stream:
            await asyncio.sleep(0.3)
            order = await client.futures_create_order(symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
            assert (await stream.recv())["o"]["i"] == order["orderId"]
        stop = await client.futures_create_order(
            symbol="BTCUSDT", side="SELL", type="STOP_MARKET", triggerPrice="80000", closePosition="true"
        )
        assert stop["algoStatus"] == "NEW"
        assert (await client.futures_position_information(symbol="BTCUSDT"))[0]["positionAmt"] == "0.01"
        await client.close_connection()

    asyncio.run(asyncio.wait_for(trade(), 60))


def test_the_official_spot_sdk_trades(venue: Serving) -> None:
    spot, common = library(SDK[0]), library("binance_common.configuration")
    keys = {"api_key": venue.key, "api_secret": venue.secret}
    client = spot.Spot(
        config_rest_api=common.ConfigurationRestAPI(**keys, base_path=venue.rest_url),
        config_ws_api=common.ConfigurationWebSocketAPI(**keys, stream_url=venue.ws_api_url),
        config_ws_streams=common.ConfigurationWebSocketStreams(stream_url=venue.stream_url),
    )
    rest = client.rest_api
    assert rest.exchange_info(symbol="BTCUSDT").data().symbols[0].symbol == "BTCUSDT"
    values = {"symbol": "BTCUSDT", "side": "BUY", "quantity": 0.01}
    order = rest.new_order(type="LIMIT", time_in_force="GTC", price=80_000, **values).data()
    assert rest.get_order(symbol="BTCUSDT", order_id=order.order_id).data().status == "NEW"
    assert rest.delete_order(symbol="BTCUSDT", order_id=order.order_id).data().status == "CANCELED"

    async def talk() -> None:
        streams = await client.websocket_streams.create_connection()
        assert (await _first(await streams.trade(symbol="btcusdt"))).s == "BTCUSDT"
        await streams.close_connection(close_session=True)
        api = await client.websocket_api.create_connection()
        subscribed = await api.user_data_stream_subscribe_signature()
        event = asyncio.ensure_future(_first(subscribed.stream))
        placed = await api.order_place(type="MARKET", **values)
        assert placed.data().result.status == "FILLED"
        assert await event is not None
        await api.close_connection(close_session=True)

    asyncio.run(asyncio.wait_for(talk(), 60))


def test_the_official_futures_sdk_trades(venue: Serving) -> None:
    futures, common = library(SDK[1]), library("binance_common.configuration")
    keys = {"api_key": venue.key, "api_secret": venue.secret}
    client = futures.DerivativesTradingUsdsFutures(
        config_rest_api=common.ConfigurationRestAPI(**keys, base_path=venue.rest_url),
        config_ws_streams=common.ConfigurationWebSocketStreams(stream_url=venue.futures_stream_url),
    )
    rest = client.rest_api
    assert rest.exchange_information().data().symbols
    rest.change_initial_leverage(symbol="BTCUSDT", leverage=5)
    algo = rest.new_algo_order(
        algo_type="CONDITIONAL", symbol="BTCUSDT", side="SELL", type="STOP_MARKET", trigger_price=80_000,
        close_position="true",
    )  # fmt: skip
    assert algo.data().algo_status == "NEW"
    key = rest.start_user_data_stream().data().listen_key

    async def talk() -> None:
        streams = await client.websocket_streams.create_connection()
        event = asyncio.ensure_future(_first(await streams.user_data(key)))
        mark = asyncio.ensure_future(_first(await streams.mark_price_stream(symbol="btcusdt", update_speed="1s")))
        await asyncio.sleep(0.5)
        values = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": 0.01}
        assert rest.new_order(new_order_resp_type="RESULT", **values).data().status == "FILLED"
        assert await event is not None
        assert (await mark).s == "BTCUSDT"
        await streams.close_connection(close_session=True)

    asyncio.run(asyncio.wait_for(talk(), 60))
    assert rest.position_information_v3(symbol="BTCUSDT").data()[0].position_amt == "0.01"


async def _first(stream: Any) -> Any:
    """Gives the first message of an SDK's stream."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    stream.on("message", heard.put_nowait)
    return await asyncio.wait_for(heard.get(), 10)
