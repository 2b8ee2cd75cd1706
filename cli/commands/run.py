"""hot run: the whole pipe in one process, once over its market."""

import sys
from pathlib import Path

import typer

from cli import options
from cli.aside import speaking_aside
from cli.news import News
from cli.pipe import Rejects
from cli.play import Bar, Decisions, Stop, drive, tell_market
from cli.show import say
from engine.errors import Exit
from engine.runs import settings
from engine.runs.market import MarketOptions, open_market
from engine.runs.session import Session

app = typer.Typer(add_completion=False)


@app.command()
def run(
    market: options.Markets = None,
    paper: options.Paper = True,
    for_real: options.ForReal = False,
    skip_step: options.SkipStep = None,
    ledger: options.Ledger = None,
    venue: options.VenueName = None,
    config: options.Config = None,
    sets: options.Sets = None,
    since: options.Since = None,
    until: options.Until = None,
    symbols: options.Symbols = None,
    speed: options.Speed = "max",
    max_lateness: options.Lateness = 0,
    posts: options.Posts = None,
    keep_jumps: options.KeepJumps = False,
    seed: options.Seed = 0,
    strict: options.Strict = False,
    jsonl: options.Jsonl = False,
    quiet: options.Quiet = False,
) -> None:
    """Run scan, rank, signal, precheck and order in one process, once over a market: the same decisions as the pipe.

    Decisions go to stdout as JSONL when it is no terminal (or with --jsonl); a summary goes to stderr. Stopped and
    started again with the same market and ledger, it goes on where it was.

    Example: hot run --market examples/session --paper --ledger paper.db
    """
    used = options.settings_of(config, sets, posts)
    wanted = options.market_of(market, venue, symbols, since, until, speed, strict, max_lateness, keep_jumps)
    wanted = options.posts_beside(wanted, used)
    path = options.ledger_for(for_real, wanted, ledger, skip_step)
    decisions = Decisions() if jsonl or not sys.stdout.isatty() else None
    raise typer.Exit(play(used, wanted, path, seed, decisions, quiet, for_real, skip_step))


def play(
    used: settings.Settings, wanted: MarketOptions, path: Path, seed: int, decisions: Decisions | None, quiet: bool,
    for_real: bool = False, skip_step: str | None = None,
) -> int:  # fmt: skip
    """Plays a market into a ledger and tells what came of it; gives the exit code."""
    rejects = Rejects("run", wanted.strict)
    with Stop() as stop, speaking_aside():
        live = options.live_of(used, "run", quiet, stop, beats=for_real, together=True)
        opened = open_market(wanted, rejects.add, wait=stop.wait, with_span=not quiet, live=live, stopped=stop)
        with options.books(for_real, used, wanted, path, skip_step) as (ledger, trading):
            session = Session(
                used, opened, ledger, seed=seed, sink=decisions, on_failure=strategy_failed, trading=trading,
                tell=None if quiet else News("hot run"),
            )  # fmt: skip
            with Bar("hot run", quiet, opened.span) as bar:
                drive(session.play(stop), bar)
            session.close()
            if decisions is not None:
                decisions.flush()
    if not quiet:
        say(
            f"hot run: {'stopped' if stop.asked else 'done'} in {bar.seconds:.1f} s: {session.facts} facts, "
            f"{session.turn.ticks} cycles, {session.fills} fills; ledger {path}"
        )
        unheard = [] if stop.asked else session.unheard(wanted.symbols)
        tell_market("hot run", not (session.facts or stop.asked), opened.gaps(), unheard)
    if stop.asked:
        return Exit.OK
    return rejects.code()


def strategy_failed(symbol: str, stack: str) -> None:
    """Tells of a strategy that failed on one symbol; the others went on."""
    say(f"hot: the strategy failed on {symbol}; the others went on")
    for line in stack.rstrip().splitlines():
        say(f"  {line}")
