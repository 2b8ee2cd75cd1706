"""hot flatten: cancel every order and close every position of the account, now."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli import options
from cli.show import say, write

if TYPE_CHECKING:
    from engine.runs.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
def flatten(
    ledger: options.LedgerThere = None,
    venue: options.VenueName = None,
    symbols: options.Symbols = None,
    everything: bool = typer.Option(False, "--all", help="On spot, also coins that the ledger does not hold."),
    config: options.Config = None,
    sets: options.Sets = None,
    within: float = typer.Option(30.0, "--within", help="Give up after so many seconds.", min=1.0),
    quiet: options.Quiet = False,
) -> None:
    """Cancel every order and close every position of the account, at the market; no new entry follows.

    Works beside a daemon, without one, and while entries are blocked; it leaves a halt in the ledger first. Positions
    of futures are closed by orders that may only reduce; on spot the coins that the ledger's orders bought are sold,
    and yours beside them stay. Each order is written down before it is sent; a disk that is full keeps none of them
    back. Repeats until all is flat; exit 4 says that something is left, and names it.

    Example: hot flatten --ledger live.db --venue binance-usdm
    """
    from engine.errors import UsageError
    from engine.runs import settings

    if ledger is None:
        raise UsageError("hot flatten needs the live ledger: name it with --ledger live.db")
    used = settings.load(config, list(sets or []))
    raise typer.Exit(
        _flatten(used, venue or used.live.venue, ledger, options.named(symbols), everything, within, quiet)
    )


def _flatten(
    used: "Settings", venue: str, path: Path, symbols: tuple[str, ...], everything: bool, within: float,
    quiet: bool,
) -> int:  # fmt: skip
    from engine.errors import Exit
    from engine.runs.flatten import flatten_account

    told = flatten_account(used, venue, path, symbols, everything, within, say)
    for symbol, qty in told.dust.items():
        say(f"hot flatten: {qty:f} of {symbol} is less than the exchange trades; it stays")
    if not quiet:
        say(f"hot flatten: closed {', '.join(told.closed) or 'nothing'}")
    if told.flat:
        write("flat\n")
        return Exit.OK
    left = ", ".join(f"{qty:f} {symbol}" for symbol, qty in told.remainder.items())
    say(f"hot flatten: left: {left}; run it again")
    return Exit.PARTIAL
