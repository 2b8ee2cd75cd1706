"""One symbol's market: the quote with the liquidity behind it, public trades, minute candles and the last 24 hours."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from math import isqrt
from typing import NamedTuple

from engine.world.loopback.market.instruments import Instrument

MINUTE = 60_000
DAY = 1440 * MINUTE
FIRST_MONDAY = 4 * DAY
#: How many price levels stand behind a quote, and how many minutes and trades are kept.
LEVELS = 100
KEPT_MINUTES = 3000
KEPT_DAYS = 1000
KEPT_TRADES = 1000


class Print(NamedTuple):
    """A moment of a market: a public trade (`side` +1 when the taker bought) and the quote after it.

    Prices in ticks, quantities in steps, `at` in ms. Without steps there was no trade, only a new quote. `marks` says
    that the mark price follows; it does not follow a price that nobody else believes. `told` says that tickers and
    books tell of it: what is only made of a recorded candle was never told by any.
    """

    at: int
    coin: Instrument
    ticks: int
    steps: int
    side: int
    bid: int
    bid_steps: int
    ask: int
    ask_steps: int
    marks: bool = True
    told: bool = True


class Texts(NamedTuple):
    """A candle as it was recorded, to be told in the same words: prices, volume, and volume in the quote asset."""

    open: str
    high: str
    low: str
    close: str
    volume: str
    quote: str


class PublicTrade(NamedTuple):
    """A trade as everybody sees it."""

    trade_id: int
    ticks: int
    steps: int
    at: int
    side: int


@dataclass(slots=True)
class Candle:
    """What happened in a minute (or in several, summed up)."""

    open_at: int
    open: int
    high: int
    low: int
    close: int
    first_id: int
    last_id: int
    steps: int = 0
    quote_e8: int = 0
    trades: int = 0
    buy_steps: int = 0
    buy_quote_e8: int = 0
    texts: Texts | None = None

    def add(self, ticks: int, steps: int, money_e8: int, side: int, trade_id: int) -> None:
        """Takes a trade in."""
        self.high, self.low, self.close = max(self.high, ticks), min(self.low, ticks), ticks
        self.steps += steps
        self.quote_e8 += money_e8
        self.trades += 1
        self.last_id = trade_id
        if side > 0:
            self.buy_steps += steps
            self.buy_quote_e8 += money_e8

    def join(self, other: "Candle") -> None:
        """Takes a later candle in."""
        self.high, self.low, self.close = max(self.high, other.high), min(self.low, other.low), other.close
        self.steps += other.steps
        self.quote_e8 += other.quote_e8
        self.trades += other.trades
        self.buy_steps += other.buy_steps
        self.buy_quote_e8 += other.buy_quote_e8
        self.last_id = other.last_id
        self.texts = None


class Tape:
    """The market of one symbol, as far as it has happened."""

    def __init__(self, coin: Instrument) -> None:
        """Starts without a price: `last` is 0 until the first print."""
        self.coin = coin
        self.last = self.bid = self.ask = self.bid_steps = self.ask_steps = 0
        self.mark = 0
        #: Whether tickers and books tell of it, and whether its minutes are told as they were recorded, and only so.
        self.quoted = self.recorded = False
        self.at = 0
        self.trade_id = 0
        self.update_id = 1
        self.minutes: deque[Candle] = deque(maxlen=KEPT_MINUTES)
        self.days: deque[Candle] = deque(maxlen=KEPT_DAYS)
        self.trades: deque[PublicTrade] = deque(maxlen=KEPT_TRADES)
        self._taken = {1: 0, -1: 0}
        self._day: tuple[int, Candle | None] | None = None

    def see(self, seen: Print) -> PublicTrade | None:
        """Takes a print and gives its trade: the quote is fresh again, whatever was taken from the last one."""
        self.bid, self.ask, self.bid_steps, self.ask_steps = seen.bid, seen.ask, seen.bid_steps, seen.ask_steps
        self._taken = {1: 0, -1: 0}
        self.update_id += 1
        self._know(told=seen.told)
        if not seen.steps:
            self.at = max(self.at, seen.at)
            return None
        if seen.marks:
            self.mark = seen.ticks
        return self.trade(seen.at, seen.ticks, seen.steps, seen.side)

    def trade(self, at: int, ticks: int, steps: int, side: int) -> PublicTrade:
        """Writes a trade on the tape and gives it, with its number."""
        self.trade_id += 1
        self.update_id += 1
        self.at, self.last = max(self.at, at), ticks
        done = PublicTrade(self.trade_id, ticks, steps, self.at, side)
        self.trades.append(done)
        self._minute(ticks).add(ticks, steps, self.coin.money(ticks, steps), side, self.trade_id)
        return done

    def remember(self, candle: Candle, minutes: int) -> None:
        """Takes a candle of history, of a minute or of a day, older than anything that will be seen."""
        self._know(told=candle.texts is None)
        if minutes > 1:
            self.days.append(candle)
            return
        self.trade_id = max(self.trade_id, candle.last_id)
        self.at, self.last = max(self.at, candle.open_at + MINUTE - 1), candle.close
        self.mark = candle.close
        self.bid, self.ask = max(1, candle.close - 1), candle.close + 1
        self.bid_steps = self.ask_steps = max(1, candle.steps // 20)
        self.minutes.append(candle)

    def close(self, candle: Candle) -> None:
        """Takes a minute that has closed as it was recorded, in place of what the prints made of it."""
        newer: list[Candle] = []
        while self.minutes and self.minutes[-1].open_at >= candle.open_at:
            newer.append(self.minutes.pop())
        self.minutes.append(candle)
        self.minutes.extend(one for one in reversed(newer) if one.open_at > candle.open_at)
        if not newer or newer[0].open_at == candle.open_at:
            self.at, self.last = max(self.at, candle.open_at + MINUTE - 1), candle.close
        self._day = None
        self._know(told=False)

    def _know(self, told: bool) -> None:
        self.quoted, self.recorded = self.quoted or told, self.recorded or not told

    def take(self, side: int, steps: int) -> None:
        """Notes that a taker of `side` took so much of the liquidity."""
        self._taken[side] += steps
        self.update_id += 1

    def offers(self, side: int) -> Iterator[tuple[int, int]]:
        """Gives what a taker of `side` meets, best first: (ticks, steps) of each level, less what was taken."""
        best, top = (self.ask, self.ask_steps) if side > 0 else (self.bid, self.bid_steps)
        if not top:
            return
        gap, taken = max(1, (self.ask - self.bid) // 2), self._taken[side]
        # Level n has n + 1 times what the first has, so that n levels hold n (n + 1) / 2 times as much.
        emptied = (isqrt(4 * (2 * taken // top) + 1) - 1) // 2
        taken -= top * emptied * (emptied + 1) // 2
        for level in range(emptied, LEVELS):
            ticks = best + side * level * gap
            if ticks <= 0:
                return
            yield ticks, top * (level + 1) - taken
            taken = 0

    def average(self, minutes: int) -> int:
        """Gives the average price of the last so many minutes in ticks; the last price where nothing traded."""
        since = self.at - minutes * MINUTE
        steps = money = 0
        for candle in reversed(self.minutes):
            if candle.open_at < since:
                break
            steps += candle.steps
            money += candle.quote_e8
        return self.coin.average(money, steps) // self.coin.tick_e8 if steps else self.last

    def lose_minute(self, empty: bool) -> None:
        """Loses the last minute that has closed, or only (`empty`) what was traded in it."""
        if len(self.minutes) > 2:
            lost = self.minutes[-2]
            if empty:
                self.minutes[-2] = Candle(
                    lost.open_at, lost.close, lost.close, lost.close, lost.close, lost.first_id, lost.last_id
                )
            else:
                del self.minutes[-2]
            self._day = None

    def day(self) -> Candle:
        """Gives the last 24 hours as one candle."""
        newest, closed = self.minutes[-1], self._closed_day()
        if closed is None:
            return _copy(newest, newest.open_at)
        day = _copy(closed, closed.open_at)
        day.join(newest)
        return day

    def since(self, at: int) -> Candle:
        """Gives what happened from a time on as one candle, the newest minute at least; as far back as is known."""
        newest = self.minutes[-1]
        first = next((one for one in chain(self.days, self.minutes) if one.open_at >= at), newest)
        joined = _copy(first, first.open_at)
        for one in chain(self.days, self.minutes):
            if one.open_at > first.open_at:
                joined.join(one)
        return joined

    def candles(self, minutes: int, since: int | None, until: int | None, limit: int) -> list[Candle]:
        """Gives candles of so many minutes: the newest `limit`, or the first from `since` on."""
        width = minutes * MINUTE
        made: list[Candle] = []
        if not self.minutes or (self.recorded and minutes >= DAY // MINUTE):
            return made  # a day that is made of a part of it would be taken for the day it was listed on
        first = 0
        if since is None and until is None:  # the newest ones need no look at the older minutes
            oldest = _start_of(self.minutes[-1].open_at, width) - (limit - 1) * width
            first = max(0, len(self.minutes) - limit * minutes)
            while first < len(self.minutes) and self.minutes[first].open_at < oldest:
                first += 1
        days = self.days if minutes >= DAY // MINUTE else ()
        for one in chain(days, islice(self.minutes, first, None)):
            start = _start_of(one.open_at, width)
            if (since is not None and start < since) or (until is not None and start > until):
                continue
            if made and made[-1].open_at == start:
                made[-1].join(one)
            else:
                made.append(_copy(one, start))
        return made[:limit] if since is not None else made[-limit:]

    def _minute(self, ticks: int) -> Candle:
        start = self.at - self.at % MINUTE
        if not self.minutes or self.minutes[-1].open_at < start:
            self.minutes.append(Candle(start, ticks, ticks, ticks, ticks, self.trade_id, self.trade_id))
        return self.minutes[-1]

    def _closed_day(self) -> Candle | None:
        """The minutes of the last 24 hours but the newest: it changes once a minute only."""
        newest = self.minutes[-1].open_at
        if self._day is None or self._day[0] != newest:
            joined: Candle | None = None
            for one in self.minutes:
                if newest - DAY < one.open_at < newest:
                    if joined is None:
                        joined = _copy(one, one.open_at)
                    else:
                        joined.join(one)
            self._day = newest, joined
        return self._day[1]


def _start_of(at: int, width: int) -> int:
    """When the candle that holds a moment begins; weeks begin on Monday."""
    offset = FIRST_MONDAY if width == 7 * DAY else 0
    return (at - offset) // width * width + offset


def _copy(one: Candle, open_at: int) -> Candle:
    return Candle(
        open_at, one.open, one.high, one.low, one.close, one.first_id, one.last_id, one.steps, one.quote_e8,
        one.trades, one.buy_steps, one.buy_quote_e8, one.texts,
    )  # fmt: skip
