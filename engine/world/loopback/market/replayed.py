"""A market out of a recording: facts become prints, a candle the four prices that it tells of."""

import heapq
from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

import msgspec

from engine.errors import BadRecord
from engine.matching.bracket import worsened
from engine.matching.units import e8, part
from engine.plugs import Entry
from engine.records.market import (
    Bar,
    BookTop,
    Funding,
    SymbolRules,
    Ticker,
    Trade,
    amount,
    check_price,
    check_rules,
    check_symbol,
    figures,
    price,
    signed,
)
from engine.world.loopback.market.instruments import VENUES, Instrument
from engine.world.loopback.market.source import Closed, FundingRate, Happening, Said
from engine.world.loopback.market.tape import MINUTE, Candle, Print, Tape, Texts

_HALF_SPREAD = part(Decimal("0.00025"))
_MINUTES_A_DAY = 1440
#: What stands at the best price of a market that shows no sizes: this part of a candle's volume.
_SHOWN = 20
Priced = Bar | Ticker | BookTop | Trade


class _Past(NamedTuple):
    """A minute of history."""

    coin: Instrument
    candle: Candle


class Replayed:
    """The market of recorded facts, which are read once; `rules` fills in what they do not tell.

    It happens from `start_ms` on, or from its beginning; what was before is history. With `as_recorded` it happens at
    its own time, minutes and funding are told in the words that were recorded, and no tickers are made of candles.
    """

    def __init__(
        self, facts: Iterator[Entry], rules: Mapping[str, SymbolRules], start_ms: int = 0, as_recorded: bool = False
    ) -> None:
        """Reads nothing yet."""
        self._facts, self._rules, self._start, self._as_recorded = facts, rules, start_ms, as_recorded
        self._coins: dict[tuple[str, str], Instrument] = {}
        self._tapes: dict[Instrument, Tape] = {}
        self._rates: list[FundingRate] = []
        self._told = self._tell()
        self._shift: int | None = None

    def coins(self) -> list[Instrument]:
        """Reads up to the start, and gives what is listed there."""
        for one in self._told:
            if isinstance(one, _Past):
                self._tape(one.coin).minutes.append(one.candle)
            elif isinstance(one, FundingRate):
                self._rates.append(one)
            elif isinstance(one, Print):
                if one.at >= self._start:
                    self._start = max(self._start, one.at)
                    self._told = chain([one], self._told)
                    break
                self._tape(one.coin).see(one)
        return list(self._coins.values())

    def begins_at(self) -> int | None:
        """Gives the time of the recording at the start, where it happens as it was recorded; `coins` comes first."""
        return self._start if self._as_recorded else None

    def history(self, until: int) -> Iterator[tuple[Instrument, Candle, int]]:
        """Gives the minutes of what was before the start, moved to `until` by whole minutes."""
        shift = self._shift_to(until)
        for coin, tape in self._tapes.items():
            for candle in tape.minutes:
                candle.open_at += shift
                yield coin, candle, 1
        self._tapes.clear()

    def past_funding(self, until: int) -> Iterator[FundingRate]:
        """Gives the rates from before the start."""
        shift = self._shift_to(until)
        return (one._replace(at=one.at + shift) for one in self._rates)

    def happenings(self, since: int) -> Iterator[Happening]:
        """Gives what the recording tells from the start on, moved to `since` by whole minutes."""
        shift = self._shift_to(since)
        for rate in {one.symbol: one for one in self._rates}.values():  # the last one before is in force
            yield rate._replace(at=since)
        for one in self._told:
            if isinstance(one, Instrument):
                yield one
            elif not isinstance(one, _Past):
                yield one._replace(at=one.at + shift)

    def _shift_to(self, at: int) -> int:
        if self._as_recorded:
            return 0
        if self._shift is None:
            self._shift = (at - self._start) // MINUTE * MINUTE
        return self._shift

    def _tape(self, coin: Instrument) -> Tape:
        if coin not in self._tapes:
            self._tapes[coin] = Tape(coin)
        return self._tapes[coin]

    def _tell(self) -> Iterator[Happening | _Past]:
        """What the recording tells, in its own time."""
        held: list[tuple[int, int, Print | Closed]] = []
        longest = number = 0
        for entry in self._facts:
            record = entry.record
            if isinstance(record, SymbolRules):
                coin = self._take_rules(record)
                if coin is not None:
                    yield coin
            elif isinstance(record, Funding) and VENUES.get(record.venue) == "usdm":
                said = Said(record.rate, record.mark_price, record.due_at) if self._as_recorded else None
                yield FundingRate(record.at, record.symbol, Decimal(str(signed(record.rate))), said)
            elif isinstance(record, Priced):
                known = len(self._coins)
                coin = self._coin(record)
                if coin is None:
                    continue
                if len(self._coins) > known:
                    yield coin
                if isinstance(record, Bar):
                    if record.step_s == MINUTE // 1000 and record.at <= self._start:
                        yield _Past(coin, self._candle(record, coin))
                        continue
                    longest = max(longest, record.step_s * 1000)
                for one in self._of(record, coin):
                    number += 1
                    heapq.heappush(held, (one.at, number, one))
                while held and held[0][0] <= record.at - longest:
                    yield heapq.heappop(held)[2]
        while held:
            yield heapq.heappop(held)[2]

    def _of(self, fact: Priced, coin: Instrument) -> list[Print | Closed]:
        """Gives what a fact makes happen."""
        prints = _prints(fact, coin)
        if not self._as_recorded or not isinstance(fact, Bar):
            return [*prints]
        unheard = [one._replace(told=False) for one in prints]
        if fact.step_s != MINUTE // 1000:
            return [*unheard]
        return [*unheard, Closed(fact.open_at + MINUTE, coin, self._candle(fact, coin))]

    def _candle(self, bar: Bar, coin: Instrument) -> Candle:
        candle = _candle(bar, coin)
        if self._as_recorded:
            candle.texts = _texts(bar)
        return candle

    def _coin(self, record: Priced) -> Instrument | None:
        key = record.venue, record.symbol
        try:
            check_price(record)
            check_symbol(record.symbol)
            if key not in self._coins:
                rules = self._rules.get(record.symbol) or _inferred(record)
                self._take_rules(msgspec.structs.replace(rules, venue=record.venue))
        except BadRecord:
            return None
        return self._coins.get(key)

    def _take_rules(self, rules: SymbolRules) -> Instrument | None:
        kind = VENUES.get(rules.venue)
        try:
            check_rules(rules)
            known = self._coins.get((rules.venue, rules.symbol))
            if known is not None:
                known.follow(rules)
            elif kind is not None:
                self._coins[rules.venue, rules.symbol] = Instrument.of(kind, rules)
        except (BadRecord, ValueError):
            return None
        return self._coins.get((rules.venue, rules.symbol))


