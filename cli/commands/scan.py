"""hot scan: watch the whole market for coins that heat up."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import typer

from cli import options
from cli.news import News
from cli.pipe import Output, Rejects, stdin_is_market
from cli.show import say
from engine.plugs import Entry
from engine.records.base import Record
from engine.records.desk import Alert, End, Run
from engine.records.market import Tick
from engine.records.tickers import Tickers
from engine.records.wire import FACTS, encode
from engine.runs.begin import start_run
from engine.runs.market import Market as MarketOf
from engine.runs.market import MarketOptions, open_market
from engine.runs.settings import Settings
from engine.stages.intake import Intake
from engine.stages.recent import PRICE_KINDS
from engine.stages.scan import Scan

app = typer.Typer(add_completion=False)


@app.command()
def scan(
    market: options.Markets = None,
    ledger: options.Ledger = None,
    for_real: bool = typer.Option(
        False, "--live", help="Begin a pipe that ends in hot order --live; both name the same --ledger."
    ),
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
    once: bool = typer.Option(False, "--once", help="End after one cycle of the live market that knows a day of it."),
    strict: options.Strict = False,
    quiet: options.Quiet = False,
) -> None:
    """Watch the whole market: rolling windows of every symbol, anomalies, and the pool of candidates that heat up.

    Gives the market's facts as records, with clock ticks and symbol rules put in where they are missing; before each
    tick the anomalies and candidates of its cycle. The tick tells the reason code of every other symbol. Without
    --market it watches the live market of --venue (binance-spot or binance-usdm), which needs no key. With --posts
    what is said of coins counts too, and with scan.inputs=announcement what the exchange announces.

    With --live it begins a pipe whose orders go to an account: what the account tells comes back to it and goes down
    the pipe like any other fact, and after a kill the pipe first tells again what was recorded beside --ledger.

    Example: hot scan --market examples/session | hot rank | hot signal | hot precheck | hot order --paper
    """
    used = options.settings_of(config, sets, posts)
    paths = market if for_real or once else _market_paths(market, used.posts.path)
    wanted = options.market_of(paths, venue, symbols, since, until, speed, strict, max_lateness, keep_jumps)
    wanted = options.posts_beside(wanted, used)
    live_ledger = options.check_live(wanted, ledger) if for_real else None
    raise typer.Exit(_scan(used, wanted, ledger, seed, once, quiet, live_ledger))


def _market_paths(market: list[str] | None, posts: str) -> list[str] | None:
    return ["-"] if not market and posts != "-" and stdin_is_market() else market


def _scan(
    used: Settings, wanted: MarketOptions, ledger: Path | None, seed: int, once: bool, quiet: bool,
    live_ledger: Path | None,
) -> int:  # fmt: skip
    output, rejects = Output(), Rejects("scan", wanted.strict)
    wait = _waiter(output)
    live = options.live_of(used, "scan", quiet, once=once, beats=live_ledger is not None, together=True)
    opened = open_market(wanted, rejects.add, wait=wait, before_wait=output.flush, live=live)
    stage = Scan(used.scan, used.heat)
    with ExitStack() as closing:
        if live_ledger is not None:
            run, entries = _begin_live(used, opened, live_ledger, seed, stage, closing)
        else:
            run, entries = _begin(used, opened, ledger, seed, closing)
        output.write(encode(run))
        dirty = hand_on(used, opened, stage, entries, output, rejects, None if quiet else News("hot scan"))
    _tell_dirty(dirty, quiet)
    return rejects.code()


def _begin(
    used: Settings, opened: MarketOf, ledger: Path | None, seed: int, closing: ExitStack
) -> tuple[Run, Iterator[Entry]]:
    entries, first_at = begun(_closed(opened.source.facts(), closing), PRICE_KINDS)
    return start_run(used, opened, seed, ledger, first_at), entries


def _begin_live(
    used: Settings, opened: MarketOf, ledger: Path, seed: int, stage: Scan, closing: ExitStack
) -> tuple[Run, Iterator[Entry]]:
    from engine.runs.begin_live import LiveHead, live_past
    from engine.world.way_back import Hearing

    past = live_past(used, opened, ledger)
    hearing = closing.enter_context(Hearing())
    head = LiveHead(opened.source, past, hearing, stage.coins.newest_minutes)
    entries, first_at = begun(_closed(head.facts(), closing), FACTS)
    return past.run(used, opened, seed, first_at, str(hearing.path)), entries


def _closed(facts: Iterator[Entry], closing: ExitStack) -> Iterator[Entry]:
    """Gives the facts; a live source has a thread behind it that must not outlive an error here."""
    close = getattr(facts, "close", None)
    if close is not None:
        closing.callback(close)
    return facts


def hand_on(
    used: Settings, opened: MarketOf, stage: Scan, entries: Iterator[Entry], output: Output, rejects: Rejects,
    news: News | None,
) -> dict[str, int]:  # fmt: skip
    """Hands on a market's facts with what is said about them; gives, by kind, those that made no sense."""
    intake = Intake(used.scan.cycle_s, opened.snapshot)

    def pass_on(record: Record, line: bytes | None) -> None:
        if isinstance(record, Tick):
            made = stage.take(record)
            for one in made:
                output.write(encode(one))
            output.flush()
            return
        if isinstance(record, Tickers):
            output.write_block(record.lines()[:-1], len(record))
            stage.take(record)
            return
        output.write(line if line is not None else encode(record))
        if record.kind in stage.wants:
            stage.take(record)

    last_at = 0
    for entry in entries:
        if entry.record is None:
            if entry.line is not None:
                output.write(entry.line)
            continue
        if entry.record.kind in ("run", "end"):
            continue
        if news is not None and isinstance(entry.record, Alert) and entry.line is None:
            news(entry.record)  # of a recorded market they are old news
        for record in apart(entry.record, intake):
            for before in intake.before(record):
                pass_on(before, None)
            pass_on(record, entry.line)
        last_at = max(last_at, entry.record.at)
    output.write(encode(End(at=last_at, stage="scan", records=output.records, skipped=rejects.count)))
    output.flush()
    return stage.state.market.dirty


def apart(record: Record, intake: Intake) -> Sequence[Record]:
    """Gives a record; tickers that came together one by one, where rules have to be put in between."""
    if isinstance(record, Tickers) and not intake.knows(record):
        return record.records()
    return (record,)


def begun(facts: Iterator[Entry], kinds: frozenset[str]) -> tuple[Iterator[Entry], int]:
    """Gives the facts again, and the time of the first one of some kinds (0 where there is none)."""
    seen: list[Entry] = []
    for entry in facts:
        seen.append(entry)
        if entry.record is not None and entry.record.kind in kinds:
            return chain(seen, facts), entry.record.at
    return iter(seen), 0


def _waiter(output: Output) -> Callable[[float], bool]:
    def wait(seconds: float) -> bool:
        output.flush()
        time.sleep(seconds)
        return False

    return wait


def _tell_dirty(dirty: dict[str, int], quiet: bool) -> None:
    if dirty and not quiet:
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(dirty.items()))
        say(f"hot scan: facts that made no sense and were not counted in any window: {told}")
