"""What the page of a backtest has besides that of a report: risk figures, heat against what came, stuck positions."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from engine.runs.reporting.charts import bar
from engine.runs.reporting.text import Cell, amount, cell, html, moment, number, section, table


def sections(summary: Mapping[str, Any]) -> str:
    """Gives the sections as markup."""
    return _warnings(summary) + _figures(summary) + _heat(summary["heat_ahead"])


def _warnings(summary: Mapping[str, Any]) -> str:
    made = ""
    if not summary["complete"]:
        made += section("Not complete", f"<p>It was stopped at {html(moment(summary['reached_at']))} UTC.</p>")
    if summary["stuck_positions"]:
        rows = [
            (cell(one["symbol"], "t"), cell(one["qty"], "n"), cell(one["last_price"], "n"),
             cell(moment(one["last_price_at"]), "t"), cell(one["status"]), cell(one["value"], "n"))
            for one in summary["stuck_positions"]
        ]  # fmt: skip
        heads = ("symbol", "quantity", "last price", "of", "status", "value")
        note = (
            "They could not be left: no price came any more, or trading ended. Equity counts them at the last price; "
            f"without them it ends at {number(Decimal(summary['end_equity_without_stuck']))}."
        )
        made += section("Stuck positions", table(heads, rows, (1, 2, 5)), note)
    if summary["funding_missing"]:
        times = number(summary["funding_missing"], 0)
        note = "The market has no rate for them: nothing was charged."
        made += section("Funding that is missing", f"<p>{times} funding times were held through. {note}</p>")
    holes, missing = summary["gaps"]["holes"], summary["gaps"]["missing"]
    if holes:
        are = "candle is" if missing == 1 else "candles are"
        told = f"{number(missing, 0)} {are} missing, in {number(holes, 0)} {'hole' if holes == 1 else 'holes'}."
        made += section("Holes", f"<p>{told} Nothing was filled in; a symbol is cold after one.</p>")
    return made


def _figures(summary: Mapping[str, Any]) -> str:
    exposure = summary["exposure"]
    facts = [
        ("Sharpe", number(summary["sharpe"])), ("Sortino", number(summary["sortino"])),
        ("Growth a year", f"{number(summary['cagr_pct'])} %"), ("Calmar", number(summary["calmar"])),
        ("Volatility a year", f"{number(summary['annual_vol_pct'])} %"),
        ("Something was held", f"{number(exposure['time_held_pct'], 1)} % of the time"),
        ("Mean share of equity at work", f"{number(exposure['mean_pct'], 1)} %"),
        ("Most positions at once", number(exposure["most_positions"], 0)),
        ("Funding", f"{summary['funding']} in {number(summary['funding_payments'], 0)} payments"),
    ]  # fmt: skip
    rows = "".join(f"<dt>{html(name)}</dt><dd>{html(value)}</dd>" for name, value in facts)
    note = (
        f"From {summary['periods']} returns of {summary['period']}, {summary['periods_a_year']} of which make a year: "
        f"{number(summary['days'], 1)} days say little of a year. Less than 30 have no growth a year, nor Calmar."
    )
    return section("Risk and exposure", f'<dl class="facts">{rows}</dl>', note)


def _heat(heat: Mapping[str, Any] | None) -> str:
    title = "Heat and what came of it"
    if heat is None:
        note = "Played in blocks: only entries that were asked for are recorded. --path records says it of all."
        return section(title, f'<p class="soft">{note}</p>')
    steps = heat["steps"]
    if not steps:
        return section(title, '<p class="soft">No ranked candidate had a price an hour later.</p>')
    low = min(0.0, *(one["mean_pct"] for one in steps))
    high = max(0.0, *(one["mean_pct"] for one in steps))
    rows = [
        (cell(f"{one['low']}–{one['high']}", "t"), Cell(bar(one["mean_pct"], low, high), "bar"),
         amount(one["mean_pct"], 3, sign=True), amount(one["rose_pct"], 1), amount(one["ranked"], 0))
        for one in steps
    ]  # fmt: skip
    note = "Every ranked candidate, entered or not; samples a minute apart overlap, so they are fewer than they seem."
    return section(title, table(("heat", "", "mean % after an hour", "rose %", "ranked"), rows, (2, 3, 4)), note)
