"""hot price: last prices of the live market."""

from typing import Annotated

import typer

from cli import options
from cli.show import choose, say

app = typer.Typer(add_completion=False)

_TABLE = ("symbol", "price", "bid", "ask", "change_24h_pct", "quote_volume_24h", "at")


@app.command()
def price(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="[SYMBOL]...", help="Which; all without.")] = None,
    venue: options.VenueName = None,
    config: options.Config = None,
    sets: options.Sets = None,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """Ask the live market for last price, best bid and ask, and the change and quote volume of 24 hours.

    Without symbols it lists the market in scan.quote_assets, the most traded first; --limit keeps the first. No key is
    needed. Exits 69 when the exchange cannot be reached, 2 for a symbol that it does not list.

    Example: hot price BTCUSDT ETHUSDT --venue binance-usdm
    """
    from cli.commands.trades import print_rows
    from engine.runs import lookup, settings

    used = settings.load(config, list(sets or []))
    named = options.named(symbols)
    where = lookup.venue_named(venue, used)
    with lookup.open_public(used) as binance:
        rows = lookup.prices(binance, where, named, used.scan.quote_assets)
    silent = set(named) - {row["symbol"] for row in rows}
    if silent:
        say(f"hot price: not traded within a day: {', '.join(sorted(silent))}")
    print_rows(rows[:limit], lookup.PRICE, _TABLE, choose(json_, jsonl, csv_, table), columns, None)
