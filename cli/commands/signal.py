"""hot signal: ask the strategy about each ranked candidate, on several timeframes."""

import typer

from cli import options
from cli.pipe import run_filter
from cli.show import say
from engine.records.desk import Run

app = typer.Typer(add_completion=False)


@app.command()
def signal(
    config: options.Config = None,
    sets: options.Sets = None,
    strategy: str | None = typer.Option(None, "--strategy", help="A bundled strategy, or the path of a .py file."),
    strict: options.Strict = False,
    require_end: options.RequireEnd = False,
    idle_timeout: options.IdleTimeout = None,
    quiet: options.Quiet = False,
) -> None:
    """Ask the strategy about each ranked candidate, over several timeframes built from the candles that pass.

    Reads bars, tickers, candidate_snapshot records and ticks; gives a signal_snapshot with reasons for each candidate,
    and a refusal where the strategy waits. A symbol on which the strategy fails does not stop the others.

    Example: hot scan --market examples/session | hot rank | hot signal | jq -c 'select(.action=="enter")'
    """
    from engine.runs import manifest, settings
    from engine.stages.signal import Signal

    given = [*(sets or []), *([f"signal.strategy={strategy!r}"] if strategy is not None else [])]
    own = settings.load(config, given)

    def make(run: Run | None) -> Signal:
        used = manifest.settings_for(run, own, given)
        return Signal(used.signal, used.strategy, on_failure=_failed)

    code = run_filter(
        "signal", make, Signal.wants, strict=strict, require_end=require_end, idle_timeout=idle_timeout, quiet=quiet
    )
    raise typer.Exit(code)


def _failed(symbol: str, stack: str) -> None:
    say(f"hot signal: the strategy failed on {symbol}; the others went on")
    for line in stack.rstrip().splitlines():
        say(f"  {line}")
