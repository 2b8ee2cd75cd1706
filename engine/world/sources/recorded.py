"""A recorded market: records, candles or exchange files in a file, a folder or on stdin, in the order of time."""

import hashlib
import os
import select
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import ConfigError, DirtyInput, UsageError
from engine.plugs import Entry
from engine.world.imports import ohlcv_text
from engine.world.imports.batches import Batch, merged
from engine.world.imports.formats import FORMATS, Format, format_of
from engine.world.imports.notes import HeldNotes, Notes, OnBad
from engine.world.imports.origin import Origin, Window, venue_of
from engine.world.imports.unpack import MAX_EXPANDED, Limits, head
from engine.world.imports.wire_lines import in_order
from engine.world.recording import INDEX, chunk_files, is_recording, read_recording

STDIN = "-"
_QUIET_NAMES = ("readme", "license", "licence", "copying", "notice")
_CHUNK = 1 << 18
#: How long a stop may wait for it that nothing comes on stdin, in seconds.
LOOK_S = 0.25
#: Files of a folder that stay open while they wait for their time; others are opened again when it comes.
_KEPT_OPEN = 16
_KEPT_BYTES = 64 << 20


@dataclass
class Recorded:
    """Facts that somebody recorded. `path` is a file, a folder of files, a recording, or `-` for records on stdin.

    `venue` names the venue of files that do not; without it the folders do (`usdm`), else it is binance-spot. Facts
    of `symbols` (all when empty) from `since_ms` up to, not including, `until_ms` are given; rules of symbols count
    whenever they were recorded. A stream may be `max_lateness_ms` out of order. Bad lines are counted in `skipped`
    and told to `on_bad`; `strict` stops at the first. `before_wait` runs before a read of stdin that would block, and
    `stopped` says meanwhile whether to go on waiting.
    """

    path: str
    venue: str | None = None
    symbols: tuple[str, ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None
    strict: bool = False
    max_lateness_ms: int = 0
    max_expanded_bytes: int = MAX_EXPANDED
    on_bad: OnBad | None = None
    before_wait: Callable[[], None] | None = None
    stopped: Callable[[], bool] | None = None
    stdin: int = 0
    notes: Notes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Raises UsageError where there is nothing at `path`."""
        self.notes = Notes(self.on_bad, self.strict)
        if self.path != STDIN and not Path(self.path).exists():
            raise UsageError(f"no market at {self.path}: name a recording, a candle file, a folder of them, or -")

    @property
    def skipped(self) -> int:
        """How many bad lines were skipped so far."""
        return self.notes.skipped

    def facts(self) -> Iterator[Entry]:
        """Gives the facts in order of time, kind, venue and symbol.

        Raises DirtyInput for a file that is empty, damaged, or (strict) has a bad line, ConfigError for one that
        cannot be read.
        """
        for _, entries in self.batches():
            yield from entries

    def batches(self) -> Iterator[Batch]:
        """Gives the facts as batches of one instant each; raises what `facts` raises."""
        window = Window(frozenset(self.symbols), self.since_ms, self.until_ms)
        for at, entries in self._batches(window):
            wanted = entries if window == Window() else list(filter(window.wants, entries))
            if wanted:
                yield at, wanted

    def manifest(self) -> dict[str, Any]:
        """Gives path, sha256 and size of each file; a stream has only its name."""
        if self._is_stream():
            return {"stream": "stdin"}
        root = Path(self.path)
        paths = chunk_files(root) if is_recording(root) else [path for path, _ in self._files()]
        return {"files": [self._named(path) for path in paths]}

    def _named(self, path: Path) -> dict[str, Any]:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"path": self._name(path), "sha256": digest, "bytes": path.stat().st_size}

    def _name(self, path: Path) -> str:
        root = Path(self.path)
        return path.relative_to(root).as_posix() if root.is_dir() else self.path

    def _batches(self, window: Window) -> Iterator[Batch]:
        if self._is_stream():
            origin = self._origin(Path("stdin"), "stdin", window)
            return in_order(origin.numbered(self._pieces()), origin)
        if is_recording(Path(self.path)):
            origin = self._origin(Path(self.path), self.path, window)
            return in_order(enumerate(read_recording(origin.path, whole=False), 1), origin)
        files = self._files()
        if len(files) == 1:
            path, form = files[0]
            return form.read(self._origin(path, str(path), window))
        streams, size = [], 0
        for i, (path, form) in enumerate(files):
            size += path.stat().st_size
            keep = i < _KEPT_OPEN and size < _KEPT_BYTES
            streams.append(_waiting(form, self._origin(path, str(path), window), keep))
        return merged(streams, self.path, self.notes)

    def _origin(self, path: Path, name: str, window: Window) -> Origin:
        limits = Limits(self.max_expanded_bytes)
        return Origin(path, name, venue_of(path, self.venue), self.notes, window, self.max_lateness_ms, limits)

    def _files(self) -> list[tuple[Path, Format]]:
        """Gives the market files at the path, sorted by name, with their formats."""
        root = Path(self.path)
        if not root.is_dir():
            form = format_of(root.name, _head(root))
            if form is None:
                known = ", ".join(form.name for form in FORMATS)
                why = ohlcv_text.almost(_head(root)) or f"it reads {known}"
                raise DirtyInput(f"{root}: no market data that hot can read; {why}")
            return [(root, form)]
        found, self.notes.files = [], []
        for path in sorted(one for one in root.rglob("*") if one.is_file() and not one.name.startswith(".")):
            form = format_of(path.name, head(path))
            if form is not None:
                found.append((path, form))
            elif path.stem.lower() not in _QUIET_NAMES and path.name != INDEX:
                self.notes.skip_file(str(path), ohlcv_text.almost(head(path)) or "no market data")
        if not found:
            raise ConfigError(f"no market data in the folder {root}: it needs records (.jsonl) or candles (.csv)")
        return found

    def _is_stream(self) -> bool:
        """A pipe can be read once, and only forward: `-`, and what a shell puts in place of <(command)."""
        return self.path == STDIN or Path(self.path).is_fifo()

    def _pieces(self) -> Iterator[bytes]:
        if self.path == STDIN:
            yield from self._read(self.stdin)
            return
        with Path(self.path).open("rb") as file:
            yield from self._read(file.fileno())

    def _read(self, fd: int) -> Iterator[bytes]:
        while self._goes_on(fd):
            piece = os.read(fd, _CHUNK)
            if not piece:
                return
            yield piece

    def _goes_on(self, fd: int) -> bool:
        """Waits until there is something to read; False where a stop comes first."""
        ready = _is_ready(fd)
        if not ready and self.before_wait is not None:
            self.before_wait()
        while ready is False and self.stopped is not None:
            if self.stopped():
                return False
            ready = _is_ready(fd, LOOK_S)
        return True


def together(sources: list[Recorded], notes: Notes) -> Iterator[Entry]:
    """Gives the facts of several recordings in order of time, kind, venue and symbol; repeats are told to `notes`."""
    for _, entries in merged([source.batches() for source in sources], "between files", notes):
        yield from entries


def _is_ready(fd: int, within_s: float = 0.0) -> bool | None:
    """Says whether there is something to read; None where select cannot watch, and the read waits by itself."""
    try:
        return bool(select.select([fd], [], [], within_s)[0])
    except (ValueError, OSError):
        return None


def _head(path: Path) -> bytes:
    first = head(path)
    if not first:
        raise DirtyInput(f"{path}: the file is empty")
    return first


def _waiting(form: Format, origin: Origin, keep: bool) -> Iterator[Batch]:
    """Gives a file's batches; one that is not kept open is read again when its second batch is asked for.

    A folder of a year's files would otherwise be open, or in memory, as a whole while all but one wait.
    """
    held = HeldNotes()
    batches = form.read(origin._replace(notes=held))
    first = next(batches, None)
    if keep or first is None:
        held.release(origin.notes)
    if first is None:
        return
    if not keep:
        del batches
        yield first
        batches = form.read(origin)
        next(batches, None)
    else:
        yield first
    yield from batches
