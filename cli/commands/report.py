"""hot report: trades, profit, drawdown, refusals and heat, as a table, JSON, CSV or a page; and why two runs differ."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cli import options
from cli.commands.report_divergence import divergence, write_whole
from cli.show import choose, say, table, write
from engine.errors import UsageError

if TYPE_CHECKING:
    from engine.stages.report_shape import Report

app = typer.Typer(add_completion=False)
app.command()(divergence)

#: So many rows a section of the summary has.
_ROWS = 10


@app.callback(invoke_without_command=True)
def report(
    context: typer.Context,
    ledger: options.LedgerThere = None,
    today: bool = typer.Option(False, "--today", help="This UTC day, by the clock."),
    since: options.Since = None,
    until: options.Until = None,
    html: Path | None = typer.Option(None, "--html", help="Write the page to this file and print its path."),  # noqa: B008
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table_: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """Report what a ledger's records add up to: trades, profit net of fees, drawdown, refusals by code and symbol, heat
    by dimension, state changes; for its whole time, a span, or today.

    Reads a ledger (the newest of the data folder when none is named). --table is a summary for people, --json the whole
    report as one object (--jsonl: on one line), --csv the closed trades, --html one self-contained page. A trade
    belongs to the time at which its close was known. --limit and --columns are for the trades of --csv.

    Example: hot report --ledger paper.db --html report.html
    """
    from engine.runs.backtest.results import is_whole
    from engine.runs.reporting.plain import as_plain
    from engine.runs.reporting.reporting import latency_in, ledger_or_newest, report_of
    from engine.runs.reporting.reporting import today as utc_day

    if context.invoked_subcommand is not None:
        _nothing_before(context)
        return
    if today and (since is not None or until is not None):
        raise UsageError("--today is a span of its own: leave out --since and --until")
    path = ledger_or_newest(ledger, say)
    span = utc_day() if today else options.span(since, until)
    made = report_of(path, *span)
    whole = not path.is_dir() or is_whole(path)
    if not whole:
        say("hot report: played in blocks: only what was held, entered and left is recorded; summary.json has the rest")
    if html is not None:
        from engine.runs.reporting.page import write_page

        write_page(made, html, whole=whole, latency=latency_in(path))
        write(f"{html}\n")
        return
    form = choose(json_, jsonl, csv_, table_)
    if form == "csv":
        _csv(made, columns, limit)
    elif form == "table":
        write(summary(made, whole))
        latency = latency_in(path)
        if latency is not None:
            write(f"\nCycles of the last run: {latency}\n")
    else:
        write_whole(as_plain(made), form)


def _nothing_before(context: typer.Context) -> None:
    """Raises UsageError for an option of the plain report that a command below it would not heed."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            flag = f"--{name.strip('_').replace('_', '-')}"
            raise UsageError(f"{flag} stands before {context.invoked_subcommand}, where it says nothing")


def _csv(made: "Report", columns: str | None, limit: int | None) -> None:
    from cli.commands.trades import TRADE, flat, print_rows
    from engine.runs.reporting.plain import as_plain

    print_rows([flat(row) for row in as_plain(made.trades)], TRADE, TRADE, "csv", columns, limit)


def summary(made: "Report", whole: bool = True) -> str:
    """Gives a report as small tables for people; text from data is made safe.

    `whole` says that every decision is a record: else figures of those that are none are left out.
    """
    from engine.runs.reporting.text import moment

    span = made.span
    parts = [f"{moment(span.first_at)} to {moment(span.last_at)} UTC, {made.cycles.count} cycles\n"]
    for title, rows in (
        ("", _figures(made, whole)),
        ("Profit by symbol (best and worst)", _groups(made.by_symbol)),
        ("Profit by the way out", _groups(made.by_reason)),
        ("Open positions", _positions(made)),
        (_elsewhere_title(made), _elsewhere(made)),
        ("Refusals by code", _counts(made.refusals.by_code, "code")),
        ("Refusals by filter and rule", _counts(made.refusals.by_precheck_code, "precheck_code")),
        ("Refusals by symbol", _counts(made.refusals.by_symbol, "symbol")),
        ("Heat by dimension", _heat(made) if whole else []),
        ("State changes (newest last)", _changes(made)),
    ):
        if rows:
            parts.append((f"{title}\n" if title else "") + table(rows))
    return "\n".join(parts)


