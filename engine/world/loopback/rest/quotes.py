"""What both markets tell everybody: candles, tickers, books and trades, in each market's spelling."""

from typing import Any

from engine.world.loopback.books.floor import Floor
from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.market.instruments import Instrument, short8, text8
from engine.world.loopback.market.tape import DAY, MINUTE, Candle, PublicTrade, Tape, Texts

#: Candle intervals that minutes can be summed up to.
INTERVALS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480,
    "12h": 720, "1d": 1440, "3d": 4320, "1w": 10_080,
}  # fmt: skip


def money(coin: Instrument, units: int) -> str:
    """Writes an amount of quote asset as the instrument's market does."""
    return text8(units) if coin.kind == "spot" else short8(units)


def minutes_of(interval: str) -> int:
    """Gives an interval in minutes; raises Refusal for what is none."""
    minutes = INTERVALS.get(interval)
    if minutes is None:
        raise Refusal(-1120, "Invalid interval.")
    return minutes


def klines(floor: Floor, wanted: Wanted, most: int) -> list[list[Any]]:
    """Gives candles as rows of twelve."""
    tape = floor.tapes[floor.coin(wanted.must("symbol")).symbol]
    minutes = minutes_of(wanted.must("interval"))
    found = tape.candles(minutes, wanted.whole("startTime"), wanted.whole("endTime"), wanted.limit(500, most))
    return [_row(tape.coin, one, minutes) for one in found]


def _row(coin: Instrument, one: Candle, minutes: int) -> list[Any]:
    told = _texts(coin, one)
    return [
        one.open_at, told.open, told.high, told.low, told.close, told.volume, one.open_at + minutes * MINUTE - 1,
        told.quote, one.trades, coin.qty(one.buy_steps), money(coin, one.buy_quote_e8), "0",
    ]  # fmt: skip


def _texts(coin: Instrument, one: Candle) -> Texts:
    if one.texts is not None:
        return one.texts
    return Texts(
        coin.price(one.open), coin.price(one.high), coin.price(one.low), coin.price(one.close), coin.qty(one.steps),
        money(coin, one.quote_e8),
    )  # fmt: skip


def kline_event(tape: Tape, interval: str, at: int, closed: Candle | None = None) -> dict[str, Any]:
    """Gives a candle as its stream tells it: the open one, or one that has closed."""
    minutes, coin = minutes_of(interval), tape.coin
    one = closed if closed is not None else tape.candles(minutes, None, None, 1)[-1]
    told = _texts(coin, one)
    event: dict[str, Any] = {
        "e": "kline", "E": at, "s": coin.symbol,
        "k": {
            "t": one.open_at, "T": one.open_at + minutes * MINUTE - 1, "s": coin.symbol, "i": interval,
            "f": one.first_id, "L": one.last_id, "o": told.open, "c": told.close, "h": told.high, "l": told.low,
            "v": told.volume, "n": one.trades, "x": closed is not None, "q": told.quote, "V": coin.qty(one.buy_steps),
            "Q": money(coin, one.buy_quote_e8), "B": "0",
        },
    }  # fmt: skip
    return _of_perps(coin, event)


def day_ticker(tape: Tape) -> dict[str, Any]:
    """Gives the rolling 24 hours of a symbol."""
    return ticker_of(tape, tape.day(), tape.at - DAY)


def ticker_of(tape: Tape, day: Candle, opened_at: int) -> dict[str, Any]:
    """Gives the ticker of a time that began at `opened_at`, in which this happened."""
    coin, change = tape.coin, day.close - day.open
    told = {
        "symbol": coin.symbol, "priceChange": coin.price(change),
        "priceChangePercent": f"{100 * change / day.open:.3f}",
        "weightedAvgPrice": money(coin, coin.average(day.quote_e8, day.steps)), "lastPrice": coin.price(day.close),
        "lastQty": coin.qty(tape.trades[-1].steps if tape.trades else 0), "openPrice": coin.price(day.open),
        "highPrice": coin.price(day.high), "lowPrice": coin.price(day.low), "volume": coin.qty(day.steps),
        "quoteVolume": money(coin, day.quote_e8), "openTime": opened_at, "closeTime": tape.at,
        "firstId": day.first_id, "lastId": day.last_id, "count": day.trades,
    }  # fmt: skip
    if coin.kind == "spot":
        told |= {
            "prevClosePrice": coin.price(day.open), "bidPrice": coin.price(tape.bid),
            "bidQty": coin.qty(tape.bid_steps), "askPrice": coin.price(tape.ask), "askQty": coin.qty(tape.ask_steps),
        }  # fmt: skip
    return told


def ticker_event(tape: Tape, at: int) -> dict[str, Any]:
    """Gives the 24 hours as the ticker stream tells them."""
    told = day_ticker(tape)
    event = {
        "e": "24hrTicker", "E": at, "s": told["symbol"], "p": told["priceChange"], "P": told["priceChangePercent"],
        "w": told["weightedAvgPrice"], "c": told["lastPrice"], "Q": told["lastQty"], "o": told["openPrice"],
        "h": told["highPrice"], "l": told["lowPrice"], "v": told["volume"], "q": told["quoteVolume"],
        "O": told["openTime"], "C": told["closeTime"], "F": told["firstId"], "L": told["lastId"], "n": told["count"],
    }  # fmt: skip
    if tape.coin.kind == "spot":
        event |= {
            "x": told["prevClosePrice"], "b": told["bidPrice"], "B": told["bidQty"], "a": told["askPrice"],
            "A": told["askQty"],
        }  # fmt: skip
    return _of_perps(tape.coin, event)


