"""Parts of what others did on a spot account where coins of somebody's own lie beside ours."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.world.account.account import TradeNews


def of_ours(others: Iterable[TradeNews], missing: Decimal) -> list[TradeNews]:
    """Gives of sales by others what is missing of ours, out of the newest first: they sold coins of their own before.

    What they bought is theirs.
    """
    found: list[TradeNews] = []
    for trade in reversed([one for one in others if one.side == "sell"]):
        qty = min(trade.qty, missing)
        if qty > 0:
            missing -= qty
            found.append(trade if qty == trade.qty else _part(trade, qty))
    return found[::-1]


def base_of(trades: Iterable[TradeNews]) -> str:
    """Gives the coin that purchases were charged in, where they were: such fees never came in."""
    return next((one.fee_asset for one in trades if one.fee_asset and one.symbol.startswith(one.fee_asset)), "")


def _part(trade: TradeNews, qty: Decimal) -> TradeNews:
    share = qty / trade.qty
    return msgspec.structs.replace(
        trade, qty=qty, notional=round(trade.notional * share, 8), fee=round(trade.fee * share, 8)
    )
