"""A market out of a seed: a dozen coins on spot and as perpetuals, calm mostly, each of them hot now and then."""

from collections.abc import Iterator
from decimal import Decimal
from math import exp, sqrt
from random import Random

from engine.records.market import SymbolRules
from engine.world.loopback.market.instruments import VENUES, Instrument, Kind
from engine.world.loopback.market.source import FundingRate, Happening
from engine.world.loopback.market.tape import DAY, MINUTE, Candle, Print
from engine.world.snapshots.snapshots import load

#: Coins with a price to start from, in USDT. The last one is there because exchanges do list such names.
PRICES = {
    "BTC": 95_000.0, "ETH": 3_300.0, "BNB": 650.0, "SOL": 180.0, "XRP": 2.2, "DOGE": 0.32, "ADA": 0.9, "AVAX": 36.0,
    "LINK": 22.0, "LTC": 110.0, "DOT": 7.0, "TRX": 0.25, "币安人生": 0.15,
}  # fmt: skip
HISTORY_MINUTES, HISTORY_DAYS = 1500, 400
FUNDING_MS, FUNDING_INTERVALS = 8 * 60 * MINUTE, 120
_VOLATILITY = 0.0007  # standard deviation of a minute's log return
_HOT_CHANCE = 0.0008  # a minute
_HOT_DRIFT = 0.004  # a minute
_TRADE_USDT = 1500.0  # a usual trade
_QUOTE_USDT = 20_000.0  # what usually stands at the best price


class _Coin:
    """One coin's random walk, which its spot market and its perpetual share."""

    def __init__(self, seed: int, name: str, volatility: float) -> None:
        self.random = Random(f"{seed}/{name}")
        self.price = PRICES[name]
        self.volatility = volatility
        self.hot_minutes = 0.0

    def step(self, minutes: float) -> None:
        """Moves the price on by so many minutes."""
        if self.hot_minutes <= 0.0 and self.random.random() < _HOT_CHANCE * minutes:
            self.hot_minutes = self.random.uniform(5.0, 20.0)
        drift = _HOT_DRIFT * self.volatility / _VOLATILITY if self.hot_minutes > 0.0 else 0.0
        self.hot_minutes -= minutes
        self.price *= exp(drift * minutes + self.volatility * sqrt(minutes) * self.random.gauss(0.0, 1.0))

    def trade_usdt(self) -> float:
        """Gives the worth of a trade: more when the coin is hot."""
        return _TRADE_USDT * self.random.lognormvariate(0.0, 0.8) * (6.0 if self.hot_minutes > 0.0 else 1.0)


class Generated:
    """The market of a seed. The same seed makes the same walk; prints come every `step_ms`."""

    def __init__(
        self, seed: int, step_ms: int = 250, volatility: float = _VOLATILITY, history_minutes: int = HISTORY_MINUTES
    ) -> None:
        """`volatility` is the standard deviation of a minute's log return; 0 makes prices that stand still."""
        self._seed, self._step_ms, self._history_minutes = seed, step_ms, history_minutes
        self._coins = {name: _Coin(seed, name, volatility) for name in PRICES}
        self._listed = {name: list(_listed(name)) for name in PRICES}

    def coins(self) -> list[Instrument]:
        """Gives the instruments of both markets."""
        return [coin for coins in self._listed.values() for coin in coins]

    def begins_at(self) -> int | None:
        """Gives None: it begins whenever the venue does."""
        return None

    def history(self, until: int) -> Iterator[tuple[Instrument, Candle, int]]:
        """Gives the minutes before the start, walked in the same way, and the days before those."""
        first = until - until % MINUTE - self._history_minutes * MINUTE
        yield from self._days(first - first % DAY)
        for i in range(self._history_minutes):
            for name, walk in self._coins.items():
                before = walk.price
                walk.step(1.0)
                wick = abs(walk.random.gauss(0.0, walk.volatility))
                money = walk.trade_usdt() * 40
                for coin in self._listed[name]:
                    yield coin, _candle(coin, first + i * MINUTE, i, before, walk.price, wick, money), 1

    def past_funding(self, until: int) -> Iterator[FundingRate]:
        """Gives the rates of the intervals before the start, as they would have been."""
        last = until // FUNDING_MS
        for interval in range(last - FUNDING_INTERVALS, last):
            yield from self._funding((interval + 1) * FUNDING_MS, interval)

    def happenings(self, since: int) -> Iterator[Happening]:
        """Gives prints of every symbol, for ever, and a funding rate when an interval begins."""
        at, interval = since, -1
        while True:
            if at // FUNDING_MS != interval:
                interval = at // FUNDING_MS
                yield from self._funding(at, interval)
            for name, walk in self._coins.items():
                walk.step(self._step_ms / MINUTE)
                for coin in self._listed[name]:
                    yield _print(coin, at, walk)
            at += self._step_ms

    def _days(self, until: int) -> Iterator[tuple[Instrument, Candle, int]]:
        """Days that end where the minutes begin: a coin that is a year old, at the price it starts from."""
        for name, start in PRICES.items():
            random, price = Random(f"{self._seed}/{name}/days"), start
            for i in range(HISTORY_DAYS):
                before = price
                price = start * exp(random.gauss(0.0, 0.03)) if i < HISTORY_DAYS - 1 else start
                for coin in self._listed[name]:
                    at = until - (HISTORY_DAYS - i) * DAY
                    yield coin, _candle(coin, at, 0, before, price, 0.01, _TRADE_USDT * 50_000), DAY // MINUTE

    def _funding(self, at: int, interval: int) -> Iterator[FundingRate]:
        for coin in self.coins():
            if coin.kind == "usdm":
                rate = Random(f"{self._seed}/{coin.symbol}/{interval}").gauss(0.0001, 0.00015)
                yield FundingRate(at, coin.symbol, Decimal(f"{rate:.8f}"))


