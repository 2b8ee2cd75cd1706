"""USDT-M's market data over REST: what /fapi and /futures/data tell everybody."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from engine.world.loopback.books.perp import FUNDING_MS, PerpBooks
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.clock import VenueClock
from engine.world.loopback.market.instruments import Instrument, perp_info, short8
from engine.world.loopback.market.tape import DAY, MINUTE, Candle, Tape
from engine.world.loopback.rest import quotes
from engine.world.loopback.rest.limits import Meter
from engine.world.loopback.rest.perp_klines import PerpKlines
from engine.world.loopback.rest.routes import Call, Route, Routes, by_count, within


class PerpMarket:
    """The public answers of USDT-M."""

    def __init__(self, books: PerpBooks, clock: VenueClock, meter: Meter) -> None:
        """Speaks of the market of these books."""
        self.books, self.clock, self.meter = books, clock, meter

    def routes(self) -> Routes:
        """Gives the paths of /fapi with their answers."""
        floor = self.books.floor
        public = {
            "v1/ping": Route(lambda call: {}),
            "v1/time": Route(lambda call: {"serverTime": self.clock.now()}),
            "v1/exchangeInfo": Route(self.exchange_info),
            "v1/depth": Route(lambda call: quotes.depth(floor, call.wanted, 1000), _depth_weight),
            "v1/trades": Route(lambda call: quotes.public_trades(self._tape(call), call.wanted.limit(500, 1000)), 5),
            "v1/aggTrades": Route(lambda call: quotes.agg_trades(self._tape(call), call.wanted), 20),
            **PerpKlines(floor).routes(),
            "v1/ticker/24hr": Route(lambda call: self._of_each(call, quotes.day_ticker), by_count(1, 40)),
            "v1/ticker/price": Route(lambda call: self._of_each(call, _last_price), by_count(1, 2)),
            "v2/ticker/price": Route(lambda call: self._of_each(call, _last_price), by_count(1, 2)),
            "v1/ticker/bookTicker": Route(lambda call: self._of_each(call, quotes.book_ticker), by_count(2, 5)),
            "v1/premiumIndex": Route(lambda call: self._of_each(call, self.premium), by_count(1, 10)),
            "v1/fundingRate": Route(self.funding_rates, 0),
            "v1/fundingInfo": Route(lambda call: [], 0),
            "v1/openInterest": Route(self.open_interest),
        }
        return {("GET", f"/fapi/{path}"): route for path, route in public.items()}

    def exchange_info(self, call: Call) -> Any:
        """Tells the symbols with their rules, and the rate limits."""
        return {
            "madeUp": self.clock.venue_name(),
            "timezone": "UTC", "serverTime": self.clock.now(), "futuresType": "U_MARGINED",
            "rateLimits": self.meter.limits.told(), "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-100"}],
            "symbols": [perp_info(coin) for coin in self.books.floor.coins.values()],
        }  # fmt: skip

    def premium(self, tape: Tape) -> dict[str, Any]:
        """Tells mark price, index price and funding of a symbol."""
        mark = tape.coin.price(tape.mark)
        return {
            "symbol": tape.coin.symbol, "markPrice": mark, "indexPrice": mark, "estimatedSettlePrice": mark,
            "lastFundingRate": f"{self.rate(tape.coin.symbol):.8f}", "interestRate": "0.00010000",
            "nextFundingTime": self.next_funding(), "time": self.clock.now(),
        }  # fmt: skip

    def mark_event(self, tape: Tape) -> dict[str, Any]:
        """Tells mark price and funding as their stream does."""
        mark = tape.coin.price(tape.mark)
        return {
            "e": "markPriceUpdate", "E": self.clock.now(), "s": tape.coin.symbol, "p": mark, "ap": mark, "i": mark,
            "P": mark, "r": f"{self.rate(tape.coin.symbol):.8f}", "T": self.next_funding(), "st": 1,
        }  # fmt: skip

    def rate(self, symbol: str) -> Decimal:
        """Gives the funding rate in force."""
        return self.books.rates.get(symbol, Decimal("0.0001"))

    def next_funding(self) -> int:
        """Gives when funding is paid next, in ms."""
        return (self.clock.now() // FUNDING_MS + 1) * FUNDING_MS

    def funding_rates(self, call: Call) -> Any:
        """Tells the funding that was paid."""
        wanted, symbol = call.wanted, self.books.floor.listed(call.wanted.text("symbol"))
        since, until = wanted.whole("startTime"), wanted.whole("endTime")
        rows = [
            {"symbol": name, "fundingTime": at, "fundingRate": f"{rate:.8f}",
             "markPrice": self.books.floor.coins[name].price(mark), "rateType": "Regular"}
            for at, name, rate, mark in self.books.funded
            if (symbol is None or name == symbol) and within(at, since, until)
        ]  # fmt: skip
        limit = wanted.limit(100, 1000)
        return rows[:limit] if since is not None else rows[-limit:]

    def open_interest(self, call: Call) -> Any:
        """Tells what is held by the accounts of this venue, and by everybody else who is not here."""
        tape = self._tape(call)
        held = sum(abs(one.steps) for trader in self.books.traders.values() for one in trader.held()
                   if one.coin is tape.coin)  # fmt: skip
        return {
            "symbol": tape.coin.symbol, "openInterest": tape.coin.qty(tape.day().steps + held),
            "time": self.clock.now(),
        }  # fmt: skip

    def statistics(self) -> Routes:
        """Gives the paths of /futures/data: figures of a crowd that is not here, made from what was traded."""
        paths = {
            "openInterestHist": self._open_interest_row, "takerlongshortRatio": self._taker_row,
            "globalLongShortAccountRatio": self._ratio_row, "topLongShortAccountRatio": self._ratio_row,
            "topLongShortPositionRatio": self._ratio_row,
        }  # fmt: skip
        return {
            ("GET", f"/futures/data/{path}"): Route(partial(self._by_period, row), 0) for path, row in paths.items()
        }

    def _by_period(self, row: Callable[[Instrument, Candle, int], dict[str, Any]], call: Call) -> Any:
        tape, wanted = self._tape(call), call.wanted
        minutes = quotes.minutes_of(wanted.must("period"))
        since, until = wanted.whole("startTime"), wanted.whole("endTime")
        found = tape.candles(minutes, since, until, wanted.limit(30, 500) + 1)
        closed = [one for one in found if one.open_at + minutes * MINUTE <= self.clock.now()]
        return [row(tape.coin, one, minutes * MINUTE) for one in closed[-wanted.limit(30, 500) :]]

    def _open_interest_row(self, coin: Instrument, one: Candle, width: int) -> dict[str, Any]:
        held = 50 * one.steps * DAY // width // 24
        return {
            "symbol": coin.symbol, "sumOpenInterest": coin.qty(held), "CMCCirculatingSupply": "0",
            "sumOpenInterestValue": short8(coin.money(one.close, held)), "timestamp": one.open_at + width,
        }  # fmt: skip

    def _ratio_row(self, coin: Instrument, one: Candle, width: int) -> dict[str, Any]:
        longs = (one.buy_steps + 1) / (one.steps + 2)
        return {
            "symbol": coin.symbol, "longShortRatio": f"{longs / (1 - longs):.4f}", "longAccount": f"{longs:.4f}",
            "shortAccount": f"{1 - longs:.4f}", "timestamp": one.open_at + width,
        }  # fmt: skip

    def _taker_row(self, coin: Instrument, one: Candle, width: int) -> dict[str, Any]:
        sold = max(1, one.steps - one.buy_steps)
        return {
            "buySellRatio": f"{one.buy_steps / sold:.4f}", "buyVol": coin.qty(one.buy_steps), "sellVol": coin.qty(sold),
            "timestamp": one.open_at,
        }  # fmt: skip

    def _tape(self, call: Call) -> Tape:
        return self.books.floor.tape(call.wanted.must("symbol"))

    def _of_each(self, call: Call, told: Callable[[Tape], Any]) -> Any:
        symbol, floor = call.wanted.text("symbol"), self.books.floor
        if symbol is not None:
            return told(floor.tape(symbol))
        return [told(tape) for tape in floor.tapes.values() if tape.quoted and tape.last]


def _last_price(tape: Tape) -> dict[str, Any]:
    coin: Instrument = tape.coin
    return {"symbol": coin.symbol, "price": coin.price(tape.last), "time": tape.at}


def _depth_weight(wanted: Wanted) -> int:
    limit = wanted.limit(500, 1000)
    return 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20
