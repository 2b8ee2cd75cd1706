"""Sums over closed trades: win rate, profit factor, profit by symbol and by the way a trade was left."""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import msgspec

from engine.records.base import figure
from engine.stages.report_trades import Trade


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Closed trades in figures; money in the quote asset, net of fees and funding unless it says otherwise.

    A trade of zero counts in `trades`, and is neither win nor loss. `profit_factor` is gains over losses, None without
    losses; `win_rate_pct`, the means, `best` and `worst` are None without trades.
    """

    trades: int
    wins: int
    losses: int
    win_rate_pct: float | None
    profit_factor: float | None
    gross_profit: Decimal
    gross_loss: Decimal
    net_profit: Decimal
    fees: Decimal
    funding: Decimal
    funding_missing: int
    profit_before_fees: Decimal
    mean_profit: Decimal | None
    mean_return_pct: float | None
    best: Decimal | None
    worst: Decimal | None
    mean_hold_s: float | None
    ambiguous: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Trades that have something in common: `name` says what."""

    name: str
    trades: int
    wins: int
    net_profit: Decimal
    fees: Decimal


def summed(trades: Sequence[Trade]) -> Summary:
    """Gives trades in figures."""
    gains = _total(trade.pnl for trade in trades if trade.pnl > 0)
    lost = _total(trade.pnl for trade in trades if trade.pnl < 0)
    fees = _total(trade.fees for trade in trades)
    wins = len([trade for trade in trades if trade.pnl > 0])
    pnls = [trade.pnl for trade in trades]
    return Summary(
        trades=len(trades), wins=wins, losses=len([trade for trade in trades if trade.pnl < 0]),
        win_rate_pct=figure(100.0 * wins / len(trades)) if trades else None,
        profit_factor=figure(float(gains / -lost)) if lost else None, gross_profit=gains, gross_loss=lost,
        net_profit=gains + lost, fees=fees, funding=_total(trade.funding for trade in trades),
        funding_missing=sum(trade.funding_missing for trade in trades), profit_before_fees=gains + lost + fees,
        mean_profit=round((gains + lost) / len(trades), 8) if trades else None,
        mean_return_pct=_mean([t.return_pct for t in trades if t.return_pct is not None]),
        best=max(pnls, default=None), worst=min(pnls, default=None), mean_hold_s=_mean([t.hold_s for t in trades]),
        ambiguous=len([trade for trade in trades if trade.ambiguous]),
    )  # fmt: skip


def by_symbol(trades: Iterable[Trade]) -> tuple[Group, ...]:
    """Gives trades grouped by symbol, the most profit first."""
    return _grouped(trades, lambda trade: trade.symbol)


def by_reason(trades: Iterable[Trade]) -> tuple[Group, ...]:
    """Gives trades grouped by all the reasons they were left for, in order (`TIER_1+TRAIL`): profits add up."""
    return _grouped(trades, lambda trade: "+".join(trade.reasons))


def _grouped(trades: Iterable[Trade], name_of: Callable[[Trade], str]) -> tuple[Group, ...]:
    groups: dict[str, list[Trade]] = {}
    for trade in trades:
        groups.setdefault(name_of(trade), []).append(trade)
    rows = [
        Group(
            name=name, trades=len(members), wins=len([trade for trade in members if trade.pnl > 0]),
            net_profit=_total(trade.pnl for trade in members), fees=_total(trade.fees for trade in members),
        )
        for name, members in groups.items()
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda group: (-group.net_profit, group.name)))


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, Decimal(0))


def _mean(values: Sequence[float]) -> float | None:
    return figure(sum(values) / len(values)) if values else None
