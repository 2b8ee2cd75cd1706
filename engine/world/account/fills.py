"""Executions in order: each once, the oldest first, and what each does to what is held."""

from collections.abc import Iterable
from decimal import Decimal

from engine.world.account.account import TradeNews


def in_order(trades: Iterable[TradeNews]) -> list[TradeNews]:
    """Gives executions by time and number, each once, whoever told it how often."""
    once = {(trade.symbol, trade.trade_id): trade for trade in trades}
    # Numbers grow; a longer one is larger.
    return sorted(once.values(), key=lambda one: (one.venue_at, len(one.trade_id), one.trade_id))


def signed_qty(trade: TradeNews, base: str = "") -> Decimal:
    """Gives what an execution adds to what is held (below zero: takes away), less a fee that is paid in `base`."""
    fee = trade.fee if base and trade.fee_asset == base else Decimal(0)
    return (trade.qty if trade.side == "buy" else -trade.qty) - fee
