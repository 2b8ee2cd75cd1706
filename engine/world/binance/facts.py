"""Facts: answers about the market as the records that the rest of the program reads."""

from collections.abc import Iterable
from typing import TypeVar

from engine.errors import BadRecord
from engine.records.market import Bar, BookTop, Funding, OpenInterest, Ticker, check_price, check_symbol, signed
from engine.world.binance.market_shapes import BestQuote, Day, Kline, OpenContracts, Premium

Bad = list[str]
F = TypeVar("F", Bar, Ticker, BookTop)


def bars(venue: str, symbol: str, klines: Iterable[Kline], now_ms: int) -> tuple[list[Bar], Bad]:
    """Gives the candles that had closed by `now_ms` (the exchange's time), and what was wrong with the others."""
    good: list[Bar] = []
    bad: Bad = []
    for one in klines:
        if one.close_at >= now_ms:
            continue
        bar = Bar(
            at=one.close_at + 1, venue=venue, symbol=symbol, step_s=(one.close_at + 1 - one.open_at) // 1000,
            open_at=one.open_at, open=one.open, high=one.high, low=one.low, close=one.close, volume=one.volume,
            quote_volume=one.quote_volume, trades=one.trades,
        )  # fmt: skip
        _keep(bar, good, bad)
    return good, bad


def tickers(venue: str, days: Iterable[Day]) -> tuple[list[Ticker], Bad]:
    """Gives 24 h tickers, each at its close time; symbols that nobody traded within the day are left out."""
    good: list[Ticker] = []
    bad: Bad = []
    for one in days:
        if one.count == 0:
            continue
        ticker = Ticker(
            at=one.close_time, venue=venue, symbol=one.symbol, last=one.last_price, volume_24h=one.volume,
            quote_volume_24h=one.quote_volume, bid=_quoted(one.bid_price), ask=_quoted(one.ask_price),
        )  # fmt: skip
        _keep(ticker, good, bad)
    return good, bad


def book_tops(venue: str, quotes: Iterable[BestQuote], now_ms: int) -> tuple[list[BookTop], Bad]:
    """Gives best bids and asks, at the exchange's time where the answer has none; one-sided books are left out."""
    good: list[BookTop] = []
    bad: Bad = []
    for one in quotes:
        if _quoted(one.bid_price) is None or _quoted(one.ask_price) is None:
            continue
        top = BookTop(
            at=one.time or now_ms, venue=venue, symbol=one.symbol, bid=one.bid_price, bid_qty=one.bid_qty,
            ask=one.ask_price, ask_qty=one.ask_qty,
        )  # fmt: skip
        _keep(top, good, bad)
    return good, bad


def fundings(venue: str, premiums: Iterable[Premium]) -> tuple[list[Funding], Bad]:
    """Gives funding rates with mark prices; contracts with a delivery date have none and are left out."""
    good: list[Funding] = []
    bad: Bad = []
    for one in premiums:
        if one.last_funding_rate == "":
            continue
        try:
            check_symbol(one.symbol)
            signed(one.last_funding_rate)
            signed(one.mark_price)
        except BadRecord as error:
            bad.append(str(error))
            continue
        good.append(
            Funding(
                at=one.time, venue=venue, symbol=one.symbol, rate=one.last_funding_rate, mark_price=one.mark_price,
                due_at=one.next_funding_time or None,
            )
        )  # fmt: skip
    return good, bad


def open_interest(venue: str, one: OpenContracts) -> OpenInterest:
    """Gives open interest; raises BadRecord for what is no number."""
    check_symbol(one.symbol)
    signed(one.open_interest)
    return OpenInterest(at=one.time, venue=venue, symbol=one.symbol, open_interest=one.open_interest)


def _keep(fact: F, good: list[F], bad: Bad) -> None:
    try:
        check_symbol(fact.symbol)
        check_price(fact)
    except BadRecord as error:
        bad.append(str(error))
    else:
        good.append(fact)


def _quoted(price: str | None) -> str | None:
    """Gives a bid or ask; None where nobody quotes, which the exchange writes as zero."""
    return price if price and price.strip("0.") else None
