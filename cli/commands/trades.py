"""hot trades: list fills and closed trades."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from cli import options
from cli.show import choose, say, show
from engine.errors import UsageError

app = typer.Typer(add_completion=False)

TRADE = (
    "closed_at", "symbol", "strategy", "opened_at", "hold_s", "qty", "entry_price", "exit_price", "pnl", "return_pct",
    "fees", "funding", "heat", "reasons", "ambiguous", "dust", "venue", "known_at",
)  # fmt: skip
_TRADE_TABLE = (
    "closed_at", "symbol", "opened_at", "held", "qty", "entry_price", "exit_price", "pnl", "return_pct", "fees", "heat",
    "reasons",
)  # fmt: skip
FILL = (
    "at", "symbol", "side", "purpose", "reason", "qty", "price", "notional", "fee", "fee_asset", "liquidity",
    "ambiguous", "venue", "venue_at", "trade_id", "client_id",
)  # fmt: skip
_FILL_TABLE = FILL[:11]


@app.command()
def trades(
    ledger: options.LedgerThere = None,
    fills: bool = typer.Option(False, "--fills", help="List each fill instead of closed trades."),
    since: options.Since = None,
    until: options.Until = None,
    symbols: options.Symbols = None,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """List closed trades, oldest first, with what each earned net of fees and why it was left; or, with --fills, each
    fill.

    Reads a ledger (the newest of the data folder when none is named). A trade belongs to the time at which its close
    was known. --limit keeps the newest. Times are epoch ms, in tables UTC; money is in the quote asset.

    Example: hot trades --ledger paper.db --symbol ETCUSDT --columns closed_at,pnl,reasons --csv
    """
    from engine.runs.reporting.reporting import ledger_or_newest

    path = ledger_or_newest(ledger, say)
    span = options.span(since, until)
    rows = _fills(path, *span) if fills else _trades(path, *span)
    if symbols:
        wanted = {symbol.upper() for symbol in symbols}
        rows = [row for row in rows if row["symbol"].upper() in wanted]
    form = choose(json_, jsonl, csv_, table)
    whole, short = (FILL, _FILL_TABLE) if fills else (TRADE, _TRADE_TABLE)
    print_rows(rows, whole, short, form, columns, limit)


def print_rows(
    rows: Sequence[Mapping[str, Any]], whole: Sequence[str], short: Sequence[str], form: str, columns: str | None,
    limit: int | None,
) -> None:  # fmt: skip
    """Prints the newest `limit` rows: `whole` columns for machines, `short` ones in tables, or those asked for.

    Raises UsageError for a column that is none.
    """
    named = options.column_list(columns)
    known = [*whole, *(name for name in short if name not in whole)]
    for name in named or ():
        if name not in known:
            raise UsageError(f"--columns: there is no column {name!r}; there are {', '.join(known)}")
    if limit is not None:
        rows = rows[len(rows) - min(limit, len(rows)) :]
    if form == "table":
        rows = [_for_people(row) for row in rows]
    show(rows, form, named or (short if form == "table" else whole))  # type: ignore[arg-type]


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """Gives a trade or position as one flat row: reasons joined, and how long it was held in words."""
    from engine.runs.reporting.text import length

    joined = {"reasons": "+".join(row["reasons"])} if "reasons" in row else {}
    return {**row, **joined, "held": length(row["hold_s"])}


def _for_people(row: Mapping[str, Any]) -> dict[str, Any]:
    from engine.runs.reporting.text import moment

    style = "%Y-%m-%d %H:%M:%S"
    return {
        name: moment(value, style) if (name == "at" or name.endswith("_at")) and isinstance(value, int) else value
        for name, value in row.items()
    }


def _trades(path: Path, since: int | None, until: int | None) -> list[dict[str, Any]]:
    from engine.runs.reporting.plain import as_plain
    from engine.runs.reporting.reporting import TRADES_ONLY, report_of

    return [flat(row) for row in as_plain(report_of(path, since, until, TRADES_ONLY).trades)]


def _fills(path: Path, since: int | None, until: int | None) -> list[dict[str, Any]]:
    from engine.ledger.ledger import Ledger
    from engine.records.trades import Fill
    from engine.records.wire import decode

    rows = []
    with Ledger.read(path) as ledger:
        for _, line in ledger.lines(kinds=["fill"], since=since, until=until):
            fill = decode(line)
            if isinstance(fill, Fill):
                rows.append({name: getattr(fill, name) for name in FILL})
    return rows
