"""hot ledger: verify, back up, export, prune a ledger, or print its path."""

import re
import sys
from pathlib import Path
from typing import BinaryIO

import typer

from cli import options
from cli.show import say, write
from engine.errors import LedgerError, UsageError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Verify, back up, export or prune a ledger.")

_STDOUT = Path("-")
_HEAD = re.compile(r"[0-9]{1,18}:[0-9a-f]{64}")


@app.command()
def verify(
    ledger: options.LedgerThere = None,
    head: str | None = typer.Option(None, "--head", help="A head noted down earlier, SEQ:HASH: finds a cut tail too."),
) -> None:
    """Check that a ledger is what was written, row by row, and that its positions are what its fills add up to.

    Order attempts and reservations must match, and the recording beside the ledger must be what the rows name. Prints
    the head as SEQ:HASH, worth noting down. Exits 74 naming the first bad row when something is wrong.

    Example: hot ledger verify --ledger paper.db
    """
    from engine.ledger.verify import verify as check
    from engine.runs.reporting.facts import damaged_chunks

    if head is not None and not _HEAD.fullmatch(head):
        raise UsageError(f"--head {head[:80]!r}: write it as SEQ:HASH, as hot ledger verify prints it")
    path = _chosen(ledger)
    verdict = check(path, head)
    for note in verdict.notes:
        say(f"hot ledger: {note}")
    wrong = [problem.text for problem in verdict.problems] + damaged_chunks(path, verdict.chunks, say)
    if wrong:
        for text in wrong[1:]:
            say(f"hot ledger: also: {text}")
        raise LedgerError(f"{path}: {wrong[0]}; go back to a backup, or name another with --ledger")
    say(f"hot ledger: {verdict.rows} rows are what was written")
    write(f"{verdict.head}\n")


@app.command()
def backup(
    dest: Path = typer.Argument(help="The new file; an existing one is not overwritten."),  # noqa: B008
    ledger: options.LedgerThere = None,
) -> None:
    """Copy a ledger to one new file, also while a run writes it, and check the copy; prints the copy's head.

    The recording beside the ledger is not part of it.

    Example: hot ledger backup paper-backup.db --ledger paper.db
    """
    from engine.ledger.backup import backup as copy

    verdict = copy(_chosen(ledger), dest)
    say(f"hot ledger: {dest}: {verdict.rows} rows, checked")
    write(f"{verdict.head}\n")


@app.command()
def export(
    ledger: options.LedgerThere = None,
    out: Path = typer.Option(_STDOUT, "--out", help="A new file, or - for stdout."),  # noqa: B008
    with_facts: bool = typer.Option(False, "--with-facts", help="Weave in the facts that were decided on."),
    kinds: str | None = typer.Option(None, "--kinds", help="Only these kinds, comma-separated; all decisions else."),
    since: options.Since = None,
    until: options.Until = None,
    symbol: str | None = typer.Option(None, "--symbol", help="Only this symbol's decisions."),
) -> None:
    """Write a ledger's decisions as JSONL, in their order, as a pipe would have written them.

    With --with-facts, the facts of the recording beside the ledger, or of the market that its run names, stand before
    the decisions they led to: everything that a replay needs.

    Example: hot ledger export --ledger paper.db --kinds fill,position | jq -c .
    """
    from engine.ledger.export import export as write_lines
    from engine.runs.reporting.facts import facts_of

    path = _chosen(ledger)
    span = dict(zip(("since", "until"), options.span(since, until), strict=True))
    wanted = _kinds(kinds)
    facts = facts_of(path, **span) if with_facts else None
    if out == _STDOUT:
        write_lines(path, sys.stdout.buffer, kinds=wanted, symbol=symbol, facts=facts, **span)
        sys.stdout.buffer.flush()
        return
    with _new(out) as file:
        try:
            count = write_lines(path, file, kinds=wanted, symbol=symbol, facts=facts, **span)
        except BaseException:
            # Half an export looks like a whole one.
            out.unlink(missing_ok=True)
            raise
    say(f"hot ledger: {count} lines in {out}")


@app.command()
def path(ledger: options.LedgerThere = None) -> None:
    """Print the path of the newest ledger in the data folder, or of the one that is named.

    Example: sqlite3 "$(hot ledger path)" "select symbol, realised_pnl from position where status = 'closed'"
    """
    from engine.runs.data import latest_ledger

    write(f"{(ledger if ledger is not None else latest_ledger()).absolute()}\n")


@app.command()
def prune(
    ledger: options.LedgerThere = None,
    keep_days: int | None = typer.Option(
        None, "--keep-days", min=0, help="Also drop recorded facts older than so many days before the last tick."
    ),
) -> None:
    """Give back the space of what is not needed any more: old checkpoints, requests that are done, the write-ahead log.

    Decisions stay for ever. With --keep-days, chunks of the recording go too, but none that a restart needs; a replay
    can then only begin after them. It needs the lease: no run may be alive.

    Example: hot ledger prune --ledger paper.db --keep-days 30
    """
    from engine.ledger.prune import prune as free
    from engine.runs.reporting.facts import prune_facts

    path = _chosen(ledger)
    pruned = free(path)
    facts = prune_facts(path, keep_days, pruned.facts_until) if keep_days is not None else 0
    say(
        f"hot ledger: dropped {pruned.checkpoints} checkpoints and {pruned.requests} requests; "
        f"freed {pruned.freed_bytes} bytes of the ledger, {facts} of its recording"
    )


def _chosen(named: Path | None) -> Path:
    from engine.runs.reporting.reporting import ledger_or_newest

    return ledger_or_newest(named, say)


def _kinds(text: str | None) -> list[str] | None:
    from engine.records.wire import KINDS

    names = options.column_list(text)
    for name in names or ():
        if name not in KINDS:
            raise UsageError(f"--kinds: there is no kind {name!r}; hot schema lists them")
    return names


def _new(out: Path) -> BinaryIO:
    try:
        return out.open("xb")
    except FileExistsError:
        raise UsageError(f"{out} exists, and an export overwrites nothing: name another file") from None
