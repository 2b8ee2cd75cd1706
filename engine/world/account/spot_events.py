"""Frames of spot's user stream: orders, executions and balances as news."""

from decimal import Decimal

from engine.records.base import Moment
from engine.world.account.account import BalanceNews, News, OrderNews, TradeNews
from engine.world.account.heard import NOTHING, Heard, event_of
from engine.world.account.spot_told import held_news
from engine.world.account.words import PLAIN, code_of, side_of, status_of
from engine.world.binance.answers import decode
from engine.world.binance.shape import Shape, reader
from engine.world.binance.trouble import Unreadable


class _Report(
    Shape, frozen=True, kw_only=True,
    rename={
        "symbol": "s", "client_id": "c", "original_id": "C", "side": "S", "what": "x", "status": "X", "refused": "r",
        "expired": "eR", "order_id": "i", "last_qty": "l", "filled_qty": "z", "last_price": "L", "fee": "n",
        "fee_asset": "N", "venue_at": "T", "trade_id": "t", "is_maker": "m",
    },
):  # fmt: skip
    """An executionReport. `client_id` of a cancel is the cancel's own; the order's is then `original_id`."""

    symbol: str
    client_id: str
    original_id: str | None = None
    side: str
    what: str
    status: str
    refused: str | None = None
    expired: str | None = None
    order_id: int
    last_qty: Decimal
    filled_qty: Decimal
    last_price: Decimal
    fee: Decimal | None = None
    fee_asset: str | None = None
    venue_at: Moment
    trade_id: int
    is_maker: bool


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
    if report.filled_qty < 0:
        raise Unreadable(f"order {report.order_id} was executed to less than nothing")
    if report.what != "TRADE":
        return (order,)
    fee = report.fee or Decimal(0)
    if report.trade_id < 0 or report.last_qty <= 0 or report.last_price <= 0 or (fee and not report.fee_asset):
        raise Unreadable(f"an execution of order {report.order_id} that tells no execution")
    trade = TradeNews(
        symbol=report.symbol, client_id=order.client_id, order_id=order.order_id, trade_id=str(report.trade_id),
        side=order.side, qty=report.last_qty, price=report.last_price, notional=report.last_price * report.last_qty,
        fee=fee, fee_asset=report.fee_asset or "", liquidity="maker" if report.is_maker else "taker",
        venue_at=report.venue_at,
    )  # fmt: skip
    # The execution first: whoever hears that an order is filled has heard of all its executions.
    return trade, order


def _wallet(wallet: _Wallet, quote: str) -> Heard:
    news: list[News] = []
    for one in wallet.amounts:
        news.append(BalanceNews(asset=one.asset, free=one.free, locked=one.locked))
        held = held_news(one.asset, one.free, one.locked, quote)
        if held is not None:
            news.append(held)
    return Heard(tuple(news), {one.asset: (one.free, one.locked) for one in wallet.amounts})
