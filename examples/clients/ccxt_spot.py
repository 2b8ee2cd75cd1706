"""ccxt on spot: markets, prices, an order that rests and is cancelled, one that is filled, and what the streams say."""

import asyncio
from typing import Any

import ccxt
import ccxt.pro
from session import Say, Told, begin

SYMBOL, OTHER = "BTC/USDT", "币安人生/USDT"


def aimed(exchange: Any, told: Told) -> Any:
    """Gives an exchange that speaks to the venue instead of the exchange's hosts."""
    api = exchange.urls["api"]
    for name, url in api.items():
        if isinstance(url, str):
            for host in ("api", "fapi", "dapi"):
                url = url.replace(f"https://{host}.binance.com", told["rest"])
            api[name] = url
    sockets = api.get("ws")
    if sockets:
        sockets |= {"spot": f"{told['streams']}/ws", "linear": f"{told['futures_streams']}/ws"}
        sockets["ws-api"] = {"spot": told["ws_api"], "linear": told["ws_api"].replace("ws-api/v3", "ws-fapi/v1")}
    return exchange


def trade(told: Told, say: Say) -> None:
    """Trades over REST, then listens while it trades once more."""
    exchange = aimed(ccxt.binance({"apiKey": told["key"], "secret": told["secret"]}), told)
    markets = exchange.load_markets()
    say(f"markets: {sum(one['spot'] for one in markets.values())} on spot, {SYMBOL} and {OTHER} among them")
    book = exchange.fetch_order_book(SYMBOL, 5)
    bid, ask = book["bids"][0][0], book["asks"][0][0]
    say(f"book: {bid} to {ask}; candles: {len(exchange.fetch_ohlcv(SYMBOL, '5m', limit=3))}")
    bought = exchange.create_order(SYMBOL, "market", "buy", 0.01)
    say(f"market buy: {bought['status']}, {bought['filled']} at {bought['average']}")
    say(f"fee: {bought['fees'][0]['cost']} {bought['fees'][0]['currency']}")
    price = exchange.fetch_ticker(OTHER)["last"] * 0.9
    resting = exchange.create_order(OTHER, "limit", "buy", 1000, price)
    say(f"limit buy of 1000 {OTHER}: {exchange.fetch_order(resting['id'], OTHER)['status']}")
    say(f"cancelled: {exchange.cancel_order(resting['id'], OTHER)['status']}")
    fills = exchange.fetch_my_trades(SYMBOL)
    say(f"fills: {[(one['side'], one['amount'], one['price']) for one in fills]}")
    say(f"free: {exchange.fetch_balance()['free']['BTC']} BTC")
    for what, call in (
        ("5 BTC", lambda: exchange.create_order(SYMBOL, "market", "buy", 5)),
        ("a cancel of nothing", lambda: exchange.cancel_order("1", SYMBOL)),
    ):
        try:
            call()
        except ccxt.BaseError as error:
            say(f"{what}: {type(error).__name__}")
    asyncio.run(asyncio.wait_for(listen(ccxt.pro.binance, SYMBOL, told, say), 60))


async def listen(make: Any, symbol: str, told: Told, say: Say) -> None:
    """Watches the market's streams, and the account's while it buys."""
    exchange = aimed(make({"apiKey": told["key"], "secret": told["secret"]}), told)
    try:
        await exchange.load_markets()
        ticker, trades = await exchange.watch_ticker(symbol), await exchange.watch_trades(symbol)
        book, candles = await exchange.watch_order_book(symbol), await exchange.watch_ohlcv(symbol, "1m")
        heard = (ticker["last"], trades, book["bids"], candles)
        say(f"streams: ticker, trades, book and candles {'heard' if all(heard) else 'missing'}")
        account = [asyncio.ensure_future(one(symbol)) for one in (exchange.watch_orders, exchange.watch_my_trades)]
        await asyncio.sleep(1.0)
        order = await exchange.create_order(symbol, "market", "buy", 0.01)
        orders, fills = await asyncio.gather(*account)
        own = "our" if orders[0]["id"] == order["id"] == fills[0]["order"] else "another"
        say(f"account's stream: {own} order, fill of {fills[0]['amount']} at {fills[0]['price']}")
    finally:
        await exchange.close()


if __name__ == "__main__":
    begin(trade)
