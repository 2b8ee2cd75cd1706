"""What both markets answer about prices. Market facts stay texts: they become records, not amounts of ours."""

from typing import Any

from engine.errors import BadRecord
from engine.records.base import Moment, Whole
from engine.records.market import SymbolRules
from engine.world.binance.shape import Row, Shape
from engine.world.imports.exchange_info import symbol_rules


class ServerTime(Shape, frozen=True, kw_only=True):
    """The exchange's time, epoch ms."""

    server_time: Moment


class ExchangeInfo(Shape, frozen=True, kw_only=True):
    """The rules of all symbols, and the budgets of addresses and accounts; filters stay as they come.

    `made_up` is told by loopback venues only: which of them it is, for the next one at its address has other prices.
    """

    server_time: Moment
    rate_limits: list[dict[str, Any]]
    symbols: list[dict[str, Any]]
    made_up: str = ""

    def rules(self, venue: str, at: int) -> tuple[list[SymbolRules], list[str]]:
        """Gives the symbols' rules, known at `at`, and one line for each symbol whose rules cannot be read."""
        good: list[SymbolRules] = []
        bad: list[str] = []
        for one in self.symbols:
            if one.get("status") == "PENDING_TRADING":
                # Not open yet, and its filters may still be empty.
                continue
            try:
                good.append(symbol_rules(one, at, venue))
            except BadRecord as error:
                bad.append(f"{str(one.get('symbol'))[:40]!r}: {error}")
        return good, bad


class Kline(Row, frozen=True):
    """A candle; the last one of an answer is usually open still. `close_at` is its last millisecond."""

    open_at: Moment
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_at: Moment
    quote_volume: str
    trades: Whole
    taker_volume: str
    taker_quote_volume: str


class Day(Shape, frozen=True, kw_only=True):
    """A rolling 24 h ticker. Futures answer it without bid and ask."""

    symbol: str
    last_price: str
    price_change_percent: str
    open_price: str
    high_price: str
    low_price: str
    volume: str
    quote_volume: str
    open_time: Moment
    close_time: Moment
    count: Whole
    bid_price: str | None = None
    ask_price: str | None = None


class Price(Shape, frozen=True, kw_only=True):
    """The last price of a symbol."""

    symbol: str
    price: str
    time: Moment | None = None


class BestQuote(Shape, frozen=True, kw_only=True):
    """Best bid and ask."""

    symbol: str
    bid_price: str
    bid_qty: str
    ask_price: str
    ask_qty: str
    time: Moment | None = None


class Book(Shape, frozen=True, kw_only=True):
    """An order book: price and quantity, the best first."""

    last_update_id: int
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]


class AggregateTrade(Shape, frozen=True, kw_only=True, rename=None):
    """Trades of one taker at one price and instant; `m` says that the buyer was the maker."""

    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - the exchange's spelling
    T: Moment
    m: bool


class AveragePrice(Shape, frozen=True, kw_only=True):
    """The average that market orders are held against, over so many minutes."""

    mins: int
    price: str
    close_time: Moment | None = None


class ReferencePrice(Shape, frozen=True, kw_only=True):
    """The price that filters and price ranges refer to; None where there is none."""

    symbol: str
    reference_price: str | None
    timestamp: Moment


class Premium(Shape, frozen=True, kw_only=True):
    """Mark price, index price and funding of a perpetual; `last_funding_rate` is "" where there is none."""

    symbol: str
    mark_price: str
    index_price: str
    last_funding_rate: str
    next_funding_time: Moment
    time: Moment


class FundingRound(Shape, frozen=True, kw_only=True):
    """A funding rate that was paid."""

    symbol: str
    funding_rate: str
    funding_time: Moment
    mark_price: str | None = None


class FundingInterval(Shape, frozen=True, kw_only=True):
    """How often a contract pays funding; those not listed pay every eight hours."""

    symbol: str
    funding_interval_hours: int


class OpenContracts(Shape, frozen=True, kw_only=True):
    """Open interest now, in the base asset."""

    symbol: str
    open_interest: str
    time: Moment


class OpenContractsBefore(Shape, frozen=True, kw_only=True):
    """Open interest at the end of a period, in the base asset and in the quote asset."""

    symbol: str
    sum_open_interest: str
    sum_open_interest_value: str
    timestamp: Moment


class LongShort(Shape, frozen=True, kw_only=True):
    """Longs against shorts at the end of a period."""

    symbol: str
    long_short_ratio: str
    long_account: str
    short_account: str
    timestamp: Moment


class TakerVolume(Shape, frozen=True, kw_only=True):
    """What takers bought and sold in the period that begins at `timestamp`."""

    buy_sell_ratio: str
    buy_vol: str
    sell_vol: str
    timestamp: Moment
