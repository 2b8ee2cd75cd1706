"""USDT-M futures market data: needs no key. Each method is one endpoint, with its weight or its own budget."""

from typing import Literal

from engine.world.binance.budget import DATA, FUNDING, WEIGHT
from engine.world.binance.client import Ask, Client
from engine.world.binance.market_shapes import (
    AggregateTrade,
    BestQuote,
    Book,
    Day,
    ExchangeInfo,
    FundingInterval,
    FundingRound,
    Kline,
    LongShort,
    OpenContracts,
    OpenContractsBefore,
    Premium,
    Price,
    ServerTime,
    TakerVolume,
)
from engine.world.binance.shape import Rows, reader, rows_reader
from engine.world.binance.sign import Params

MAX_KLINES = 1500
KlineKind = Literal["klines", "markPriceKlines", "indexPriceKlines", "premiumIndexKlines"]
LongShortKind = Literal["globalLongShortAccountRatio", "topLongShortAccountRatio", "topLongShortPositionRatio"]


def kline_weight(limit: int) -> int:
    """Gives what a request for so many candles costs."""
    return 1 if limit < 100 else 2 if limit < 500 else 5 if limit <= 1000 else 10


class UsdmMarket:
    """What the futures market tells anybody. Errors are those of `Client.read`."""

    def __init__(self, client: Client) -> None:
        """Asks this client's host."""
        self.client = client

    def time(self) -> int:
        """Gives the exchange's time, epoch ms."""
        return self.client.read(_ask("v1/time", {}, 1), reader(ServerTime)).server_time

    def exchange_info(self) -> ExchangeInfo:
        """Gives the rules of all symbols; the budgets it tells are taken over.

        Its serverTime can be days old on test venues: ask `time`.
        """
        info = self.client.read(_ask("v1/exchangeInfo", {}, 1), reader(ExchangeInfo))
        self.client.learn_limits(info.rate_limits)
        return info

    def klines(
        self, symbol: str, interval: str, *, start_ms: int | None = None, end_ms: int | None = None,
        limit: int = 500, of: KlineKind = "klines",
    ) -> list[Kline]:  # fmt: skip
        """Gives candles of trades, mark price, index or premium, oldest first (at most 1500); the last may be open."""
        name = "pair" if of == "indexPriceKlines" else "symbol"
        params: Params = {
            name: symbol, "interval": interval, "startTime": start_ms, "endTime": end_ms, "limit": limit,
        }  # fmt: skip
        return self.client.read(_ask(f"v1/{of}", params, kline_weight(limit)), reader(list[Kline]))

    def days(self, symbol: str | None = None) -> Rows[Day]:
        """Gives the 24 h ticker of a symbol, or of all."""
        return self.client.read(_ask("v1/ticker/24hr", {"symbol": symbol}, 1 if symbol else 40), rows_reader(Day))

    def prices(self, symbol: str | None = None) -> Rows[Price]:
        """Gives the last price of a symbol, or of all."""
        return self.client.read(_ask("v2/ticker/price", {"symbol": symbol}, 1 if symbol else 2), rows_reader(Price))

    def best_quotes(self, symbol: str | None = None) -> Rows[BestQuote]:
        """Gives best bid and ask of a symbol, or of all."""
        ask = _ask("v1/ticker/bookTicker", {"symbol": symbol}, 2 if symbol else 5)
        return self.client.read(ask, rows_reader(BestQuote))

    def book(self, symbol: str, limit: int = 100) -> Book:
        """Gives an order book; `limit` is 5, 10, 20, 50, 100, 500 or 1000 prices a side."""
        weight = 2 if limit <= 50 else 5 if limit <= 100 else 10 if limit <= 500 else 20
        return self.client.read(_ask("v1/depth", {"symbol": symbol, "limit": limit}, weight), reader(Book))

    def trades(self, symbol: str, *, from_id: int | None = None, limit: int = 500) -> list[AggregateTrade]:
        """Gives aggregated trades of the last 48 h, oldest first: the newest, or those from an id on."""
        params: Params = {"symbol": symbol, "fromId": from_id, "limit": limit}
        return self.client.read(_ask("v1/aggTrades", params, 20), reader(list[AggregateTrade]))

    def premiums(self, symbol: str | None = None) -> Rows[Premium]:
        """Gives mark price, index and funding of a symbol, or of all."""
        ask = _ask("v1/premiumIndex", {"symbol": symbol}, 1 if symbol else 10)
        return self.client.read(ask, rows_reader(Premium))

    def funding_rounds(
        self, symbol: str | None = None, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 100
    ) -> Rows[FundingRound]:
        """Gives funding rates that were paid, oldest first (at most 1000)."""
        params: Params = {"symbol": symbol, "startTime": start_ms, "endTime": end_ms, "limit": limit}
        return self.client.read(Ask("/fapi/v1/fundingRate", params, costs={FUNDING: 1}), rows_reader(FundingRound))

    def funding_intervals(self) -> Rows[FundingInterval]:
        """Gives the contracts that pay funding at other times than every eight hours."""
        return self.client.read(Ask("/fapi/v1/fundingInfo", costs={FUNDING: 1}), rows_reader(FundingInterval))

    def open_interest(self, symbol: str) -> OpenContracts:
        """Gives open interest now; there is no request for all symbols."""
        return self.client.read(_ask("v1/openInterest", {"symbol": symbol}, 1), reader(OpenContracts))

    def open_interest_before(
        self, symbol: str, period: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 30
    ) -> Rows[OpenContractsBefore]:
        """Gives open interest by period (5m to 1d), oldest first (at most 500, of the last 30 days)."""
        ask = _statistics("openInterestHist", symbol, period, start_ms, end_ms, limit)
        return self.client.read(ask, rows_reader(OpenContractsBefore))

    def long_short(
        self, of: LongShortKind, symbol: str, period: str, *, start_ms: int | None = None, end_ms: int | None = None,
        limit: int = 30,
    ) -> Rows[LongShort]:  # fmt: skip
        """Gives longs against shorts by period, of all accounts or of the top traders' accounts or positions."""
        return self.client.read(_statistics(of, symbol, period, start_ms, end_ms, limit), rows_reader(LongShort))

    def taker_volumes(
        self, symbol: str, period: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 30
    ) -> Rows[TakerVolume]:
        """Gives what takers bought and sold by period."""
        ask = _statistics("takerlongshortRatio", symbol, period, start_ms, end_ms, limit)
        return self.client.read(ask, rows_reader(TakerVolume))


def _ask(path: str, params: Params, weight: int) -> Ask:
    return Ask(f"/fapi/{path}", params, costs={WEIGHT: weight})


def _statistics(path: str, symbol: str, period: str, start_ms: int | None, end_ms: int | None, limit: int) -> Ask:
    params: Params = {"symbol": symbol, "period": period, "startTime": start_ms, "endTime": end_ms, "limit": limit}
    return Ask(f"/futures/data/{path}", params, costs={DATA: 1})
