"""What spot answers about orders, trades and balances, as news."""

from decimal import Decimal

import msgspec

from engine.world.account.account import BalanceNews, HeldNews, OrderNews, TradeNews
from engine.world.account.words import PLAIN, code_of, side_of, status_of
from engine.world.binance.spot_shapes import Balance, SpotOrder, SpotTrade
from engine.world.binance.trouble import Unreadable

_SIDE = {True: "BUY", False: "SELL"}


def order_news(order: SpotOrder) -> OrderNews:
    """Gives an order; raises Unreadable for one that does not say how it stands."""
    at = order.update_time or order.transact_time or order.time
    if order.executed_qty is None or at is None:
        raise Unreadable(f"order {order.order_id} does not say how it stands")
    return OrderNews(
        symbol=order.symbol, client_id=order.orig_client_order_id or order.client_order_id,
        order_id=str(order.order_id), status=status_of(PLAIN, order.status), filled_qty=order.executed_qty,
        venue_at=at, side=side_of(order.side), code=code_of(order.status, order.expiry_reason),
    )  # fmt: skip


def open_news(order: SpotOrder) -> OrderNews:
    """Gives an order out of the list of those that are open, with what it locks: nothing while it waits for another."""
    news = order_news(order)
    if order.orig_qty is None or order.status == "PENDING_NEW":
        return news
    list_id = str(order.order_list_id) if order.order_list_id >= 0 else None
    return msgspec.structs.replace(news, left=max(order.orig_qty - news.filled_qty, Decimal(0)), list_id=list_id)


def cancel_news(order: SpotOrder) -> OrderNews | None:
    """Gives how an order ended out of the answer to its cancel; None where that does not say it all."""
    if order.status != "CANCELED" or None in (order.executed_qty, order.transact_time, order.side):
        return None
    return order_news(order)


def fills_of(order: SpotOrder) -> list[TradeNews]:
    """Gives the executions that an answer to an order tells: all that it had by then, or none.

    They all happened at once, against what stood on the book.
    """
    fills = order.fills or []
    if order.transact_time is None or any(fill.trade_id is None for fill in fills):
        return []
    return [
        TradeNews(
            symbol=order.symbol, client_id=order.client_order_id, order_id=str(order.order_id),
            trade_id=str(fill.trade_id), side=side_of(order.side), qty=fill.qty, price=fill.price,
            notional=fill.price * fill.qty, fee=fill.commission, fee_asset=fill.commission_asset, liquidity="taker",
            venue_at=order.transact_time,
        )
        for fill in fills
    ]  # fmt: skip


def trade_news(trade: SpotTrade) -> TradeNews:
    """Gives an execution out of a list."""
    return TradeNews(
        symbol=trade.symbol, client_id=None, order_id=str(trade.order_id), trade_id=str(trade.id),
        side=side_of(_SIDE[trade.is_buyer]), qty=trade.qty, price=trade.price, notional=trade.price * trade.qty,
        fee=trade.commission, fee_asset=trade.commission_asset, liquidity="maker" if trade.is_maker else "taker",
        venue_at=trade.time,
    )  # fmt: skip


def held_news(asset: str, free: Decimal, locked: Decimal, quote: str) -> HeldNews | None:
    """Gives the coins of an asset as what is held of its symbol; None for the quote asset itself."""
    if asset == quote:
        return None
    return HeldNews(symbol=asset + quote, qty=free + locked, free=free)


def balance_news(balance: Balance) -> BalanceNews:
    """Gives an asset of the wallet."""
    return BalanceNews(asset=balance.asset, free=balance.free, locked=balance.locked)
