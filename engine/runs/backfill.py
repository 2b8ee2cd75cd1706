"""Backfill: what was traded on an account before its ledger, or beside it, as round trips of the past days."""

import time
from collections.abc import Iterable
from decimal import Decimal

from engine.ledger.ledger import Ledger
from engine.matching.units import plain
from engine.records.trades import Fill, PastTrade
from engine.records.wire import decode, encode
from engine.world.account.account import Account, IncomeNews, TradeNews
from engine.world.account.round_trips import RoundTrip, round_trips

#: How many days are looked at; the exchange's windows and pages are walked through.
DAYS = 7
DAY_MS = 86_400_000


def backfill(account: Account, ledger: Ledger, symbols: Iterable[str], quote: str) -> list[PastTrade]:
    """Keeps each closed round trip of the past days of which the ledger knows nothing; gives those that are new.

    Where income is told (futures) it names the symbols; `symbols` are looked at beside. Raises VenueError.
    """
    since = int(time.time() * 1000) - DAYS * DAY_MS
    income = account.income(since)
    named = {row.symbol for row in income if row.symbol} | {one.symbol for one in account.holdings()}
    trades = [trade for symbol in sorted({*named, *symbols}) for trade in account.trades(symbol, since)]
    known = _known(ledger)
    new = [
        _past(account.venue, trip, quote)
        for trip in _closed(account.venue, trades, income)
        if not any((trip.symbol, trade_id) in known for trade_id in trip.trade_ids)
    ]
    for one in sorted(new, key=lambda one: (one.at, one.symbol)):
        ledger.append(encode(one))
    ledger.commit()
    return new


def _closed(venue: str, trades: list[TradeNews], income: list[IncomeNews]) -> list[RoundTrip]:
    """Gives the round trips that are over; on spot nothing is sold short, so that one of a sale is of older coins."""
    spot = venue.endswith("spot")
    return [
        trip
        for trip in round_trips(trades, income)
        if trip.closed_at_ms is not None and trip.qty and not (spot and trip.side == "sell")
    ]


def _known(ledger: Ledger) -> set[tuple[str, str]]:
    """Gives (symbol, trade id) of every execution that the ledger has, booked or among what was kept before."""
    found: set[tuple[str, str]] = set()
    for _, line in ledger.lines(kinds=["fill", "past_trade"]):
        record = decode(line)
        if isinstance(record, Fill):
            found.add((record.symbol, record.trade_id))
        elif isinstance(record, PastTrade):
            found.update((record.symbol, trade_id) for trade_id in record.trade_ids)
    return found


def _past(venue: str, trip: RoundTrip, quote: str) -> PastTrade:
    fees = {asset: plain(fee) for asset, fee in sorted(trip.fees.items())}
    return PastTrade(
        at=trip.closed_at_ms or 0, venue=venue, symbol=trip.symbol, trip_id=trip.trip_id, side=trip.side,
        opened_at=trip.opened_at_ms, qty=plain(trip.qty), entry_price=_price(trip.entry_price),
        exit_price=_price(trip.exit_price), realised=plain(round(trip.realised, 8)),
        funding=plain(round(trip.funding, 8)), fees=fees,
        net_profit=plain(round(trip.realised + trip.funding - trip.fees.get(quote, Decimal(0)), 8)),
        trade_ids=trip.trade_ids,
    )  # fmt: skip


def _price(price: Decimal | None) -> str | None:
    return plain(round(price, 12)) if price is not None else None
