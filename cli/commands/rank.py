"""hot rank: score each candidate's heat in six dimensions and keep the top; or say whether heat predicted."""

from pathlib import Path

import typer

from cli import options
from cli.pipe import run_filter
from engine.errors import UsageError
from engine.records.desk import Run

app = typer.Typer(add_completion=False)


@app.command()
def rank(
    config: options.Config = None,
    sets: options.Sets = None,
    top: int | None = typer.Option(None, "--top", help="How many candidates to keep (rank.top)."),
    evaluate: bool = typer.Option(False, "--evaluate", help="Say whether heat predicted what prices did next."),
    horizons: list[str] | None = typer.Option(  # noqa: B008
        None, "--horizon", help="With --evaluate: look so far ahead (5m, 15m, 1h and 4h); may be repeated."
    ),
    market: options.Market = None,
    ledger: Path | None = typer.Option(None, "--ledger", help="With --evaluate: the ledger file."),  # noqa: B008
    seed: int = typer.Option(0, "--seed", help="With --evaluate: draws the intervals.", min=0),
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table_: options.Table = False,
    strict: options.Strict = False,
    require_end: options.RequireEnd = False,
    idle_timeout: options.IdleTimeout = None,
    quiet: options.Quiet = False,
) -> None:
    """Score each candidate's heat, 0 to 100, in six dimensions (announcement, social, sentiment, momentum, liquidity,
    safety), each shown with its inputs, and keep the top.

    Reads candidates and ticks; gives candidate_snapshot records, and a refusal for each candidate that was outranked.
    Every other record is handed on untouched. It must see a whole cycle before it ranks it.

    With --evaluate it says instead whether heat, and each dimension, told what prices did next: mean forward return,
    lift over the whole market at the same instants, hit rate and rank correlation, by bucket of heat and by horizon,
    with 95 % intervals; and what the closed trades owe to each dimension. It reads a recording (--market), a ledger
    with its facts (--ledger; with --market where they have moved), or on stdin what a pipe wrote from hot rank on. Only
    ranked candidates are observed: with --market, --top says how many a cycle. --csv prints the figures alone.

    Example: hot scan --market examples/session | hot rank | jq -c 'select(.kind=="candidate_snapshot")'

    Example: hot rank --evaluate --market examples/session --horizon 30m --table
    """
    given = [*(sets or []), *([f"rank.top={top}"] if top is not None else [])]
    if evaluate:
        from cli.commands.rank_evaluate import Wanted, evaluated

        if require_end or idle_timeout is not None:
            raise UsageError("--require-end and --idle-timeout are for the filter: leave them out with --evaluate")
        forms = (json_, jsonl, csv_, table_)
        raise typer.Exit(
            evaluated(Wanted(market, ledger, config, given, tuple(horizons or ()), seed, strict, quiet), *forms)
        )
    if market is not None or ledger is not None or horizons or seed or json_ or jsonl or csv_ or table_:
        raise UsageError("--market, --ledger, --horizon, --seed and the output formats need --evaluate")
    from engine.runs import manifest, settings
    from engine.stages.rank import Rank

    own = settings.load(config, given)

    def make(run: Run | None) -> Rank:
        used = manifest.settings_for(run, own, given)
        return Rank(used.rank, used.heat)

    code = run_filter(
        "rank", make, Rank.wants, strict=strict, require_end=require_end, idle_timeout=idle_timeout, quiet=quiet
    )
    raise typer.Exit(code)
