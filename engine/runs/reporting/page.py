"""The page: a report as one HTML file that needs no network and runs no script."""

import os
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.records.codes import lookup
from engine.records.desk import Run
from engine.records.trades import StateChange
from engine.runs.latency import Latency
from engine.runs.reporting.charts import bar, bars, equity_chart, trades_chart
from engine.runs.reporting.text import (
    Cell,
    amount,
    cell,
    document,
    html,
    length,
    moment,
    number,
    price,
    section,
    table,
    tone,
)
from engine.runs.version import VERSION
from engine.stages.report_shape import Report
from engine.stages.report_sums import Group

#: So many bars and table rows are drawn; the newest stay.
TRADES_DRAWN = 300
TRADES_LISTED = 500
CHANGES_LISTED = 50
TOP = 10


def write_page(
    report: Report, path: Path, of: str = "", more: str = "", whole: bool = True, latency: Latency | None = None
) -> None:
    """Writes a report's page to a file, whole or not at all; raises ConfigError where it cannot be written."""
    if path.is_dir():
        raise ConfigError(f"{path}: a folder, so the page cannot be written there; name a file in it")
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    try:
        part.write_text(page(report, of, more, whole, latency), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ConfigError(f"{path}: the page cannot be written ({error.strerror}); name another path") from None


def page(report: Report, of: str = "", more: str = "", whole: bool = True, latency: Latency | None = None) -> str:
    """Gives a report as one HTML document; the same report gives the same bytes.

    `of` names what is reported where it is not trading, `more` is markup of sections that stand after the curve. Of
    decisions that are not the `whole` of them, those that refuse and rank are not shown. `latency` tells how long
    cycles took.
    """
    title = f"hot report {moment(report.span.first_at)} – {moment(report.span.last_at)} UTC"
    refused = [
        _counted("Refusals by code", report.refusals.by_code),
        _counted("Refusals by symbol", report.refusals.by_symbol), _filters(report),
    ]  # fmt: skip
    body = "".join((
        _header(report, of), _headline(report, whole), _curve(report, of), more,
        section("Profit of each trade", *_bars_of_trades(report)),
        '<div class="two">', _groups("Profit by symbol", report.by_symbol),
        _groups("Profit by the way out", report.by_reason), *(refused if whole else ()), "</div>",
        _heat(report) if whole else "", _trades(report), _positions(report), _elsewhere(report),
        _changes(report), _manifest(report.runs, latency),
    ))  # fmt: skip
    return document(title, body + _footer(report))


def _footer(report: Report) -> str:
    quote = html(report.equity.quote_asset or "the quote asset")
    return (
        f"<footer>hot {html(VERSION)}. Times are UTC. Money is in {quote}, net of fees. "
        "Past results say nothing of future ones.</footer>"
    )


def _header(report: Report, of: str) -> str:
    mode = report.runs[-1].mode if report.runs else "paper"
    span, count = report.span, report.cycles.count
    when = f"{moment(span.first_at)} to {moment(span.last_at)} UTC, {number(count, 0)} cycles" if count else "No cycles"
    title = of or f"{'Paper' if mode == 'paper' else 'Live'} trading"
    return f'<h1>{html(title)}</h1><p class="soft">{html(when)}</p>'


def _headline(report: Report, whole: bool) -> str:
    sums, money, health = report.summary, report.equity, report.health
    funding = f", funding {number(sums.funding, sign=True)}" if sums.funding else ""
    others = f"{len(report.open_positions)} open, {report.funnel.fills} fills"
    gained = (money.end / money.start - 1) * 100 if money.start > 0 else None
    refused = (
        "Prechecks refused", f"{number(health.precheck_failure_pct, 1)} %",
        f"signal coverage {number(health.signal_coverage_pct, 1)} %", "",
    )  # fmt: skip
    cards = [
        ("Net profit", number(sums.net_profit, sign=True), f"closed trades, fees {number(sums.fees)}{funding}",
         tone(sums.net_profit)),
        ("Equity", number(money.end), f"{number(gained, sign=True)} % in this span", ""),
        ("Max drawdown", f"{number(money.max_drawdown_pct)} %", number(-money.max_drawdown), ""),
        ("Closed trades", number(sums.trades, 0), others, ""),
        ("Win rate", f"{number(sums.win_rate_pct, 1)} %", f"{sums.wins} won, {sums.losses} lost", ""),
        ("Profit factor", number(sums.profit_factor), "gains over losses", ""),
        ("Mean trade", f"{number(sums.mean_return_pct, sign=True)} %", f"held {length(sums.mean_hold_s)}", ""),
        refused if whole else ("Fees", number(money.fees), "open positions included", ""),
    ]  # fmt: skip
    rows = "".join(
        f'<div><dt>{html(name)}</dt><dd class="{style}">{html(value)}<small>{html(small)}</small></dd></div>'
        for name, value, small, style in cards
    )
    return f'<dl class="cards">{rows}</dl>'


def _curve(report: Report, of: str) -> str:
    marks = "at each tick's price" if of else "at the last price that a record told of them"
    note = f"Realised profit, and open positions {marks}; the lower curve is the fall below the highest equity before."
    return section("Equity and drawdown", equity_chart(report.equity.points), note)


def _bars_of_trades(report: Report) -> tuple[str, str]:
    drawn = report.trades[-TRADES_DRAWN:]
    left_out = len(report.trades) - len(drawn)
    return trades_chart(drawn), f"The newest {TRADES_DRAWN}; {left_out} older ones are not drawn." if left_out else ""


def _groups(title: str, groups: Sequence[Group]) -> str:
    if not groups:
        return section(title, '<p class="soft">No closed trade.</p>')
    # The best and the worst are of interest, not the middle.
    shown = list(groups) if len(groups) <= 2 * TOP else [*groups[:TOP], *groups[-TOP:]]
    low = min(0.0, *(float(group.net_profit) for group in shown))
    high = max(0.0, *(float(group.net_profit) for group in shown))
    rows = [
        (Cell(html(group.name).replace("+", "+<wbr>"), "name"), Cell(bar(float(group.net_profit), low, high), "bar"),
         amount(group.net_profit, sign=True), Cell(f"{group.wins}/{group.trades}", "n"))
        for group in shown
    ]  # fmt: skip
    note = f"{len(groups) - len(shown)} between them are not shown." if len(groups) > len(shown) else ""
    return section(title, table(("", "", "profit", "won"), rows, (2, 3)), note)


def _counted(title: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return section(title, '<p class="soft">None.</p>')
    top = list(counts.items())[:TOP]
    rows = []
    for name, count in top:
        code = lookup(name)
        label = f'<span title="{html(code.text)}">{html(name)}</span>' if code is not None else html(name)
        rows.append((Cell(label, "name"), Cell(bar(count, 0.0, top[0][1], "tone"), "bar"), amount(count, 0)))
    note = f"{len(counts) - TOP} more with fewer." if len(counts) > TOP else ""
    return section(title, table(("", "", "times"), rows, (2,)), note)


def _filters(report: Report) -> str:
    counts = report.refusals.by_precheck_code
    return _counted("Refusals by filter and rule", counts) if counts else ""


def _heat(report: Report) -> str:
    if not report.heat:
        return section("Heat by dimension", '<p class="soft">No ranked candidate.</p>')
    rows = [
        (cell(one.name, "name"), Cell(bars((one.ranked or 0.0, one.entered or 0.0), ("all", "tone"), 100.0), "bar"),
         amount(one.ranked, 1), amount(one.entered, 1))
        for one in report.heat
    ]  # fmt: skip
    first = report.heat[0]
    key = (
        f'<p class="soft"><span class="key faint" style="margin-left:0"></span>mean of {first.ranked_count} ranked '
        f'candidates<span class="key"></span>mean of {first.entered_count} entered</p>'
    )
    return section("Heat by dimension", key + table(("", "", "ranked", "entered"), rows, (2, 3)))


def _trades(report: Report) -> str:
    if not report.trades:
        return section("Trades", '<p class="soft">No closed trade.</p>')
    listed = report.trades[-TRADES_LISTED:][::-1]
    funded = any(trade.funding for trade in listed)
    rows = [
        (cell(trade.symbol, "t"), cell(moment(trade.opened_at), "t"), cell(length(trade.hold_s), "n"),
         amount(trade.heat, 1), cell(price(trade.entry_price), "n"), cell(price(trade.exit_price), "n"),
         amount(trade.pnl, sign=True), amount(trade.return_pct, sign=True), amount(trade.fees),
         *([amount(trade.funding, sign=True)] if funded else []),
         cell(", ".join(trade.reasons) + (" (ambiguous bar)" if trade.ambiguous else ""), "t"))
        for trade in listed
    ]  # fmt: skip
    heads = (
        "symbol", "entered", "held", "heat", "entry", "exit", "profit", "%", "fees",
        *(["funding"] if funded else []), "left by",
    )  # fmt: skip
    left_out = len(report.trades) - len(listed)
    note = f"The newest {TRADES_LISTED}, newest first; hot report --csv gives all." if left_out else "Newest first."
    return section("Trades", table(heads, rows, range(2, len(heads) - 1)), note)


def _positions(report: Report) -> str:
    if not report.open_positions:
        return section("Open positions", '<p class="soft">None.</p>')
    rows = [
        (cell(one.symbol, "t"), cell(moment(one.opened_at), "t"), cell(length(one.hold_s), "n"),
         cell(price(one.qty), "n"), cell(price(one.entry_price), "n"), cell(price(one.price), "n"), amount(one.value),
         amount(one.unrealised, sign=True), amount(one.unrealised_pct, sign=True), amount(one.realised, sign=True))
        for one in report.open_positions
    ]  # fmt: skip
    heads = ("symbol", "entered", "held", "quantity", "entry", "last", "value", "unrealised", "%", "realised")
    return section("Open positions", table(heads, rows, range(2, 10)))


def _elsewhere(report: Report) -> str:
    if not report.elsewhere:
        return ""
    listed = report.elsewhere[: -TRADES_LISTED - 1 : -1]
    rows = [
        (cell(one.symbol, "t"), cell(one.side), cell(moment(one.opened_at), "t"), cell(moment(one.at), "t"),
         cell(price(Decimal(one.qty)), "n"), amount(Decimal(one.realised), sign=True),
         amount(Decimal(one.funding), sign=True), amount(Decimal(one.net_profit), sign=True))
        for one in listed
    ]  # fmt: skip
    heads = ("symbol", "side", "opened", "closed", "quantity", "realised", "funding", "net profit")
    note = f"No figure above counts them. The newest {len(rows)} of {report.elsewhere_count}, newest first."
    return section("Traded elsewhere on the account", table(heads, rows, range(4, 8)), note)


def _changes(report: Report) -> str:
    if not report.state_changes:
        return section("State changes", '<p class="soft">None: tradeable all the time.</p>')
    rows = [
        (cell(moment(one.at), "t"), cell(_of(one)), cell(f"{one.was} → {one.now}", "t"), cell(one.reason),
         cell(_against(one.value, one.limit), "n"),
         cell(moment(one.until), "t"))
        for one in report.state_changes[: -CHANGES_LISTED - 1 : -1]
    ]  # fmt: skip
    left_out = report.state_change_count - len(rows)
    note = f"Newest first; {left_out} older ones are not listed." if left_out else "Newest first."
    return section("State changes", table(("at", "of", "change", "reason", "value", "until"), rows, (4,)), note)


def _of(change: StateChange) -> str:
    return f"{change.scope} {change.symbol}" if change.symbol else change.scope


def _against(value: float | None, limit: float | None) -> str:
    if value is None:
        return "–"
    return number(value) if limit is None else f"{number(value)} against {limit:g}"


def _manifest(runs: Sequence[Run], latency: Latency | None) -> str:
    if not runs:
        return section("Manifest", '<p class="soft">The ledger holds no run record.</p>')
    run = runs[-1]
    facts: list[tuple[str, str]] = [
        ("run", run.run_id), ("version", run.version), ("mode", run.mode), ("settings", run.settings_hash),
        ("start equity", run.start_equity), ("bundled rules", run.rules_snapshot or "none"),
        ("sources of heat", ", ".join(run.sources) or "market data only"), ("platform", run.platform),
        *([("cycles took", str(latency))] if latency is not None else []),
    ]  # fmt: skip
    rows = "".join(f"<dt>{html(name)}</dt><dd><code>{html(value)}</code></dd>" for name, value in facts)
    files = [
        (cell(Path(str(file.get("path", file.get("name", "")))).name, "name"),
         Cell(f"<code>{html(file.get('sha256', ''))}</code>"))
        for file in _files(run.market)
    ]  # fmt: skip
    listed = table(("market file", "sha256"), files) if files else ""
    note = f"The newest of {len(runs)} runs." if len(runs) > 1 else ""
    return section("Manifest", f'<dl class="facts">{rows}</dl>{listed}', note)


def _files(market: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    files = market.get("files")
    return [file for file in files if isinstance(file, dict)] if isinstance(files, list) else []
