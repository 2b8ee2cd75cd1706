"""ccxt on USDT-M perpetuals: leverage and margin, a position with a stop, its end, and what the streams say."""

import asyncio

import ccxt
import ccxt.pro
from ccxt_spot import aimed, listen
from session import Say, Told, begin

SYMBOL = "BTC/USDT:USDT"


def trade(told: Told, say: Say) -> None:
    """Opens, protects and closes a position over REST, then listens while it opens one more."""
    exchange = aimed(ccxt.binanceusdm({"apiKey": told["key"], "secret": told["secret"]}), told)
    markets = exchange.load_markets()
    say(f"markets: {sum(bool(one['linear']) for one in markets.values())} perpetuals, {SYMBOL} among them")
    exchange.set_leverage(10, SYMBOL)
    exchange.set_margin_mode("isolated", SYMBOL)
    bought = exchange.create_order(SYMBOL, "market", "buy", 0.05)
    say(f"market buy: {bought['status']}, {bought['filled']}")
    say(f"asked again: average {exchange.fetch_order(bought['id'], SYMBOL)['average']}")
    (position,) = exchange.fetch_positions([SYMBOL])
    entry, liquidation = position["entryPrice"], position["liquidationPrice"]
    say(f"position: {position['contracts']} {position['marginMode']} at {entry}, liquidated below {liquidation}")
    stop = {"stopLossPrice": round(entry * 0.95, 1), "reduceOnly": True}
    stopped = exchange.create_order(SYMBOL, "market", "sell", 0.05, None, stop)
    resting = exchange.fetch_open_orders(SYMBOL, params={"trigger": True})
    plain = len(exchange.fetch_open_orders(SYMBOL))
    say(f"stop: {'there' if resting[0]['id'] == stopped['id'] else 'lost'}, with {plain} plain orders")
    exchange.cancel_order(stopped["id"], SYMBOL, {"trigger": True})
    closed = exchange.create_order(SYMBOL, "market", "sell", 0.05, None, {"reduceOnly": True})
    say(f"closed: {closed['status']}, positions left: {len(exchange.fetch_positions([SYMBOL]))}")
    say(f"fills: {[(one['side'], one['amount'], one['price']) for one in exchange.fetch_my_trades(SYMBOL)]}")
    say(f"funding rate: {'told' if exchange.fetch_funding_rate(SYMBOL)['fundingRate'] is not None else 'missing'}")
    asyncio.run(asyncio.wait_for(listen(ccxt.pro.binanceusdm, SYMBOL, told, say), 60))


if __name__ == "__main__":
    begin(trade)
