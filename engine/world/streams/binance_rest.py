"""Binance's REST as the streams ask it, spot and USDT-M: answers made facts, and which symbols are markets of ours."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from engine.errors import BadRecord, VenueError
from engine.records.market import Bar, BookTop, LongShort, OpenInterest, TakerFlow
from engine.world.binance import facts
from engine.world.binance.client import Client
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.spot_market import kline_weight as spot_weight
from engine.world.binance.usdm_market import LongShortKind, UsdmMarket
from engine.world.binance.usdm_market import kline_weight as usdm_weight
from engine.world.candles.cache import CandleCache, Served
from engine.world.candles.cached import CachedCandles
from engine.world.streams.first_days import FirstDays
from engine.world.streams.rest import TROUBLE, Listing

#: The period of statistics; the shortest there is.
PERIOD, PERIOD_S = "5m", 300
Whose = Literal["accounts", "top_accounts", "top_positions"]
_WHOSE: Mapping[Whose, LongShortKind] = {
    "accounts": "globalLongShortAccountRatio",
    "top_accounts": "topLongShortAccountRatio",
    "top_positions": "topLongShortPositionRatio",
}
#: A perpetual that nobody means to delist is delivered in the year 2100.
NEVER_MS = 4_133_404_800_000


class BinanceRest:
    """What the streams ask of one market of Binance."""

    def __init__(
        self, market: SpotMarket | UsdmMarket, venue: str, first_days: FirstDays, cache: CandleCache | None = None
    ) -> None:
        """Asks this market; `venue` is the name that facts carry. Candles are asked for through the cache."""
        self._market, self._venue, self._first_days, self._cache = market, venue, first_days, cache
        self._cached: CachedCandles | None = None

    @property
    def client(self) -> Client:
        """The client that asks."""
        return self._market.client

    def measure(self) -> None:
        """Measures the exchange's clock; where that fails the last measurement stays in force."""
        with suppress(*TROUBLE):
            self.client.measure()

    def listings(self) -> list[Listing]:
        """Gives every symbol with its rules, and looks at the exchange's clock on the way."""
        self.measure()
        info = self._market.exchange_info()
        rules, _ = info.rules(self._venue, self.client.clock.now_ms())
        told = {one["symbol"]: one for one in info.symbols if isinstance(one.get("symbol"), str)}
        self._name_place(info.made_up)
        if not rules:
            raise VenueError(f"{self.client.host}: exchangeInfo without a symbol that can be read")
        return [Listing(one, _is_ours(told[one.symbol]), _delisted_at(told[one.symbol])) for one in rules]

    def candles(self, symbol: str, step: str, first: int, most: int) -> list[Bar]:
        """Gives closed candles from the one that opens at `first` on."""
        if self._cached is None:
            return self._fetch(symbol, step, first, most, None)
        return self._cached.candles(symbol, step, first, most)

    def heard(self, bars: Sequence[Bar]) -> None:
        """Takes final candles that came by stream."""
        if self._cached is not None:
            self._cached.heard(bars)

    @property
    def named(self) -> bool:
        """Says whether it is known whose candles these are: from the first listings on."""
        return self._cached is not None

    @property
    def served(self) -> Served:
        """What asking for candles came to so far."""
        return self._cached.served if self._cached is not None else Served()

    def _fetch(self, symbol: str, step: str, first: int, most: int, last: int | None) -> list[Bar]:
        asked_at = self.client.clock.now_ms()  # what closed while the answer was on its way was open in it
        rows = self._market.klines(symbol, step, start_ms=first, end_ms=last, limit=most)
        return facts.bars(self._venue, symbol, rows, asked_at)[0]

    def _name_place(self, made_up: str) -> None:
        """Candles are kept under the address they are asked at; nothing is kept before it is known who is there."""
        if self._cache is not None and self._cached is None:
            place = f"{self.client.host} {made_up}".rstrip()
            weight = spot_weight if isinstance(self._market, SpotMarket) else usdm_weight
            clock = self.client.clock
            self._cached = CachedCandles(
                self._cache, place, self._venue, self._fetch, weight, clock.now_ms, clock.speed or 1.0
            )

    def listed_at(self, symbol: str) -> int | None:
        """Gives when the first day that the symbol was traded on began."""
        known = self._first_days.get(symbol)
        if known is None:
            first = self._market.klines(symbol, "1d", start_ms=0, limit=1)
            if not first:
                return None
            known = first[0].open_at
            self._first_days.keep(symbol, known)
        return known

    def books(self) -> list[BookTop]:
        """Gives best bid and ask of the whole market."""
        return facts.book_tops(self._venue, self._market.best_quotes(), self.client.clock.now_ms())[0]

    def open_interest(self, symbol: str) -> OpenInterest:
        """Gives a contract's open interest; raises VenueError on spot, where there is none."""
        if not isinstance(self._market, UsdmMarket):
            raise VenueError(f"{self._venue} has no open interest")
        try:
            return facts.open_interest(self._venue, self._market.open_interest(symbol))
        except BadRecord as error:
            raise VenueError(f"{self.client.host}: open interest of {symbol}: {error}") from None

    def positioning(self, symbol: str) -> list[LongShort | TakerFlow]:
        """Gives longs against shorts and what takers did, of the newest five minutes; nothing on spot."""
        if not isinstance(self._market, UsdmMarket):
            return []
        made: list[LongShort | TakerFlow] = []
        for whose, path in _WHOSE.items():
            # The time of a ratio is the end of its period, that of a flow its beginning.
            made += [
                LongShort(
                    at=row.timestamp, venue=self._venue, symbol=symbol, whose=whose, period_s=PERIOD_S,
                    ended_at=row.timestamp, ratio=row.long_short_ratio,
                )
                for row in self._market.long_short(path, symbol, PERIOD, limit=1)
            ]  # fmt: skip
        made += [
            TakerFlow(
                at=row.timestamp, venue=self._venue, symbol=symbol, period_s=PERIOD_S,
                ended_at=row.timestamp + 1000 * PERIOD_S, bought=row.buy_vol, sold=row.sell_vol,
            )
            for row in self._market.taker_volumes(symbol, PERIOD, limit=1)
        ]  # fmt: skip
        return made

    def volumes(self) -> dict[str, float]:
        """Gives each symbol's quote volume of 24 hours."""
        tickers, _ = facts.tickers(self._venue, self._market.days())
        return {one.symbol: float(one.quote_volume_24h) for one in tickers}


def _is_ours(told: dict[str, Any]) -> bool:
    """Says whether it is a coin's: futures also list deliveries, and perpetuals of stocks, metals and currencies."""
    if "contractType" not in told:
        return told.get("isSpotTradingAllowed", True) is not False
    return (told["contractType"], told.get("underlyingType", "COIN")) == ("PERPETUAL", "COIN")


def _delisted_at(told: dict[str, Any]) -> int | None:
    at = told.get("deliveryDate")
    return at if type(at) is int and told.get("contractType") == "PERPETUAL" and at < NEVER_MS else None
