"""hot import: turn exchange files and recorded frames into market records."""

import gzip
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import typer

from cli import options
from cli.pipe import Output, Rejects
from cli.show import say
from engine.errors import LedgerError, UsageError
from engine.plugs import Entry
from engine.records.wire import encode
from engine.world.imports.notes import Notes
from engine.world.sources.recorded import STDIN, Recorded, together

app = typer.Typer(add_completion=False)

Write = Callable[[bytes], object]
Told = Callable[[int, int], None]
#: Records between two looks at the progress.
_EVERY = 20_000

Files = Annotated[list[str], typer.Argument(help="Files or folders, plain, .gz or .zst; - for records on stdin.")]
Out = Annotated[str, typer.Option("--out", "-o", help="Where to: a file (.gz or .zst packs it), or - for stdout.")]


@app.command(name="import")
def import_(
    files: Files,
    out: Out = STDIN,
    venue: options.VenueName = None,
    since: options.Since = None,
    until: options.Until = None,
    symbols: options.Symbols = None,
    max_lateness: options.Lateness = 0,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
) -> None:
    """Turn exchange files and recorded frames into market records, ordered by time.

    Reads candles (CSV, Parquet, kline arrays), exchangeInfo, 24 h tickers, premium index, open interest, funding rates,
    captured websocket frames, announcements, posts and records. Prices keep the text they came in.

    Example: hot import klines.csv.gz exchangeInfo-2024-09-08.json --out market.jsonl.zst
    """
    span = options.span(since, until)
    sources = [Recorded(one, venue, options.named(symbols), *span, max_lateness_ms=max_lateness) for one in files]
    raise typer.Exit(run(sources, out, strict=strict, quiet=quiet))


def run(sources: list[Recorded], out: str, *, strict: bool = False, quiet: bool = False) -> int:
    """Writes the records of the sources to a file or stdout; gives the exit code.

    Raises DirtyInput at the first bad line when strict: a file is then left as it was before.
    """
    if sum(source.path == STDIN for source in sources) > 1:
        raise UsageError("stdin can be read once: name - only once")
    rejects = Rejects("import", strict)
    notes = Notes(lambda name, number, reason, line: rejects.add(name, number, reason))
    for source in sources:
        source.notes.on_bad = notes.on_bad
    entries = sources[0].facts() if len(sources) == 1 else together(sources, notes)
    with _opened(out) as write, _progress(quiet) as told:
        count = _copy(entries, write, told)
    if not quiet:
        _tell(sources, notes, count)
    return rejects.code()


def _copy(entries: Iterator[Entry], write: Write, told: Told) -> int:
    count = 0
    for count, (record, line) in enumerate(entries, 1):
        if line is None and record is not None:
            line = encode(record)
        if line is not None:
            write(line)
        if count % _EVERY == 0 and record is not None:
            told(count, record.at)
    return count


@contextmanager
def _opened(out: str) -> Iterator[Write]:
    """Gives what writes a line; a file gets its name only when it is whole."""
    if out == STDIN:
        output = Output()
        yield output.write
        output.flush()
        return
    part = Path(f"{out}.part")
    try:
        with part.open("wb") as file, _packed(file, out) as packed:
            yield lambda line: packed.write(line + b"\n")
        part.replace(out)
    except OSError as error:
        raise LedgerError(f"cannot write {out}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


def _packed(file: BinaryIO, out: str) -> BinaryIO:
    if out.endswith(".gz"):
        return cast(BinaryIO, gzip.GzipFile("", "wb", 6, file, mtime=0))
    if out.endswith(".zst"):
        import zstandard

        return cast(BinaryIO, zstandard.ZstdCompressor(level=3, write_checksum=True).stream_writer(file, closefd=False))
    return file


@contextmanager
def _progress(quiet: bool) -> Iterator[Told]:
    if quiet or not sys.stderr.isatty():
        yield lambda count, at: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("reading")
        yield lambda count, at: progress.update(task, description=f"{count:,} records, at {options.utc(at)}")


def _tell(sources: list[Recorded], notes: Notes, count: int) -> None:
    every = [notes, *(source.notes for source in sources)]
    repeated, ignored = sum(one.repeated for one in every), sum(one.ignored for one in every)
    for one in every:
        for text in one.files:
            say(f"hot import: left out {text}")
    if repeated:
        say(f"hot import: {repeated} bars came twice, alike, and were written once")
    if ignored:
        say(f"hot import: {ignored} entries that are no market facts here (order books, open candles) were left out")
    say(f"hot import: {count} {'record' if count == 1 else 'records'}")