def _listed(name: str) -> Iterator[Instrument]:
    for venue, kind in VENUES.items():
        rules = load(venue).rules.get(f"{name}USDT")
        yield Instrument.of(kind, rules if rules is not None else _made_up(name, venue))


def _made_up(name: str, venue: str) -> SymbolRules:
    return SymbolRules(
        at=0, venue=venue, symbol=f"{name}USDT", base=name, quote="USDT", tick="0.00001", step="1",
        min_price="0.00001", max_price="1000", min_qty="1", max_qty="10000000", market_max_qty="1000000",
        min_notional="5", max_notional="9000000", bid_multiplier_up="1.15", bid_multiplier_down="0.85",
        ask_multiplier_up="1.15", ask_multiplier_down="0.85", max_orders=200, max_algo_orders=5, rules="made up",
    )  # fmt: skip


def _print(coin: Instrument, at: int, walk: _Coin) -> Print:
    middle, random = _ticks(coin, walk.price, coin.kind), walk.random
    half = max(1, round(middle * 0.0001))
    side = 1 if random.random() < 0.5 else -1
    bid, ask = max(1, middle - half), middle + half
    bid_steps = _steps(coin, middle, _QUOTE_USDT * random.uniform(0.5, 1.5))
    ask_steps = _steps(coin, middle, _QUOTE_USDT * random.uniform(0.5, 1.5))
    steps = _steps(coin, middle, walk.trade_usdt())
    return Print(at, coin, ask if side > 0 else bid, steps, side, bid, bid_steps, ask, ask_steps)


def _candle(coin: Instrument, at: int, number: int, opened: float, closed: float, wick: float, money: float) -> Candle:
    first, last = _ticks(coin, opened, coin.kind), _ticks(coin, closed, coin.kind)
    high = max(first, last, _ticks(coin, max(opened, closed) * (1.0 + wick), coin.kind))
    low = min(first, last, _ticks(coin, min(opened, closed) * (1.0 - wick), coin.kind))
    steps = _steps(coin, last, money)
    quote = coin.money(last, steps)
    trades = 40 * number
    return Candle(at, first, high, low, last, trades + 1, trades + 40, steps, quote, 40, steps // 2, quote // 2)


def _ticks(coin: Instrument, price: float, kind: Kind) -> int:
    basis = 1.0 if kind == "spot" else 1.0003
    return max(2, round(price * basis * 10**8 / coin.tick_e8))


def _steps(coin: Instrument, ticks: int, usdt: float) -> int:
    return max(1, int(usdt * 10**8) // max(1, coin.money(ticks, 1)))
