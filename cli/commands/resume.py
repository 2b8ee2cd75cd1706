"""hot resume: allow entries again."""

import typer

from cli import options
from cli.commands.halt import asked
from cli.show import write

app = typer.Typer(add_completion=False)


@app.command()
def resume(
    ledger: options.LedgerThere = None,
    reason: str = typer.Option("", "--reason", help="Why; kept in the ledger."),
) -> None:
    """Allow entries again: leaves a request in the ledger that its run obeys at its next tick.

    It ends a halt, the cool-down after risk level L5, and what else blocks entries until somebody has looked: the
    breakers of exchanges that failed too often, for every process here. It says whether a run is alive; when none is,
    the request is in force from the next run on.

    Example: hot resume --ledger paper.db
    """
    from engine.runs.data import close_breakers

    write(asked(ledger, "resume", reason))
    close_breakers()
