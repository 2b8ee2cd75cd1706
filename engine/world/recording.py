"""The recording: the facts a run saw, kept beside its ledger as compressed chunks with an index and their hashes."""

import os
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from io import BufferedWriter
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from engine.errors import DirtyInput
from engine.records.wire import MAX_LINE_BYTES

if TYPE_CHECKING:
    from zstandard import ZstdCompressionWriter

INDEX = "index.jsonl"
_NAME = re.compile(r"[0-9]{6,}\.jsonl\.zst", re.ASCII)
_PIECE = 1 << 16

OnClosed = Callable[[str, str], None]


class _Instant(msgspec.Struct):
    at: int


_instant = msgspec.json.Decoder(_Instant)


class Chunk(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A closed chunk: the earliest and latest time of its lines, how many they are, its size and hash on disk.

    `cut` marks one that a crash left behind, closed as it stood; `pruned` one whose file was given up.
    """

    chunk: str
    first_at: int
    last_at: int
    records: int
    size: int
    sha256: str
    cut: bool = False
    pruned: bool = False


_index_line = msgspec.json.Decoder(Chunk)


def folder_of(ledger: Path) -> Path:
    """Gives the folder of the recording that stands beside a ledger."""
    return ledger.with_name(ledger.name + ".facts")


class RecordingWriter:
    """Writes facts line by line; what was flushed outlives the process, what was not is lost with it."""

    def __init__(
        self, folder: Path, *, rotate_bytes: int = 64 << 20, rotate_records: int = 5_000_000, rotate_ms: int = 0,
        on_chunk_closed: OnClosed | None = None,
    ) -> None:  # fmt: skip
        """Goes on with a new chunk. One that a crash left open is closed first, as it stands.

        With `rotate_ms` no chunk holds lines of two such spans of record time, counted from 1970.
        `on_chunk_closed` gets each closed chunk's name and sha256, so that the caller can chain them into its ledger.
        """
        self.folder = folder
        self._rotate_bytes = rotate_bytes
        self._rotate_records = rotate_records
        self._rotate_ms = rotate_ms
        self._on_chunk_closed = on_chunk_closed
        self._file: BufferedWriter | None = None
        self._frame: ZstdCompressionWriter | None = None
        self._tally = _Tally()
        folder.mkdir(parents=True, exist_ok=True)
        self._mend()

    def write(self, line: bytes) -> None:
        """Adds a line, without its newline; raises DirtyInput where it is not one line with a time."""
        if b"\n" in line:
            raise DirtyInput(f"more than one line: {line[:60]!r}")
        at = _at(line)
        if self._rotate_ms and self.is_open and at // self._rotate_ms > self._tally.last_at // self._rotate_ms:
            self._close_chunk()
        self._tally.add(at)
        if self._frame is None:
            self._open()
        assert self._frame is not None and self._file is not None
        self._frame.write(line + b"\n")
        if self._tally.records >= self._rotate_records or self._file.tell() >= self._rotate_bytes:
            self._close_chunk()

    @property
    def is_open(self) -> bool:
        """Says whether the next line goes into a chunk that has begun."""
        return self._frame is not None

    def flush(self) -> None:
        """Makes everything written so far durable; to be called before the commit that decides on it."""
        import zstandard

        if self._frame is not None and self._file is not None:
            self._frame.flush(zstandard.FLUSH_BLOCK)
            _sync(self._file)

    def close(self) -> None:
        """Closes the open chunk, if there is one."""
        if self._frame is not None:
            self._close_chunk()

    def abandon(self) -> None:
        """Leaves the open chunk as a kill would: what the disk has not taken is never written."""
        if self._file is not None:
            self._file.raw.close()
            self._frame, self._file, self._tally = None, None, _Tally()

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        import zstandard

        last = max((int(path.name.split(".")[0]) for path in chunk_files(self.folder)), default=0)
        indexed = max((int(chunk.chunk.split(".")[0]) for chunk in read_index(self.folder)), default=0)
        self._file = (self.folder / f"{max(last, indexed) + 1:06d}.jsonl.zst").open("xb")
        self._frame = zstandard.ZstdCompressor(level=3).stream_writer(self._file, closefd=False)
        _sync_folder(self.folder)

    def _close_chunk(self) -> None:
        assert self._frame is not None and self._file is not None
        self._frame.close()  # type: ignore[no-untyped-call]
        _sync(self._file)
        self._file.close()
        path = Path(self._file.name)
        tally, self._tally, self._frame, self._file = self._tally, _Tally(), None, None
        self._enter(tally.chunk(path, cut=False))

    def _enter(self, chunk: Chunk) -> None:
        with (self.folder / INDEX).open("ab") as file:
            file.write(msgspec.json.encode(chunk) + b"\n")
            _sync(file)
        if self._on_chunk_closed is not None:
            self._on_chunk_closed(chunk.chunk, chunk.sha256)

    def _mend(self) -> None:
        """Takes a torn last line off the index and closes the chunk that a crash left open."""
        index = self.folder / INDEX
        if index.exists():
            whole = index.read_bytes().rfind(b"\n") + 1
            os.truncate(index, whole)
        known = {chunk.chunk for chunk in read_index(self.folder)}
        for path in chunk_files(self.folder):
            if path.name not in known:
                tally = _Tally()
                for line in _lines(path, closed=False):
                    tally.add(_at(line))
                self._enter(tally.chunk(path, cut=True))


class _Tally:
    """Counts the lines of a chunk and keeps their earliest and latest time."""

    def __init__(self) -> None:
        self.records = 0
        self._first = 2**63
        self.last_at = 0

    def add(self, at: int) -> None:
        self.records += 1
        self._first = min(self._first, at)
        self.last_at = max(self.last_at, at)

    def chunk(self, path: Path, cut: bool) -> Chunk:
        return Chunk(
            chunk=path.name, first_at=self._first if self.records else 0, last_at=self.last_at, records=self.records,
            size=path.stat().st_size, sha256=_hash(path), cut=cut,
        )  # fmt: skip


def is_recording(folder: Path) -> bool:
    """Says whether a folder holds the chunks of a recording, and nothing else but its index."""
    if not folder.is_dir() or not chunk_files(folder):
        return False
    names = {one.name for one in folder.iterdir() if not one.name.startswith(".")}
    return all(name == INDEX or _NAME.fullmatch(name) for name in names)


def chunk_files(folder: Path) -> list[Path]:
    """Gives the files of a recording's chunks in order; raises DirtyInput where there is no such folder."""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError as error:
        raise DirtyInput(f"{folder}: there is no recording ({error.strerror})") from error
    return sorted(found, key=lambda path: _number(path.name))


def read_index(folder: Path) -> list[Chunk]:
    """Gives the closed chunks in order; a torn last line, left by a crash, is passed over.

    Raises DirtyInput for any other line that cannot be read.
    """
    try:
        whole = (folder / INDEX).read_bytes().rpartition(b"\n")[0]
    except FileNotFoundError:
        return []
    chunks: dict[str, Chunk] = {}
    for number, line in enumerate(whole.split(b"\n"), 1):
        try:
            chunk = _index_line.decode(line)
        except msgspec.DecodeError as error:
            if not line:
                continue
            raise DirtyInput(f"{folder / INDEX}:{number}: {error}") from None
        if not _NAME.fullmatch(chunk.chunk):
            raise DirtyInput(f"{folder / INDEX}:{number}: not a chunk's name: {chunk.chunk[:40]!r}")
        # A later line about a chunk replaces the earlier one.
        chunks[chunk.chunk] = chunk
    return [chunks[name] for name in sorted(chunks, key=_number)]


def count_lines(folder: Path) -> int:
    """Gives how many lines are recorded, those of a chunk that a crash left open among them."""
    if not folder.is_dir():
        return 0
    closed = {chunk.chunk: chunk.records for chunk in read_index(folder)}
    left_open = [path for path in chunk_files(folder) if path.name not in closed]
    return sum(closed.values()) + sum(1 for path in left_open for _ in _lines(path, closed=False))


def read_lines(folder: Path, first: int, end: int | None = None) -> Iterator[bytes]:
    """Gives the recorded lines from the one with this number on (0 is the oldest), up to `end`, not including it."""
    passed = 0
    for chunk in read_index(folder):
        if passed + chunk.records > first:
            break
        passed += chunk.records
    return islice(read_recording(folder, skip=passed), first - passed, None if end is None else end - passed)


def lines_of_chunks(folder: Path, lines: int) -> int:
    """Gives how many of the first `lines` recorded ones lie in chunks that hold nothing else, but for the newest.

    The chunks with the newest instant are never among them: whoever goes on from there has to know its facts.
    """
    chunks = read_index(folder)
    newest = max((chunk.last_at for chunk in chunks), default=0)
    passed = 0
    for chunk in chunks:
        if passed + chunk.records > lines or chunk.last_at >= newest:
            break
        passed += chunk.records
    return passed


def read_recording(
    folder: Path, *, since: int | None = None, until: int | None = None, skip: int = 0, whole: bool = True
) -> Iterator[bytes]:
    """Gives the recorded lines in order, those of [since, until) in record time, without holding a chunk in memory.

    `skip` passes over whole chunks with so many lines, unread, as `lines_of_chunks` counts them.

    A closed chunk is given only after its hash held; one still open is given up to its last whole line. Raises
    DirtyInput naming a chunk that is damaged, gone, or, where no `since` leaves it out, pruned; those that were pruned
    are passed over where a `whole` recording is not needed.
    """
    known = {chunk.chunk: chunk for chunk in read_index(folder) if whole or not chunk.pruned}
    names = sorted({*known, *(path.name for path in chunk_files(folder))}, key=_number)
    for name in names:
        chunk = known.get(name)
        if chunk is not None and skip:
            skip -= chunk.records
            continue
        if chunk is not None and _is_outside(chunk, since, until):
            continue
        path = folder / name
        if chunk is not None:
            check_chunk(folder, chunk)
        lines = _lines(path, closed=chunk is not None and not chunk.cut)
        if since is None and until is None:
            yield from lines
        else:
            yield from (line for line in lines if _is_inside(_at(line), since, until))


def check_chunk(folder: Path, chunk: Chunk) -> None:
    """Raises DirtyInput where a closed chunk is not the file that was closed."""
    path = folder / chunk.chunk
    if chunk.pruned:
        raise DirtyInput(f"{path}: it was pruned; read from a later time with --since")
    try:
        found = _hash(path)
    except OSError as error:
        raise DirtyInput(f"{path}: the chunk cannot be read ({error.strerror})") from error
    if found != chunk.sha256:
        raise DirtyInput(
            f"{path}: the chunk is damaged: its sha256 is {found[:12]}, the index says {chunk.sha256[:12]}"
        )


def prune_recording(folder: Path, before: int) -> int:
    """Removes the closed chunks whose lines are all older than `before` (epoch ms) and gives the bytes that freed.

    Their lines in the index stay, so that what is gone can be named. The caller says what is still needed.
    """
    freed = 0
    for chunk in read_index(folder):
        if chunk.pruned or chunk.last_at >= before:
            continue
        with (folder / INDEX).open("ab") as file:
            file.write(msgspec.json.encode(msgspec.structs.replace(chunk, pruned=True)) + b"\n")
            _sync(file)
        (folder / chunk.chunk).unlink(missing_ok=True)
        freed += chunk.size
    return freed


def _lines(path: Path, closed: bool) -> Iterator[bytes]:
    rest = b""
    for piece in _unpacked(path, closed):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > MAX_LINE_BYTES:
            raise DirtyInput(f"{path}: a line longer than {MAX_LINE_BYTES} bytes")
    if rest and closed:
        raise DirtyInput(f"{path}: the chunk ends in the middle of a line")


def _unpacked(path: Path, closed: bool) -> Iterator[bytes]:
    import zstandard

    # Not a stream reader: where the file ends inside a frame, that keeps back what it has unpacked already.
    unpacker = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True)
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield unpacker.decompress(piece)
    except zstandard.ZstdError as error:
        # Behind what was flushed a power cut may leave anything.
        if closed:
            raise DirtyInput(f"{path}: the chunk is damaged: {error}") from None
    except OSError as error:
        raise DirtyInput(f"{path}: the chunk cannot be read ({error.strerror})") from error


def _is_outside(chunk: Chunk, since: int | None, until: int | None) -> bool:
    return (since is not None and chunk.last_at < since) or (until is not None and chunk.first_at >= until)


def _is_inside(at: int, since: int | None, until: int | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)


def _number(name: str) -> int:
    return int(name.split(".")[0])


def _at(line: bytes) -> int:
    try:
        return int(_instant.decode(line).at)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DirtyInput(f"not a line of the wire: {error}: {line[:60]!r}") from None


def _hash(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
