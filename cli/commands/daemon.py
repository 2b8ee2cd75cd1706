"""hot daemon: the whole pipe in one process, on a schedule, until it is stopped."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import typer

from cli import options
from cli.aside import speaking_aside
from cli.commands.run import strategy_failed
from cli.news import News
from cli.pipe import Rejects
from cli.play import Bar, Decisions, Stop, Stopped, tell_market
from cli.show import say, write
from engine.errors import Exit, HotError, LedgerError
from engine.ledger.ledger import Ledger
from engine.runs import settings
from engine.runs.data import report_path
from engine.runs.market import MarketOptions, open_market
from engine.runs.progress import Progress
from engine.runs.schedule import Schedule
from engine.runs.session import Session
from engine.runs.waiting import Patience
from engine.world.supervisor import Supervisor

app = typer.Typer(add_completion=False)


@app.command()
def daemon(
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
    """Run all stages in one process until the market ends or TERM or INT comes: the same decisions as the pipe.

    Beside the stages, a schedule writes a heartbeat, keeps the HTML report fresh and looks after the ledger. A stop is
    in order and loses nothing; so does a kill: started again with the same market and ledger it goes on where it was.
    On a live market it waits where the disk is full, the ledger is locked, or the venue is away at a restart: nothing
    is entered meanwhile, and stops stay at the exchange. systemd (Type=notify, WatchdogSec=60) hears when it is ready
    and that it works.

    Without --market it watches the live market of --venue (binance-spot or binance-usdm) and trades on paper, which
    needs no key. With --live it trades with real money on the account that live.key names, into a ledger of its own,
    when live.enabled is true as well, settings are within live.step, live.evidence proves that this step may begin,
    and hot doctor finds exchange and key in order.

    Example: hot daemon --paper --market examples/session --ledger paper.db
    """
    used = options.settings_of(config, sets, posts)
    wanted = options.market_of(market, venue, symbols, since, until, speed, strict, max_lateness, keep_jumps)
    wanted = options.posts_beside(wanted, used)
    path = options.ledger_for(for_real, wanted, ledger, skip_step)
    raise typer.Exit(serve(used, wanted, path, seed, Decisions() if jsonl else None, quiet, for_real, skip_step))


def serve(
    used: settings.Settings, wanted: MarketOptions, path: Path, seed: int, decisions: Decisions | None, quiet: bool,
    for_real: bool = False, skip_step: str | None = None,
) -> int:  # fmt: skip
    """Plays a market into a ledger with the schedule beside it, then shows the report; gives the exit code."""
    with Stop() as stop, speaking_aside():
        patience = Patience(
            path, partial(options.open_books, for_real, used, wanted, path), lambda text: say(f"hot daemon: {text}")
        )
        supervisor = Supervisor(os.environ)
        while True:
            try:
                return _serve(
                    used, wanted, path, seed, decisions, quiet, for_real, skip_step, stop, patience, supervisor
                )
            except Stopped:
                return Exit.OK
            except (HotError, OSError) as error:
                # What was recorded can be read once more; a market that was piped in cannot.
                if stop.asked or wanted.path or not patience.bears(error):
                    raise
                supervisor.waits(str(error))
                with patience.noted(error):
                    if stop.wait(patience.pause_s(error)):
                        return Exit.OK


def _serve(
    used: settings.Settings, wanted: MarketOptions, path: Path, seed: int, decisions: Decisions | None, quiet: bool,
    for_real: bool, skip_step: str | None, stop: Stop, patience: Patience, supervisor: Supervisor,
) -> int:  # fmt: skip
    """Serves until the end of the market, a stop, or an error."""
    rejects = Rejects("daemon", wanted.strict)
    live = options.live_of(used, "daemon", quiet, stop, beats=for_real, together=True)
    opened = open_market(wanted, rejects.add, wait=stop.wait, with_span=not quiet, live=live, stopped=stop)
    with ExitStack() as stack:
        with stop.leaves():
            ledger, trading = stack.enter_context(options.books(for_real, used, wanted, path, skip_step))
        if not quiet:
            say(f"hot daemon: {'LIVE' if for_real else 'paper'}, ledger {path}, pid {os.getpid()}")
        session = Session(
            used, opened, ledger, seed=seed, sink=decisions, on_failure=strategy_failed, trading=trading,
            tell=None if quiet else News("hot daemon"),
        )  # fmt: skip
        patience.keep(ledger)
        schedule = Schedule(used.daemon, path, say=None if quiet else say)
        with schedule, Bar("hot daemon", quiet, opened.span) as bar:
            try:
                for now in _follow(session.play(stop), ledger, bar, schedule):
                    supervisor.worked(not now.catching_up and (trading is None or trading.recovered))
            except (LedgerError, OSError):
                for symbol in trading.unprotected if trading is not None else ():
                    say(f"hot daemon: {symbol} has no stop at the exchange; hot flatten --symbol {symbol} closes it")
                raise
        supervisor.ends()
        session.close()
        if decisions is not None:
            decisions.flush()
    _tell(path, session, stop, bar.seconds, decisions is None, quiet)
    if not quiet:
        unheard = [] if stop.asked else session.unheard(wanted.symbols)
        tell_market("hot daemon", not (session.facts or stop.asked), opened.gaps(), unheard)
    return Exit.OK if stop.asked else rejects.code()


def _follow(steps: Iterator[Progress], ledger: Ledger, bar: Bar, schedule: Schedule) -> Iterator[Progress]:
    """Gives the steps again, each after people and the ledger heard of it."""
    told = 0.0
    for now in steps:
        bar.show(now)
        clock = time.monotonic()
        # The heartbeat is fed by finished work, and written with the next cycle: a daemon that hangs falls silent.
        if clock - told >= schedule.settings.heartbeat_s:
            told = clock
            ledger.note("heartbeat", f"{int(time.time() * 1000)}")
            ledger.note("progress", f"{now.at} {now.facts} {now.ticks} {now.fills}")
        schedule.worked()
        yield now


def _tell(path: Path, session: Session, stop: Stop, seconds: float, table: bool, quiet: bool) -> None:
    from engine.runs.reporting.page import write_page
    from engine.runs.reporting.reporting import latency_in, report_of

    report = report_of(path)
    page = report_path(path)
    write_page(report, page, latency=latency_in(path))
    if not quiet:
        say(
            f"hot daemon: {'stopped' if stop.asked else 'market ended'} after {seconds:.1f} s: {session.facts} facts, "
            f"{session.turn.ticks} cycles, {session.fills} fills; ledger {path}"
        )
    if table:
        from cli.commands.report import summary

        write(summary(report))
        write(f"report: {page}\n")
    sys.stdout.flush()
