"""hot positions: list open positions."""

import typer

from cli import options
from cli.commands.trades import flat, print_rows
from cli.show import choose, say

app = typer.Typer(add_completion=False)

POSITION = (
    "symbol", "strategy", "opened_at", "hold_s", "qty", "entry_price", "price", "priced_at", "value", "unrealised",
    "unrealised_pct", "realised", "fees", "funding", "margin", "liquidation_price", "heat", "venue",
)  # fmt: skip
_TABLE = (
    "symbol", "opened_at", "held", "qty", "entry_price", "price", "value", "unrealised", "unrealised_pct", "realised",
    "heat",
)  # fmt: skip


@app.command()
def positions(
    ledger: options.LedgerThere = None,
    symbols: options.Symbols = None,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """List open positions, oldest first, valued at their prices at the last tick.

    Reads a ledger (the newest of the data folder when none is named), or the results of a backtest. `unrealised` is
    before the fees of an exit, `realised` what partial exits earned, net of all fees and funding so far. `margin` and
    `liquidation_price` are those of perpetuals that are held on margin.

    Example: hot positions --ledger paper.db
    """
    from engine.runs.reporting.plain import as_plain
    from engine.runs.reporting.reporting import last_day, ledger_or_newest, report_of

    path = ledger_or_newest(ledger, say)
    rows = [flat(row) for row in as_plain(report_of(path, *last_day(path)).open_positions)]
    if symbols:
        wanted = {symbol.upper() for symbol in symbols}
        rows = [row for row in rows if row["symbol"].upper() in wanted]
    print_rows(rows, POSITION, _TABLE, choose(json_, jsonl, csv_, table), columns, limit)
