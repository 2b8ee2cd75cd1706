"""hot record: write a market's facts into a folder, to be replayed; or keep the candles of coins that moved."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.pipe import Rejects, stdin_is_market
from cli.play import Bar, Stop
from cli.show import say
from engine.errors import Exit
from engine.plugs import Entry
from engine.runs import settings
from engine.runs.market import Market, MarketOptions, open_market
from engine.runs.recorder import Recorder, check_folder
from engine.runs.settings import Settings
from engine.world.store.lock import locked

app = typer.Typer(add_completion=False)

Out = Annotated[Path, typer.Option("--out", "-o", help="The folder of the recording; made when it is not there.")]
For = Annotated[str | None, typer.Option("--for", help="End after so much of the market's time: 90s, 15m, 2h, 7d.")]
KeepDays = Annotated[
    int | None, typer.Option("--keep-days", help="Remove what is older than so many days of it.", min=1, max=3650)
]


@app.command()
def record(
    out: Out,
    market: options.Market = None,
    venue: options.VenueName = None,
    config: options.Config = None,
    sets: options.Sets = None,
    since: options.Since = None,
    until: options.Until = None,
    symbols: options.Symbols = None,
    for_: For = None,
    keep_days: KeepDays = None,
    max_lateness: options.Lateness = 0,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
) -> None:
    """Write the facts of a market into a folder, with the ticks that closed its cycles: the live market of --venue, or
    with --market a recorded one, to cut or convert it.

    The folder holds JSONL in zstd chunks, rotated by size and time, and an index with their hashes. Any --market may be
    that folder, also while it is written. TERM, INT or --for end it in order; a kill loses at most the last second, and
    started again with the same folder it goes on. It stops (exit 74) before the disk is full (record.min_free_mb).

    Example: hot record --out tape --for 2h && hot run --market tape
    """
    used = settings.load(config, list(sets or []))
    path = "-" if market is None and stdin_is_market() else market
    wanted = options.market_of(path, venue, symbols, since, until, "max", strict, max_lateness)
    check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out, "recorder"):
        recorder = Recorder(out, used.record, keep_days=keep_days, for_ms=options.duration(for_, "--for"))
        raise typer.Exit(_record(used, wanted, recorder, quiet))


def _record(used: Settings, wanted: MarketOptions, recorder: Recorder, quiet: bool) -> int:
    rejects = Rejects("record", wanted.strict)
    with Stop() as stop:
        opened = open_market(
            wanted, rejects.add, with_span=not quiet, live=options.live_of(used, "record", quiet, stop)
        )
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
    entries: Iterator[Entry] = opened.source.facts()
    try:
        for done in recorder.record(entries, stop):
            bar.tell(done.at, f"{done.facts} facts")
    finally:
        # A live source has a thread behind it that must not outlive an error here.
        close = getattr(entries, "close", None)
        if close is not None:
            close()
