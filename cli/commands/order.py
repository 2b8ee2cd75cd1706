"""hot order: trade what passed, on paper, and leave positions by their plans."""

from typing import Any

import typer

from cli import options
from cli.pipe import run_filter
from cli.show import say
from engine.ledger.ledger import Ledger
from engine.records.desk import Run
from engine.records.wire import at_of
from engine.runs import manifest, settings
from engine.runs.data import fresh_ledger
from engine.runs.owner import Owner

app = typer.Typer(add_completion=False)


@app.command()
def order(
    paper: options.Paper = True,
    ledger: options.Ledger = None,
    config: options.Config = None,
    sets: options.Sets = None,
    strict: options.Strict = False,
    require_end: options.RequireEnd = False,
    idle_timeout: options.IdleTimeout = None,
    quiet: options.Quiet = False,
) -> None:
    """Trade what passed precheck on the paper venue, and leave positions by their plans on each fact that triggers one.

    Reads intents, facts and ticks; gives order_attempt, order_result, fill, position, state_change and, each cycle, one
    cycle record. Every decision that passes is kept in the ledger; an intent is durable before it is sent. Without
    --ledger a fresh one is made, and its path printed.

    Example: hot scan --market S | hot rank | hot signal | hot precheck | hot order --paper --ledger paper.db
    """
    given = list(sets or [])
    own = settings.load(config, given)
    owners: list[Owner] = []

    def make(run: Run | None) -> Owner:
        used = manifest.settings_for(run, own, given)
        path = ledger if ledger is not None else fresh_ledger("paper")
        if ledger is None and not quiet:
            say(f"hot order: ledger {path}")
        owners.append(Owner(used, run, Ledger.open(path, mode="paper", venue="paper")))
        return owners[-1]

    def keep(owner: Any, kind: str, line: bytes) -> None:
        owner.keep_line(kind, line, at_of(line))

    try:
        code = run_filter(
            "order", make, Owner.wants, strict=strict, require_end=require_end, idle_timeout=idle_timeout,
            keep_line=keep, quiet=quiet,
        )  # fmt: skip
    finally:
        for owner in owners:
            owner.close()
    raise typer.Exit(code)
