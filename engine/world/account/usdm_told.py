"""What futures answer about orders, trades, positions and money, as news."""

from decimal import Decimal
from typing import Literal

from engine.errors import ConfigError
from engine.world.account.account import BalanceNews, HeldNews, IncomeNews, OrderNews, TradeNews
from engine.world.account.words import CONDITIONAL, PLAIN, code_of, number_told, side_of, status_of
from engine.world.binance.redact import shown
from engine.world.binance.trouble import Unreadable
from engine.world.binance.usdm_shapes import AlgoOrder, Income, Position, UsdmBalance, UsdmOrder, UsdmTrade

_INCOME: dict[str, Literal["realised", "funding", "fee"]] = {
    "REALIZED_PNL": "realised", "FUNDING_FEE": "funding", "SPECIAL_FUNDING_FEE": "funding", "COMMISSION": "fee",
}  # fmt: skip


def order_news(order: UsdmOrder) -> OrderNews:
    """Gives a plain order; raises Unreadable for one that does not say how it stands."""
    at = order.update_time or order.time
    if at is None:
        raise Unreadable(f"order {order.order_id} does not say when that was")
    return OrderNews(
        symbol=order.symbol, client_id=order.client_order_id, order_id=str(order.order_id),
        status=status_of(PLAIN, order.status), filled_qty=order.executed_qty, venue_at=at, side=side_of(order.side),
        code=code_of(order.status),
    )  # fmt: skip


def cancel_news(order: UsdmOrder) -> OrderNews | None:
    """Gives how a plain order ended out of the answer to its cancel; None where that does not say it."""
    return order_news(order) if order.status == "CANCELED" else None


def algo_news(order: AlgoOrder) -> OrderNews:
    """Gives a conditional order by what its own service says; raises Unreadable for one that has ended as another."""
    at = order.update_time or order.create_time
    if at is None:
        raise Unreadable(f"conditional order {shown(order.client_algo_id)} does not say when that was")
    return OrderNews(
        symbol=order.symbol, client_id=order.client_algo_id, order_id=str(order.algo_id),
        status=status_of(CONDITIONAL, order.algo_status), filled_qty=order.actual_qty or Decimal(0), venue_at=at,
        side=side_of(order.side), conditional=True, became=number_told(order.actual_order_id),
    )  # fmt: skip


def trade_news(trade: UsdmTrade) -> TradeNews:
    """Gives an execution out of a list."""
    return TradeNews(
        symbol=trade.symbol, client_id=None, order_id=str(trade.order_id), trade_id=str(trade.id),
        side=side_of(trade.side), qty=trade.qty, price=trade.price, notional=trade.price * trade.qty,
        fee=trade.commission, fee_asset=trade.commission_asset, liquidity="maker" if trade.maker else "taker",
        venue_at=trade.time,
    )  # fmt: skip


def held_news(position: Position) -> HeldNews:
    """Gives a position; raises ConfigError where long and short are held apart (hedge mode)."""
    if position.position_side != "BOTH":
        raise ConfigError(
            f"{shown(position.symbol)} is held in hedge mode ({shown(position.position_side)}); "
            "set the account to one-way mode in the exchange's app"
        )
    amount = position.position_amt
    return HeldNews(symbol=position.symbol, qty=amount, free=amount, entry_price=position.entry_price)


def balance_news(balance: UsdmBalance) -> BalanceNews:
    """Gives an asset of the wallet."""
    free = balance.available_balance
    return BalanceNews(asset=balance.asset, free=free, locked=max(Decimal(0), balance.balance - free))


def income_news(income: Income) -> IncomeNews:
    """Gives a row of money that came or went."""
    return IncomeNews(
        income_id=f"{income.income_type}:{income.tran_id}:{income.symbol}",
        kind=_INCOME.get(income.income_type, "other"), symbol=income.symbol, amount=income.income, asset=income.asset,
        trade_id=str(income.trade_id), venue_at=income.time,
    )  # fmt: skip
