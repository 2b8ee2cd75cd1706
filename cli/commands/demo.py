"""hot demo: run the bundled session and show what came of it."""

from pathlib import Path

import typer

from cli import options
from cli.commands.daemon import serve
from engine.errors import ConfigError
from engine.runs import settings
from engine.runs.data import fresh_ledger
from engine.runs.market import EXAMPLE, MarketOptions

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    ledger: options.Ledger = None,
    sets: options.Sets = None,
    quiet: options.Quiet = False,
) -> None:
    """Run the daemon on paper over the bundled session (real candles of April 2021) and show what came of it.

    The same as: hot daemon --paper --market examples/session

    Example: hot demo --set hotcoin.stop_pct=3
    """
    used = settings.load(None, list(sets or []))
    path = ledger if ledger is not None else fresh_ledger("demo")
    raise typer.Exit(serve(used, MarketOptions(path=str(_session())), path, 0, None, quiet))


def _session() -> Path:
    """Gives the folder of the bundled session: in the checkout, or installed beside the package."""
    for root in (Path.cwd(), Path(__file__).parent.parent.parent):
        if (root / EXAMPLE).is_dir():
            return root / EXAMPLE
    raise ConfigError(f"no {EXAMPLE} here: run hot demo in a checkout of the project")
