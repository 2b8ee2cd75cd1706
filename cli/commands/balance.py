"""hot balance: what the account at the exchange holds."""

import typer

from cli import options
from cli.show import choose

app = typer.Typer(add_completion=False)

_TABLE = ("asset", "free", "locked", "total", "unrealised")


@app.command()
def balance(
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
    """List what the account of --venue holds, by asset: what is free, locked in orders, both together, and for
    perpetuals what open positions have won or lost. It only reads.

    The key comes from where live.key says: env (HOT_BINANCE_API_KEY and HOT_BINANCE_API_SECRET), keyring, or a file
    of mode 0600; never from the command line. Exits 77 when it is missing, a placeholder or refused, 69 when the
    exchange cannot be reached.

    Example: hot balance --venue binance-spot --set live.key=~/.config/hot/binance.toml
    """
    from cli.commands.trades import print_rows
    from engine.runs import lookup, settings

    used = settings.load(config, list(sets or []))
    where = lookup.venue_named(venue, used)
    with lookup.open_account(used) as binance:
        rows = lookup.balances(binance, where)
    print_rows(rows[:limit], lookup.BALANCE, _TABLE, choose(json_, jsonl, csv_, table), columns, None)
