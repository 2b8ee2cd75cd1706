"""hot record: write a market's facts into a folder, to be replayed; or keep the candles of coins that moved."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.aside import speaking_aside
from cli.pipe import Rejects, stdin_is_market
from cli.play import Bar, Stop
from cli.show import say
from engine.errors import Exit, LedgerError, UsageError
from engine.plugs import Entry, Resumable
from engine.runs.market import Market, MarketOptions, open_market
from engine.runs.recorder import Recorder, check_folder
from engine.runs.settings import Settings
from engine.world.store.lock import locked

app = typer.Typer(add_completion=False)

Out = Annotated[Path, typer.Option("--out", "-o", help="The folder of the recording; made when it is not there.")]
For = Annotated[str | None, typer.Option("--for", help="End after so much of the market's time: 90s, 15m, 2h, 7d.")]
Moved = Annotated[
    bool, typer.Option("--moved", help="Keep the candles of coins that moved instead (30 days, or --keep-days).")
]
KeepDays = Annotated[
    int | None, typer.Option("--keep-days", help="Remove what is older than so many days of it.", min=1, max=3650)
]


@app.command()
def record(
    out: Out,
    market: options.Markets = None,
    venue: options.VenueName = None,
    config: options.Config = None,
    sets: options.Sets = None,
    since: options.Since = None,
    until: options.Until = None,
    symbols: options.Symbols = None,
    posts: options.Posts = None,
    for_: For = None,
    keep_days: KeepDays = None,
    moved: Moved = False,
    max_lateness: options.Lateness = 0,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the facts of a market into a folder, with the ticks that closed its cycles: the live market of --venue, or
    with --market a recorded one, to cut or convert it.

    The folder holds JSONL in zstd chunks, rotated by size and time, and an index with their hashes. Any --market may be
    that folder. TERM, INT or --for end it in order; a kill loses at most the last second, and started again with the
    same folder it goes on. It stops (exit 74) before the disk is full (record.min_free_mb).

    With --moved the folder is a store of minute candles: those of the last 30 days of each coin that showed an anomaly
    (scan.anomaly_*) in that time, brought up to date each hour, and a log of the anomalies.

    Example: hot record --out tape --for 2h && hot run --market tape
    """
    used = options.settings_of(config, sets, posts)
    piped = not market and not moved and used.posts.path != "-" and stdin_is_market()
    paths = ["-"] if piped else market
    wanted = options.market_of(paths, venue, symbols, since, until, "max", strict, max_lateness)
    wanted = options.posts_beside(wanted, used)
    for_ms = options.duration(for_, "--for")
    if moved:
        raise typer.Exit(_keep_moved(used, wanted, out, keep_days, for_ms, quiet))
    check_folder(out)
    with _held(out):
        recorder = Recorder(out, used.record, keep_days=keep_days, for_ms=for_ms)
        raise typer.Exit(_record(used, wanted, recorder, quiet))


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Makes a folder where it is not there, and holds it against other recorders."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(f"{folder}: cannot be made ({error.strerror})") from None
    with locked(folder, "recorder"):
        yield


def _record(used: Settings, wanted: MarketOptions, recorder: Recorder, quiet: bool) -> int:
    rejects = Rejects("record", wanted.strict)
    with Stop() as stop, speaking_aside():
        opened = open_market(
            wanted, rejects.add, with_span=not quiet, live=options.live_of(used, "record", quiet, stop), stopped=stop
        )
        if isinstance(opened.source, Resumable):
            opened.source.newest.update(recorder.newest(opened.source.manifest()["stream"]))
        try:
            with Bar("hot record", quiet, opened.span) as bar:
                _drive(opened, recorder, stop, bar)
        finally:
            recorder.close()
            if not quiet:
                done = recorder.done
                late = f", {done.late} that came too late left out" if done.late else ""
                say(f"hot record: {done.facts} facts and {done.ticks} ticks{late}, in {recorder.folder}")
    return Exit.OK if stop.asked else rejects.code()


def _drive(opened: Market, recorder: Recorder, stop: Callable[[], bool], bar: Bar) -> None:
    with _closed(opened.source.facts()) as entries:
        for done in recorder.record(entries, stop):
            bar.tell(done.at, f"{done.facts} facts")


@contextmanager
def _closed(entries: Iterator[Entry]) -> Iterator[Iterator[Entry]]:
    """Closes facts at the end: a live source has a thread behind it that must not outlive an error here."""
    try:
        yield entries
    finally:
        close = getattr(entries, "close", None)
        if close is not None:
            close()


def _keep_moved(
    used: Settings, wanted: MarketOptions, out: Path, keep_days: int | None, for_ms: int | None, quiet: bool
) -> int:
    from engine.runs.filling import Filling
    from engine.runs.finder import Finder
    from engine.runs.moved import KEEP_DAYS, MovedCoins
    from engine.world.store.store import Store
    from engine.world.streams.binance_live import BinanceLive

    if wanted.path:
        raise UsageError("--moved asks the live market for candles: it takes no --market")
    rejects = Rejects("record", wanted.strict)

    def tell(text: str) -> None:
        if not quiet:
            say(f"hot record: {text}")

    with Stop() as stop, speaking_aside():
        opened = open_market(wanted, rejects.add, live=options.live_of(used, "record", True, stop))
        source = opened.source
        assert isinstance(source, BinanceLive)
        Store.create(out)
        with _held(out), Bar("hot record", quiet, None) as bar, _closed(source.facts()) as entries:
            coins = MovedCoins(out, wanted.venue or used.live.venue, keep_days or KEEP_DAYS)
            filling = Filling(coins, source, tell, used.record.min_free_mb)
            finder = Finder(used, opened.snapshot, coins.hear)
            filling.start()
            try:
                for now in finder.find(entries, stop, for_ms):
                    filling.check()
                    bar.tell(now.at, f"{now.ticks} cycles  {len(coins.moved)} coins moved")
            finally:
                filling.end(at_once=stop.asked)
    tell(f"{finder.now.moves} anomalies in {finder.now.ticks} cycles; {len(coins.moved)} coins that moved, in {out}")
    return Exit.OK if stop.asked else rejects.code()