def _figures(made: "Report", whole: bool) -> list[dict[str, Any]]:
    from engine.runs.reporting.text import length

    sums, money, health = made.summary, made.equity, made.health
    quote = money.quote_asset or "quote"
    before_fees = f"{_number(sums.profit_before_fees)} before fees of {_number(sums.fees)}"
    funding = (
        "funding", f"{_number(money.funding, sign=True)} {quote}",
        f"{made.funding_missing} funding times without a rate",
    )  # fmt: skip
    rows = [
        ("net profit", f"{_number(sums.net_profit, sign=True)} {quote}", before_fees),
        ("equity", f"{_number(money.end)} {quote}", f"from {_number(money.start)}"),
        ("max drawdown", f"{_number(money.max_drawdown_pct)} %", f"{_number(-money.max_drawdown)} {quote}"),
        ("closed trades", f"{sums.trades}", f"{sums.wins} won, {sums.losses} lost, {sums.ambiguous} ambiguous"),
        ("win rate", f"{_number(sums.win_rate_pct, 1)} %", f"profit factor {_number(sums.profit_factor)}"),
        ("mean trade", f"{_number(sums.mean_return_pct, sign=True)} %", f"held {length(sums.mean_hold_s)}"),
        ("fees", f"{_number(money.fees)} {quote}", f"{made.funnel.fills} fills, open positions included"),
        *([funding] if money.funding or made.funding_missing else []),
        ("open positions", f"{len(made.open_positions)}", f"{_number(money.unrealised, sign=True)} {quote} unrealised"),
    ]  # fmt: skip
    if whole:
        rows += [
            ("prechecks refused", f"{_number(health.precheck_failure_pct, 1)} %", f"{made.precheck.total} refusals"),
            ("signal coverage", f"{_number(health.signal_coverage_pct, 1)} %", f"{made.funnel.ranked} ranked"),
        ]  # fmt: skip
    return [{"figure": name, "value": value, "with": other} for name, value, other in rows]


def _groups(groups: Any) -> list[dict[str, Any]]:
    shown = list(groups) if len(groups) <= _ROWS else [*groups[: _ROWS // 2], *groups[-_ROWS // 2 :]]
    return [
        {"name": one.name, "trades": one.trades, "won": one.wins, "net_profit": _number(one.net_profit, sign=True)}
        for one in shown
    ]


def _positions(made: "Report") -> list[dict[str, Any]]:
    from engine.runs.reporting.text import length, price

    return [
        {"symbol": one.symbol, "held": length(one.hold_s), "qty": price(one.qty), "entry": price(one.entry_price),
         "last": price(one.price), "value": _number(one.value), "unrealised": _number(one.unrealised, sign=True)}
        for one in made.open_positions
    ]  # fmt: skip


def _elsewhere_title(made: "Report") -> str:
    shown = min(_ROWS, made.elsewhere_count)
    return f"Traded elsewhere on the account, in no figure above ({shown} of {made.elsewhere_count})"


def _elsewhere(made: "Report") -> list[dict[str, Any]]:
    from engine.runs.reporting.text import moment, price

    return [
        {"symbol": one.symbol, "side": one.side, "opened": moment(one.opened_at), "closed": moment(one.at),
         "qty": price(Decimal(one.qty)), "net_profit": _number(Decimal(one.net_profit), sign=True)}
        for one in made.elsewhere[-_ROWS:]
    ]  # fmt: skip


def _counts(counts: Mapping[str, int], name: str) -> list[dict[str, Any]]:
    return [{name: key, "times": count} for key, count in list(counts.items())[:_ROWS]]


def _heat(made: "Report") -> list[dict[str, Any]]:
    return [
        {"dimension": one.name, "ranked": _number(one.ranked, 1), "entered": _number(one.entered, 1)}
        for one in made.heat
    ]


def _changes(made: "Report") -> list[dict[str, Any]]:
    from engine.runs.reporting.text import moment

    return [
        {
            "at": moment(one.at),
            "scope": " ".join(filter(None, (one.scope, one.symbol))),
            "was": one.was,
            "now": one.now,
            "reason": one.reason,
        }
        for one in made.state_changes[-_ROWS:]
    ]


def _number(value: "Decimal | float | None", digits: int = 2, sign: bool = False) -> str:
    """Gives a number in signs that every terminal has, so that tables know it for one."""
    from engine.runs.reporting.text import number

    return number(value, digits, sign).replace("−", "-").replace("–", "-")