def mini_event(tape: Tape, at: int) -> dict[str, Any]:
    """Gives the 24 hours as the mini ticker streams tell them."""
    coin, day = tape.coin, tape.day()
    event = {
        "e": "24hrMiniTicker", "E": at, "s": coin.symbol, "c": coin.price(day.close), "o": coin.price(day.open),
        "h": coin.price(day.high), "l": coin.price(day.low), "v": coin.qty(day.steps), "q": money(coin, day.quote_e8),
    }  # fmt: skip
    return _of_perps(coin, event)


def book_ticker(tape: Tape) -> dict[str, Any]:
    """Gives the best bid and ask."""
    coin = tape.coin
    told: dict[str, Any] = {
        "symbol": coin.symbol, "bidPrice": coin.price(tape.bid), "bidQty": coin.qty(tape.bid_steps),
        "askPrice": coin.price(tape.ask), "askQty": coin.qty(tape.ask_steps),
    }  # fmt: skip
    if coin.kind == "usdm":
        told |= {"time": tape.at, "lastUpdateId": tape.update_id}
    return told


def book_event(tape: Tape, at: int) -> dict[str, Any]:
    """Gives the best bid and ask as their stream does: spot without type and time."""
    coin = tape.coin
    event: dict[str, Any] = {
        "u": tape.update_id, "s": coin.symbol, "b": coin.price(tape.bid), "B": coin.qty(tape.bid_steps),
        "a": coin.price(tape.ask), "A": coin.qty(tape.ask_steps),
    }  # fmt: skip
    return event if coin.kind == "spot" else {"e": "bookTicker", **event, "T": tape.at, "E": at}


def depth(floor: Floor, wanted: Wanted, most: int) -> dict[str, Any]:
    """Gives the book of a symbol."""
    tape = floor.tape(wanted.must("symbol"))
    told: dict[str, Any] = {"lastUpdateId": tape.update_id}
    if tape.coin.kind == "usdm":
        told |= {"E": tape.at, "T": tape.at}
    return told | sides(floor, tape, wanted.limit(100 if tape.coin.kind == "spot" else 500, most), "bids", "asks")


def sides(floor: Floor, tape: Tape, limit: int, bids: str, asks: str) -> dict[str, Any]:
    """Gives the two sides of a book under the names they go by."""
    coin = tape.coin
    return {
        name: [[coin.price(ticks), coin.qty(steps)] for ticks, steps in side]
        for name, side in zip((bids, asks), floor.depth(coin.symbol, limit), strict=True)
    }


def public_trades(tape: Tape, limit: int) -> list[dict[str, Any]]:
    """Gives the last trades of a symbol, oldest first."""
    coin = tape.coin
    rows = []
    for one in list(tape.trades)[-limit:]:
        row = {
            "id": one.trade_id, "price": coin.price(one.ticks), "qty": coin.qty(one.steps),
            "quoteQty": money(coin, coin.money(one.ticks, one.steps)), "time": one.at, "isBuyerMaker": one.side < 0,
        }  # fmt: skip
        rows.append(row | ({"isBestMatch": True} if coin.kind == "spot" else {}))
    return rows


def agg_trades(tape: Tape, wanted: Wanted) -> list[dict[str, Any]]:
    """Gives trades as aggTrades does; here each is an aggregate of one."""
    first, since, until = wanted.whole("fromId"), wanted.whole("startTime"), wanted.whole("endTime")
    found = [
        one
        for one in tape.trades
        if (first is None or one.trade_id >= first)
        and (since is None or one.at >= since)
        and (until is None or one.at <= until)
    ]
    limit = wanted.limit(500, 1000)
    chosen = found[:limit] if first is not None or since is not None else found[-limit:]
    return [_aggregate(tape.coin, one) for one in chosen]


def agg_trade_event(tape: Tape, one: PublicTrade, at: int) -> dict[str, Any]:
    """Gives a trade as the aggTrade stream does."""
    event = {"e": "aggTrade", "E": at, "s": tape.coin.symbol, **_aggregate(tape.coin, one)}
    return event if tape.coin.kind == "spot" else event | {"nq": event["q"]}


def trade_event(tape: Tape, one: PublicTrade, at: int) -> dict[str, Any]:
    """Gives a trade as the trade stream does."""
    coin = tape.coin
    event: dict[str, Any] = {
        "e": "trade", "E": at, "s": coin.symbol, "t": one.trade_id, "p": coin.price(one.ticks),
        "q": coin.qty(one.steps), "T": one.at, "m": one.side < 0,
    }  # fmt: skip
    return event | ({"M": True} if coin.kind == "spot" else {"X": "MARKET"})


def _aggregate(coin: Instrument, one: PublicTrade) -> dict[str, Any]:
    row: dict[str, Any] = {
        "a": one.trade_id, "p": coin.price(one.ticks), "q": coin.qty(one.steps), "f": one.trade_id, "l": one.trade_id,
        "T": one.at, "m": one.side < 0,
    }  # fmt: skip
    return row | {"M": True} if coin.kind == "spot" else row


def _of_perps(coin: Instrument, event: dict[str, Any]) -> dict[str, Any]:
    """Perpetuals say since 2026-06-30 which margin they are of (`st` 1: USDT) and of which pair."""
    return event if coin.kind == "spot" else event | {"ps": coin.symbol, "st": 1}
