"""hot sync: compare a live ledger with the account at the exchange, and book what differs."""

from typing import Any

import typer

from cli import options
from cli.commands.trades import print_rows
from cli.play import Stop
from cli.show import choose, say

app = typer.Typer(add_completion=False)

ROW = (
    "kind", "at", "symbol", "what", "ours", "theirs", "status", "side", "reason", "qty", "price", "filled_qty", "code",
    "client_id", "trade_id", "venue",
)  # fmt: skip
_TABLE = ("kind", "symbol", "what", "ours", "theirs", "status", "side", "reason", "qty", "price", "code")


@app.command()
def sync(
    ledger: options.LedgerThere = None,
    venue: options.VenueName = None,
    config: options.Config = None,
    sets: options.Sets = None,
    within: float = typer.Option(60.0, "--within", help="Give up after so many seconds.", min=1.0),
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    columns: options.Columns = None,
    quiet: options.Quiet = False,
) -> None:
    """Look up every order of a live ledger that is not over, compare holdings and orders, and book what differs.

    The exchange's word counts: what was traded elsewhere is booked with its own price and fee, what is held and was not
    known is adopted, and orders of ours that nobody follows are cancelled. Doing it again changes nothing. A daemon
    does the same at its start and every half a minute; while one runs, this is refused. Exit 75: an order is in doubt.

    Example: hot sync --ledger live.db --venue binance-usdm
    """
    from engine.errors import UsageError
    from engine.records.wire import encode
    from engine.runs import settings
    from engine.runs.sync import sync as compare

    if ledger is None:
        raise UsageError("hot sync needs the live ledger: name it with --ledger live.db")
    used = settings.load(config, list(sets or []))
    with Stop() as stop:
        synced = compare(used, venue or used.live.venue, ledger, within, stop, say)
    rows: list[dict[str, Any]] = [_plain(encode(record)) for record in synced.news]
    print_rows(rows, ROW, _TABLE, choose(json_, jsonl, csv_, table), columns, None)
    if not quiet:
        differ = sum(row["kind"] == "reconcile_diff" for row in rows)
        say(f"hot sync: {differ} differences booked, {synced.open_orders} orders open; ledger {ledger}")


def _plain(line: bytes) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(line)
    return {name: found.get(name) for name in ROW} | {"kind": found["kind"]}
