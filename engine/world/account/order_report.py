"""What the user streams of both markets tell of an order, in the same letters: how it stands, and its execution."""

from decimal import Decimal

from engine.records.base import Moment
from engine.world.account.account import News, OrderNews, TradeNews
from engine.world.binance.shape import Shape
from engine.world.binance.trouble import Unreadable


class OrderReport(
    Shape, frozen=True, kw_only=True,
    rename={
        "symbol": "s", "client_id": "c", "side": "S", "what": "x", "status": "X", "order_id": "i", "last_qty": "l",
        "filled_qty": "z", "last_price": "L", "fee": "n", "fee_asset": "N", "venue_at": "T", "trade_id": "t",
        "is_maker": "m",
    },
):  # fmt: skip
    """What a frame says of an order. `what` happened to it may be an execution of `last_qty` at `last_price`."""

    symbol: str
    client_id: str
    side: str
    what: str
    status: str
    order_id: int
    last_qty: Decimal
    filled_qty: Decimal
    last_price: Decimal
    fee: Decimal | None = None
    fee_asset: str | None = None
    venue_at: Moment
    trade_id: int
    is_maker: bool


def news_of(report: OrderReport, order: OrderNews, executed: bool, first_trade_id: int) -> tuple[News, ...]:
    """Gives an order's news, with the news of its execution before it where there was one.

    Whoever hears that an order is filled has heard of all its executions. Raises Unreadable for figures that cannot be.
    """
    if report.filled_qty < 0:
        raise Unreadable(f"order {report.order_id} was executed to less than nothing")
    if not executed:
        return (order,)
    fee = report.fee or Decimal(0)
    if (
        report.trade_id < first_trade_id or report.last_qty <= 0 or report.last_price <= 0
        or (fee and not report.fee_asset)
    ):  # fmt: skip
        raise Unreadable(f"an execution of order {report.order_id} that tells no execution")
    trade = TradeNews(
        symbol=report.symbol, client_id=order.client_id, order_id=str(report.order_id), trade_id=str(report.trade_id),
        side=order.side, qty=report.last_qty, price=report.last_price, notional=report.last_price * report.last_qty,
        fee=fee, fee_asset=report.fee_asset or "", liquidity="maker" if report.is_maker else "taker",
        venue_at=report.venue_at,
    )  # fmt: skip
    return trade, order
