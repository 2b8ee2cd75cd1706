"""hot store: candles, open interest, funding and rules on disk, as columns that backtests map into memory."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import options
from cli.commands.trades import print_rows
from cli.pipe import Rejects
from cli.show import choose, say
from engine.errors import Exit

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="List, fill and check a market store: columns on disk.\n\nExample: hot store ls --store market",
)

StoreFolder = Annotated[Path, typer.Option("--store", help="The folder of the store.")]
Files = Annotated[list[str], typer.Argument(help="Files or folders, plain, .gz or .zst; - for records on stdin.")]
Replace = Annotated[bool, typer.Option("--replace", help="Where a bar differs from the stored one, take the new.")]

SERIES = ("venue", "symbol", "kind", "step_s", "first_at", "last_at", "bars", "gaps", "missing", "jumps", "bytes")
FINDING = ("found", "venue", "symbol", "kind", "step_s", "from_at", "until_at", "missing", "reason")
_FINDING_TABLE = ("found", "venue", "symbol", "kind", "step_s", "from_at", "until_at", "missing")


@app.command()
def ls(
    store: StoreFolder,
    venue: Annotated[str | None, typer.Option("--venue", help="Only this venue.")] = None,
    symbols: options.Symbols = None,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """List the series of a store: what is there of each venue, kind, step and symbol, from when to when.

    `first_at` and `last_at` are open times of bars, else times; `bars` counts the rows of any kind, `gaps` the holes
    between bars and `missing` the bars they lack, `jumps` the bars whose price does not follow from the bar before, as
    after a redenomination. The rules of a venue's symbols are one series, of symbol *.

    Example: hot store ls --store market --columns symbol,bars,gaps
    """
    from engine.world.store.store import Store

    only = options.named(symbols)
    rows = [
        {**header.of._asdict(), "symbol": header.symbol or "*", "step_s": header.step_s or None,
         "first_at": header.first, "last_at": header.last, "bars": header.count, "gaps": header.gaps,
         "missing": header.missing, "jumps": header.jumps, "bytes": path.stat().st_size}
        for path, header in Store.open(store).headers()
        if (venue is None or header.venue == venue) and (not only or header.symbol in only)
    ]  # fmt: skip
    print_rows(rows, SERIES, SERIES, choose(json_, jsonl, csv_, table), columns, limit)


@app.command(name="import")
def import_(
    files: Files,
    store: StoreFolder,
    venue: options.VenueName = None,
    symbols: options.Symbols = None,
    replace: Replace = False,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
) -> None:
    """Put candles, open interest, funding rates and symbol rules into a store; make it when it is not there.

    Reads what --market reads. What is there already, alike, is not written again; a bar that differs from the stored
    one stops its file (exit 65) with both values, unless --replace. Each file is taken whole or not at all; gaps are
    never filled. Any --market may then be the store.

    Example: hot store import klines.csv.gz rules.jsonl --store market && hot run --market market
    """
    from engine.world.imports.notes import Notes
    from engine.world.store.importing import import_files
    from engine.world.store.store import Store

    rejects = Rejects("store", strict)
    notes = Notes(lambda name, number, reason, line: rejects.add(name, number, reason))
    done = import_files(
        Store.create(store), files, notes, venue=venue, symbols=options.named(symbols), replace=replace,
        told=lambda name: None if quiet else say(f"hot store: {name}"),
    )  # fmt: skip
    if not quiet:
        for text in notes.files:
            say(f"hot store: left out {text}")
        for kind, count in sorted(done.left_out.items()):
            say(f"hot store: left out {count} {kind} records: a store keeps bars, open interest, funding and rules")
        if notes.repeated:
            say(f"hot store: {notes.repeated} facts came twice in a file, alike, and were taken once")
        if done.jumps:
            say(
                f"hot store: {done.jumps} bars do not follow in price from the bar before (a redenomination?): "
                "hot store check lists them; runs leave out what comes after, unless --keep-jumps"
            )
        say(
            f"hot store: {done.new} new facts, {done.equal} there already, {done.replaced} replaced; "
            + (f"{done.written} series written" if done.written else "nothing written")
        )
    raise typer.Exit(rejects.code())


@app.command()
def check(
    store: StoreFolder,
    json_: options.Json = False,
    jsonl: options.Jsonl = False,
    csv_: options.Csv = False,
    table: options.Table = False,
    limit: options.Limit = None,
    columns: options.Columns = None,
) -> None:
    """Check that every file is what was written and can be a market; list gaps between bars, and jumps of the price.

    Exits 65 when something is damaged; gaps and jumps are no damage. `from_at` is the open time of the first missing
    bar, or of the one whose price jumps, `until_at` that of the next bar there is.

    Example: hot store check --store market
    """
    from engine.world.store.checking import check as findings
    from engine.world.store.store import Store

    found = list(findings(Store.open(store)))
    rows: list[Mapping[str, Any]] = [
        {**(one.of._asdict() if one.of is not None else {}), **one._asdict()} for one in found
    ]
    print_rows(rows, FINDING, _FINDING_TABLE, choose(json_, jsonl, csv_, table), columns, limit)
    damaged = [one for one in found if one.found == "damage"]
    for one in damaged:
        say(f"hot store: {one.reason}")
    jumps = [one for one in found if one.found == "jump"]
    for one in jumps:
        say(f"hot store: {one.of}: {one.reason}")
    say(f"hot store: {len(damaged)} damaged, {len(found) - len(damaged) - len(jumps)} gaps, {len(jumps)} jumps")
    raise typer.Exit(Exit.DIRTY if damaged else Exit.OK)
