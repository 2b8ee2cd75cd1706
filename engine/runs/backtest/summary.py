"""The summary of a backtest: every figure of it, from its trades, its account and its refusals."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.matching.units import plain
from engine.records.base import figure
from engine.runs.backtest.account import DAY_MS, exposure_of, performance_of
from engine.runs.backtest.outcome import Held, Mark, Result
from engine.runs.reporting.plain import as_plain
from engine.stages.report_shape import Report

#: A position whose last price is older than this at the end has no market any more.
STUCK_MS = 3_600_000


def summary_of(
    report: Report, result: Result, rows: Sequence[Mark], heat: dict[str, Any], kinds: Mapping[str, int]
) -> dict[str, Any]:
    """Gives the summary as plain JSON values; money as decimal strings in the quote asset, times in epoch ms.

    `report` is that of all decisions with the account's equity in it, `rows` the account. `kinds` counts the records.
    `funding_missing` counts the funding times that a perpetual was held through without a rate in the market.
    """
    money = report.equity
    first, last = (rows[0].at, rows[-1].at) if rows else (None, None)
    stuck = stuck_of(result)
    lost = sum((Decimal(one["value"]) for one in stuck), Decimal(0))
    return {
        "complete": result.complete, "first_at": first, "last_at": last, "reached_at": result.reached or None,
        "days": figure((last - first) / DAY_MS, 4) if first is not None and last is not None else 0,
        "quote_asset": money.quote_asset, "start_equity": plain(money.start), "end_equity": plain(money.end),
        "return_pct": figure(float(money.end / money.start - 1) * 100.0) if money.start > 0 else None,
        **as_plain(report.summary), "ambiguous_pct": report.health.ambiguous_pct,
        "funding": plain(money.funding), "funding_facts": kinds.get("funding", 0),
        "funding_payments": kinds.get("funding_payment", 0), "funding_missing": report.funding_missing,
        "max_drawdown": plain(money.max_drawdown), "max_drawdown_pct": money.max_drawdown_pct,
        "max_drawdown_at": money.max_drawdown_at, **performance_of(rows, money.max_drawdown_pct or 0.0),
        "exposure": exposure_of(rows), "refusals": report.refusals.by_code,
        "refusals_by_filter_or_rule": report.refusals.by_precheck_code, "by_symbol": as_plain(report.by_symbol),
        "by_reason": as_plain(report.by_reason), "heat_ahead": heat,
        "open_positions": as_plain(report.open_positions), "stuck_positions": stuck,
        "stuck_value": plain(lost), "end_equity_without_stuck": plain(money.end - lost),
    }  # fmt: skip


def stuck_of(result: Result) -> list[dict[str, Any]]:
    """Gives the positions that cannot be left: their symbol went silent, or its rules say it is not trading.

    The equity counts them at their last price, which nobody would pay; who reads it can take them out.
    """
    return [_stuck(held) for held in result.held if _is_stuck(held, result.reached)]


def _is_stuck(held: Held, now: int) -> bool:
    return now - held.priced_at > STUCK_MS or held.status not in ("", "TRADING")


def _stuck(held: Held) -> dict[str, Any]:
    return {
        "symbol": held.symbol, "opened_at": held.opened_at, "qty": held.qty, "last_price": held.price,
        "last_price_at": held.priced_at, "status": held.status, "value": plain(Decimal(held.qty) * Decimal(held.price)),
    }  # fmt: skip