def _inferred(record: Priced) -> SymbolRules:
    """Rules for a symbol that has none: as many decimals as its first fact shows, the rest as most symbols have it."""
    last = record.close if isinstance(record, Bar) else record.price if isinstance(record, Trade) else None
    text = last or (record.last if isinstance(record, Ticker) else record.bid if isinstance(record, BookTop) else "1")
    digits = max(2, min(8, len(text.partition(".")[2])))
    base = record.symbol.removesuffix("USDT") or record.symbol
    return SymbolRules(
        at=record.at, venue=record.venue, symbol=record.symbol, base=base, quote="USDT",
        tick=f"{Decimal(1).scaleb(-digits):f}", step="0.001", min_qty="0.001", max_qty="90000000", min_notional="5",
        bid_multiplier_up="5", bid_multiplier_down="0.2", ask_multiplier_up="5", ask_multiplier_down="0.2",
        max_orders=200, max_algo_orders=5, rules="inferred",
    )  # fmt: skip


def _prints(fact: Priced, coin: Instrument) -> list[Print]:
    if isinstance(fact, Bar):
        return _bar_prints(fact, coin)
    if isinstance(fact, BookTop):
        scale = coin.scale
        bid, ask = scale.ticks(fact.bid, up=False), scale.ticks(fact.ask, up=True)
        return [Print(fact.at, coin, bid, 0, -1, bid, scale.steps(fact.bid_qty), ask, scale.steps(fact.ask_qty))]
    if isinstance(fact, Trade):
        steps = coin.scale.steps(fact.qty)
        return [_around(fact.at, coin, fact.price, steps, 1 if fact.side == "buy" else -1, steps * _SHOWN)]
    day = amount(fact.volume_24h) or amount(fact.quote_volume_24h) / price(fact.last)
    steps = max(1, coin.scale.steps(f"{day / _MINUTES_A_DAY / _SHOWN:.8f}"))
    seen = _around(fact.at, coin, fact.last, steps, 1, steps)
    if fact.bid is None or fact.ask is None:
        return [seen]
    bid, ask = coin.scale.ticks(fact.bid, up=False), coin.scale.ticks(fact.ask, up=True)
    return [seen._replace(bid=bid, ask=ask)]


def _candle(bar: Bar, coin: Instrument) -> Candle:
    opened, high, low, close = (coin.scale.ticks(text, up=False) for text in (bar.open, bar.high, bar.low, bar.close))
    steps, money = coin.scale.steps(bar.volume), e8(Decimal(bar.quote_volume or "0"))
    return Candle(
        bar.open_at, opened, high, low, close, 1, 1, steps, money or coin.money(close, steps), bar.trades or 1,
        steps // 2, money // 2,
    )  # fmt: skip


def _texts(bar: Bar) -> Texts:
    """Gives a candle's words. Where no quote volume was recorded it is what every reader of the recording takes."""
    quote = bar.quote_volume if bar.quote_volume is not None else f"{Decimal(repr(figures(bar).quote_volume)):f}"
    return Texts(bar.open, bar.high, bar.low, bar.close, bar.volume, quote)


def _bar_prints(bar: Bar, coin: Instrument) -> list[Print]:
    """A candle as its open, its extremes (the one against its direction first), and its close."""
    path = [bar.open, bar.low, bar.high, bar.close]
    if price(bar.close) < price(bar.open):
        path[1], path[2] = path[2], path[1]
    steps = coin.scale.steps(bar.volume)
    if steps < len(path):  # nothing traded: the price stands, thinly
        return [_around(bar.open_at, coin, bar.close, 0, 1, 1)]
    width = bar.step_s * 1000 // len(path)
    before = path[0]
    prints = []
    for i, one in enumerate(path):
        side = 1 if price(one) >= price(before) else -1
        prints.append(_around(bar.open_at + i * width, coin, one, steps // 4, side, max(1, steps // _SHOWN)))
        before = one
    return prints


def _around(at: int, coin: Instrument, text: str, steps: int, side: int, shown: int) -> Print:
    ticks = max(2, coin.scale.ticks(text, up=False))
    bid, ask = worsened(ticks, -1, _HALF_SPREAD), worsened(ticks, 1, _HALF_SPREAD)
    bid, ask = max(1, min(bid, ticks - 1)), max(ask, ticks + 1)
    return Print(at, coin, ticks, steps, side, bid, shown, ask, shown)
