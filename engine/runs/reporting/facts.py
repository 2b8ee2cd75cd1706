"""The facts behind a ledger: its recording, or the market that its run names; read for an export, pruned on request."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from engine.errors import ConfigError, DirtyInput
from engine.ledger.ledger import Ledger
from engine.ledger.named import Chunk
from engine.records.wire import encode
from engine.runs.history import all_runs
from engine.runs.manifest import same_market
from engine.runs.market import MarketOptions, open_market
from engine.runs.reporting.reporting import DAY_MS
from engine.world.recording import folder_of, prune_recording, read_index, read_recording


def facts_of(path: Path, since: int | None = None, until: int | None = None) -> Iterator[bytes]:
    """Gives the lines of the facts that a ledger's runs saw, in [since, until) of record time.

    Raises ConfigError where there are none any more, or where the market's files are not those of the run.
    """
    folder = folder_of(path)
    if folder.is_dir():
        return read_recording(folder, since=since, until=until)
    with Ledger.read(path) as ledger:
        runs = all_runs(ledger)
    market = runs[-1][1].market if runs else {}
    named = market.get("path")
    if not named or not market.get("files"):
        raise ConfigError(f"{path}: no facts stand beside it, and its run names no market; export without --with-facts")
    options = MarketOptions.of(market)
    for one in options.paths:
        if not Path(one).exists():
            raise ConfigError(f"{path}: its market {one} is not there: run this where the run was started")
    since = max(filter(None, (since, options.since_ms)), default=None)
    until = min(filter(None, (until, options.until_ms)), default=None)
    opened = open_market(options._replace(since_ms=since, until_ms=until), lambda *_: None)
    if not same_market(market, opened.manifest()):
        raise ConfigError(
            f"{path}: the files of {' and '.join(options.paths)} are not those of its run; export without --with-facts"
        )
    return (encode(entry.record) for entry in opened.source.facts() if entry.record is not None)


def damaged_chunks(path: Path, named: Sequence[Chunk], tell: Callable[[str], None]) -> list[str]:
    """Says which chunks of the recording beside a ledger are not the files that its rows name; none where all are.

    A chunk that was pruned may be gone. Where the whole recording is, as beside a copy, that is only told.
    """
    folder = folder_of(path)
    if named and not folder.is_dir():
        tell(f"{folder}: there is no recording; the {len(named)} chunks that the rows name were not checked")
    if not folder.is_dir():
        return []
    try:
        pruned = {chunk.chunk for chunk in read_index(folder) if chunk.pruned}
    except DirtyInput as error:
        return [str(error)]
    return [wrong for chunk in named if (wrong := _wrong(folder / Path(chunk.name).name, chunk, chunk.name in pruned))]


def _wrong(file: Path, chunk: Chunk, pruned: bool) -> str:
    try:
        with file.open("rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        return "" if pruned else f"{file}: row {chunk.seq} names this chunk, and it is gone"
    except OSError as error:
        return f"{file}: the chunk cannot be read ({error.strerror})"
    if found == chunk.sha256:
        return ""
    return f"{file}: it was altered: its sha256 is {found[:12]}, row {chunk.seq} says {chunk.sha256[:12]}"


def prune_facts(path: Path, keep_days: int, needed_from: int | None) -> int:
    """Removes recorded facts older than `keep_days` before the last tick, and gives the bytes that freed.

    None that a restart needs: nothing newer than `needed_from`, nothing at all where that is not known.
    """
    folder = folder_of(path)
    with Ledger.read(path) as ledger:
        last = ledger.last_tick()
    if not folder.is_dir() or last is None or needed_from is None:
        return 0
    return prune_recording(folder, min(last[1] - keep_days * DAY_MS, needed_from))
