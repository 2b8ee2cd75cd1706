"""hot rank: score each candidate's heat in six dimensions and keep the top."""

import typer

from cli import options
from cli.pipe import run_filter
from engine.records.desk import Run

app = typer.Typer(add_completion=False)


@app.command()
def rank(
    config: options.Config = None,
    sets: options.Sets = None,
    top: int | None = typer.Option(None, "--top", help="How many candidates to keep (rank.top)."),
    strict: options.Strict = False,
    require_end: options.RequireEnd = False,
    idle_timeout: options.IdleTimeout = None,
    quiet: options.Quiet = False,
) -> None:
    """Score each candidate's heat, 0 to 100, in six dimensions (announcement, social, sentiment, momentum, liquidity,
    safety), each shown with its inputs, and keep the top.

    Reads candidates and ticks; gives candidate_snapshot records, and a refusal for each candidate that was outranked.
    Every other record is handed on untouched. It must see a whole cycle before it ranks it.

    Example: hot scan --market examples/session | hot rank | jq -c 'select(.kind=="candidate_snapshot")'
    """
    from engine.runs import manifest, settings
    from engine.stages.rank import Rank

    given = [*(sets or []), *([f"rank.top={top}"] if top is not None else [])]
    own = settings.load(config, given)

    def make(run: Run | None) -> Rank:
        used = manifest.settings_for(run, own, given)
        return Rank(used.rank, used.heat)

    code = run_filter(
        "rank", make, Rank.wants, strict=strict, require_end=require_end, idle_timeout=idle_timeout, quiet=quiet
    )
    raise typer.Exit(code)
