"""hot symbols: what the live market lists."""

from typing import Annotated

import typer

from cli import options
from cli.show import choose

app = typer.Typer(add_completion=False)

_TABLE = ("symbol", "status", "tick", "step", "min_qty", "min_notional", "quote_volume_24h", "onboard_at")

Quotes = Annotated[list[str] | None, typer.Option("--quote", help="Only in this quote asset; may be repeated.")]
Statuses = Annotated[list[str] | None, typer.Option("--status", help="Only with this status, as TRADING; repeatable.")]
MinVolume = Annotated[
    float | None, typer.Option("--min-volume", help="Only with so much quote volume in 24 hours.", min=0)
]


@app.command()
def symbols(
    venue: options.VenueName = None,
    quotes: Quotes = None,
    statuses: Statuses = None,
    min_volume: MinVolume = None,
    config: options.Config = None,
    sets: options.Sets = None,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """List the symbols of the live market by name: status, tick and step, minimum quantity and notional, quote volume
    of 24 hours, and since when a perpetual is traded.

    No key is needed. --limit keeps the first. Exits 69 when the exchange cannot be reached.

    Example: hot symbols --quote USDT --status TRADING --min-volume 1e6 --csv
    """
    from cli.commands.trades import print_rows
    from engine.runs import lookup, settings

    used = settings.load(config, list(sets or []))
    where = lookup.venue_named(venue, used)
    with lookup.open_public(used) as binance:
        rows = lookup.listed(
            binance, where, quotes=[one.upper() for one in quotes or ()],
            statuses=[one.upper() for one in statuses or ()], min_volume=min_volume,
        )  # fmt: skip
    print_rows(rows[:limit], lookup.SYMBOL, _TABLE, choose(json_, jsonl, csv_, table), columns, None)
