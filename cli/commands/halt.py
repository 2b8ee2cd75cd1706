"""hot halt: stop new entries, in every process on the ledger."""

from pathlib import Path
from typing import Literal

import typer

from cli import options
from cli.show import say, write

app = typer.Typer(add_completion=False)


@app.command()
def halt(
    ledger: options.LedgerThere = None,
    reason: str = typer.Option("", "--reason", help="Why; kept in the ledger."),
) -> None:
    """Stop new entries: leaves a request in the ledger that its run obeys at its next tick, until hot resume.

    Open positions are still watched and left by their plans. It says whether a run is alive; when none is, the request
    is in force from the next run on.

    Example: hot halt --reason "exchange maintenance"
    """
    write(asked(ledger, "halt", reason))


def asked(named: Path | None, action: Literal["halt", "resume"], reason: str) -> str:
    """Leaves the operator's request in a ledger; gives what will come of it, in one line."""
    import time

    from engine.ledger.lease import lease_holder
    from engine.ledger.requests import request
    from engine.runs.reporting.reporting import ledger_or_newest

    path = ledger_or_newest(named, say)
    request(path, action, reason, time.time_ns() // 1_000_000)
    holder = lease_holder(path)
    if holder is None:
        return f"{action} requested; no run is alive on {path}: it is in force from the next run on\n"
    return f"{action} requested; the run with pid {holder.pid} obeys at its next tick\n"
