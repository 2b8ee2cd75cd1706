"""hot sync: compare a live ledger with the account at the exchange, and book what differs."""

from typing import Annotated, Any

import typer

from cli import options
from cli.commands.trades import print_rows
from cli.play import Stop, Stopped
from cli.show import choose, say

app = typer.Typer(add_completion=False)

ROW = (
    "kind", "at", "symbol", "what", "ours", "theirs", "status", "side", "reason", "qty", "price", "filled_qty", "code",
    "opened_at", "entry_price", "exit_price", "realised", "funding", "net_profit", "client_id", "trade_id", "venue",
)  # fmt: skip
_TABLE = ("kind", "symbol", "what", "ours", "theirs", "status", "side", "reason", "qty", "price", "net_profit", "code")


@app.command()
def sync(
    ledger: options.LedgerThere = None,
    venue: options.VenueName = None,
    config: options.Config = None,
    sets: options.Sets = None,
    within: float = typer.Option(60.0, "--within", help="Give up after so many seconds.", min=1.0),
    history: bool = typer.Option(
        False, "--history", help="Then keep what was traded elsewhere on the account in the past 7 days."
    ),
    symbols: Annotated[
        list[str] | None, typer.Option("--symbol", help="With --history: look at this symbol too; may be repeated.")
    ] = None,
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

    With --history positions that were opened and closed elsewhere in the past 7 days are kept as past_trade records,
    each once; hot report shows them, and no figure of a strategy counts them. The account names its symbols; on spot,
    where coins that are gone leave no trace, --symbol names more.

    Example: hot sync --ledger live.db --venue binance-usdm
    """
    from engine.errors import UsageError, VenueError
    from engine.records.wire import encode
    from engine.runs import settings
    from engine.runs.sync import sync as compare

    if symbols and not history:
        raise UsageError("--symbol belongs to --history: a comparison is of all that is held")
    if ledger is None:
        raise UsageError("hot sync needs the live ledger: name it with --ledger live.db")
    used = settings.load(config, list(sets or []))
    with Stop() as stop:
        named = options.named(symbols) if history else None
        try:
            synced = compare(used, venue or used.live.venue, ledger, within, stop, say, named, stop.leaves())
        except Stopped:
            raise VenueError("stopped before the account was compared; run hot sync again") from None
    rows: list[dict[str, Any]] = [_plain(encode(record)) for record in (*synced.news, *synced.past)]
    print_rows(rows, ROW, _TABLE, choose(json_, jsonl, csv_, table), columns, None)
    if not quiet:
        differ = sum(row["kind"] == "reconcile_diff" for row in rows)
        past = f", {len(synced.past)} past trades kept" if history else ""
        dust = f", dust {', '.join(synced.dust)}" if synced.dust else ""
        say(f"hot sync: {differ} differences booked, {synced.open_orders} orders open{past}{dust}; ledger {ledger}")


def _plain(line: bytes) -> dict[str, Any]:
    import json

    found: dict[str, Any] = json.loads(line)
    return {name: found.get(name) for name in ROW} | {"kind": found["kind"]}
