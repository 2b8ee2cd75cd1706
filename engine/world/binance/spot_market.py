"""Spot market data: needs no key. Each method is one endpoint, with its weight."""

from collections.abc import Sequence

from engine.world.binance.budget import WEIGHT
from engine.world.binance.client import Ask, Client
from engine.world.binance.market_shapes import (
    AggregateTrade,
    AveragePrice,
    BestQuote,
    Book,
    Day,
    ExchangeInfo,
    Kline,
    Price,
    ReferencePrice,
    ServerTime,
)
from engine.world.binance.shape import Rows, reader, rows_reader
from engine.world.binance.sign import Params

MAX_KLINES = 1000


def kline_weight(limit: int) -> int:
    """Gives what a request for candles costs: the same, however many are asked for."""
    return 2


class SpotMarket:
    """What the spot market tells anybody. Errors are those of `Client.read`."""

    def __init__(self, client: Client) -> None:
        """Asks this client's host."""
        self.client = client

    def time(self) -> int:
        """Gives the exchange's time, epoch ms."""
        return self.client.read(_ask("time", {}, 1), reader(ServerTime)).server_time

    def exchange_info(self, symbols: Sequence[str] = (), *, urgent: bool = False) -> ExchangeInfo:
        """Gives the rules of some symbols, or of all; the budgets it tells are taken over."""
        ask = _ask("exchangeInfo", {"symbols": _named(symbols)}, 20)._replace(urgent=urgent)
        info = self.client.read(ask, reader(ExchangeInfo))
        self.client.learn_limits(info.rate_limits)
        return info

    def klines(
        self, symbol: str, interval: str, *, start_ms: int | None = None, end_ms: int | None = None, limit: int = 500
    ) -> list[Kline]:
        """Gives candles, oldest first (at most 1000); the last one may be open still."""
        params: Params = {
            "symbol": symbol, "interval": interval, "startTime": start_ms, "endTime": end_ms, "limit": limit,
        }  # fmt: skip
        return self.client.read(_ask("klines", params, kline_weight(limit)), reader(list[Kline]))

    def days(self, symbols: Sequence[str] = ()) -> Rows[Day]:
        """Gives the 24 h tickers of some symbols, or of all."""
        count = len(symbols)
        weight = 80 if not symbols or count > 100 else 2 if count <= 20 else 40
        return self.client.read(_ask("ticker/24hr", {"symbols": _named(symbols)}, weight), rows_reader(Day))

    def prices(self, symbols: Sequence[str] = ()) -> Rows[Price]:
        """Gives the last prices of some symbols, or of all."""
        return self.client.read(_ask("ticker/price", {"symbols": _named(symbols)}, 4), rows_reader(Price))

    def best_quotes(self, symbols: Sequence[str] = ()) -> Rows[BestQuote]:
        """Gives best bids and asks of some symbols, or of all."""
        return self.client.read(_ask("ticker/bookTicker", {"symbols": _named(symbols)}, 4), rows_reader(BestQuote))

    def book(self, symbol: str, limit: int = 100) -> Book:
        """Gives an order book of at most `limit` prices a side (5000 is the most)."""
        weight = 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250
        return self.client.read(_ask("depth", {"symbol": symbol, "limit": limit}, weight), reader(Book))

    def trades(self, symbol: str, *, from_id: int | None = None, limit: int = 500) -> list[AggregateTrade]:
        """Gives aggregated trades, oldest first: the newest, or those from an id on."""
        params: Params = {"symbol": symbol, "fromId": from_id, "limit": limit}
        return self.client.read(_ask("aggTrades", params, 4), reader(list[AggregateTrade]))

    def average_price(self, symbol: str) -> AveragePrice:
        """Gives the average price that market orders are held against."""
        return self.client.read(_ask("avgPrice", {"symbol": symbol}, 2), reader(AveragePrice))

    def reference_price(self, symbol: str) -> ReferencePrice:
        """Gives the reference price; Rejected (-2043) where the symbol never had one."""
        return self.client.read(_ask("referencePrice", {"symbol": symbol}, 2), reader(ReferencePrice))


def _ask(path: str, params: Params, weight: int) -> Ask:
    return Ask(f"/api/v3/{path}", params, costs={WEIGHT: weight})


def _named(symbols: Sequence[str]) -> list[str] | None:
    return list(symbols) or None
