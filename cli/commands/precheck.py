"""hot precheck: hold each signal against the exchange's filters and the risk rules."""

import typer

from cli import options
from cli.pipe import run_filter
from engine.records.desk import Run

app = typer.Typer(add_completion=False)


@app.command()
def precheck(
    config: options.Config = None,
    sets: options.Sets = None,
    strict: options.Strict = False,
    require_end: options.RequireEnd = False,
    idle_timeout: options.IdleTimeout = None,
    quiet: options.Quiet = False,
) -> None:
    """Hold each signal against the exchange's filters first, then risk, capital and the engine's state.

    Reads signals, facts and ticks; gives an intent for what passes and a refusal, with code, value and limit, for what
    does not. It follows the paper venue by itself, so a file may stand between any two stages; in a live pipe it
    follows what the account tells, which comes down the pipe.

    Example: hot precheck < signals.jsonl | jq -c 'select(.kind=="refusal")'
    """
    from engine.runs import manifest, settings
    from engine.runs.pipeline import make_precheck
    from engine.stages.live_order import ACCOUNT_KINDS
    from engine.stages.precheck import Precheck

    given = list(sets or [])
    own = settings.load(config, given)

    def make(run: Run | None) -> Precheck:
        used = manifest.settings_for(run, own, given)
        if run is None or run.mode == "paper":
            return make_precheck(used, run)
        from engine.runs.live import setup_of

        return make_precheck(used, run, live=setup_of(used, str(run.market.get("stream"))))

    code = run_filter(
        "precheck", make, Precheck.wants | ACCOUNT_KINDS, strict=strict, require_end=require_end,
        idle_timeout=idle_timeout, quiet=quiet,
    )  # fmt: skip
    raise typer.Exit(code)
