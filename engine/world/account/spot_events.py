"""Frames of spot's user stream: orders, executions and balances as news."""

from decimal import Decimal

from engine.world.account.account import BalanceNews, News, OrderNews
from engine.world.account.heard import NOTHING, Heard, event_of
from engine.world.account.order_report import OrderReport, news_of
from engine.world.account.spot_told import held_news
from engine.world.account.words import PLAIN, code_of, side_of, status_of
from engine.world.binance.answers import decode
from engine.world.binance.shape import Shape, reader


class _Report(OrderReport, frozen=True, kw_only=True, rename={"original_id": "C", "refused": "r", "expired": "eR"}):
    """An executionReport. `client_id` of a cancel is the cancel's own; the order's is then `original_id`."""

    original_id: str | None = None
    refused: str | None = None
    expired: str | None = None


class _Amount(Shape, frozen=True, kw_only=True, rename={"asset": "a", "free": "f", "locked": "l"}):
    asset: str
    free: Decimal
    locked: Decimal


class _Wallet(Shape, frozen=True, kw_only=True, rename={"amounts": "B"}):
    amounts: list[_Amount]


def read_spot(frame: bytes, quote: str) -> Heard:
    """Gives what a frame says; raises Unreadable for one that is not what it should be.

    Events that tell nothing that others do not tell as well (lists of orders, deposits) are passed over.
    """
    found = event_of(frame)
    if found is None:
        return NOTHING
    kind, event = found
    match kind:
        case "executionReport":
            return Heard(_reported(decode(event, reader(_Report), strict=False)))
        case "outboundAccountPosition":
            return _wallet(decode(event, reader(_Wallet), strict=False), quote)
        case "eventStreamTerminated":
            return Heard(ended="the exchange ended the subscription")
        case "serverShutdown":
            return Heard(leaving=True)
    return NOTHING


def _reported(report: _Report) -> tuple[News, ...]:
    # Very old frames write "null" for no id.
    client_id = report.original_id if report.original_id not in (None, "", "null") else report.client_id
    order = OrderNews(
        symbol=report.symbol, client_id=client_id or "", order_id=str(report.order_id),
        status=status_of(PLAIN, report.status), filled_qty=report.filled_qty, venue_at=report.venue_at,
        side=side_of(report.side), code=code_of(report.status, report.expired, report.refused),
    )  # fmt: skip
    return news_of(report, order, executed=report.what == "TRADE", first_trade_id=0)


def _wallet(wallet: _Wallet, quote: str) -> Heard:
    news: list[News] = []
    for one in wallet.amounts:
        news.append(BalanceNews(asset=one.asset, free=one.free, locked=one.locked))
        held = held_news(one.asset, one.free, one.locked, quote)
        if held is not None:
            news.append(held)
    return Heard(tuple(news), {one.asset: (one.free, one.locked) for one in wallet.amounts})
