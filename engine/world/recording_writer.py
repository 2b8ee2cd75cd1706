"""Writing a recording: chunks that end at a size or a time, are entered into the index, and outlive a crash."""

import os
from collections.abc import Callable
from io import BufferedWriter
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from engine.errors import DirtyInput
from engine.world.recording import INDEX, Chunk, chunk_files, enter, hash_of, lines_of, number_of, read_index, time_of

if TYPE_CHECKING:
    from zstandard import ZstdCompressionWriter

OnClosed = Callable[[str, str], None]


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
        self._write(line + b"\n", time_of(line), 1)

    def write_lines(self, lines: bytes, at: int, count: int) -> None:
        """Adds so many lines of one time, each with its newline."""
        self._write(lines, at, count)

    def _write(self, lines: bytes, at: int, count: int) -> None:
        if self._rotate_ms and self.is_open and at // self._rotate_ms > self._tally.last_at // self._rotate_ms:
            self._close_chunk()
        self._tally.add(at, count)
        if self._frame is None:
            self._open()
        assert self._frame is not None and self._file is not None
        self._frame.write(lines)
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

        last = max((number_of(path.name) for path in chunk_files(self.folder)), default=0)
        indexed = max((number_of(chunk.chunk) for chunk in read_index(self.folder)), default=0)
        self._file = (self.folder / f"{max(last, indexed) + 1:06d}.jsonl.zst").open("xb")
        self._frame = zstandard.ZstdCompressor(level=3).stream_writer(self._file, closefd=False)
        _sync_folder(self.folder)

    def _close_chunk(self) -> None:
        assert self._frame is not None and self._file is not None
        self._frame.close()  # type: ignore[no-untyped-call] # zstandard's stubs leave it out
        _sync(self._file)
        self._file.close()
        path = Path(self._file.name)
        tally, self._tally, self._frame, self._file = self._tally, _Tally(), None, None
        self._enter(tally.chunk(path, cut=False))

    def _enter(self, chunk: Chunk) -> None:
        enter(self.folder, chunk)
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
                for line in lines_of(path, closed=False):
                    tally.add(time_of(line))
                self._enter(tally.chunk(path, cut=True))


class _Tally:
    """Counts the lines of a chunk and keeps their earliest and latest time."""

    def __init__(self) -> None:
        self.records = 0
        self._first = 2**63
        self.last_at = 0

    def add(self, at: int, count: int = 1) -> None:
        self.records += count
        self._first = min(self._first, at)
        self.last_at = max(self.last_at, at)

    def chunk(self, path: Path, cut: bool) -> Chunk:
        return Chunk(
            chunk=path.name, first_at=self._first if self.records else 0, last_at=self.last_at, records=self.records,
            size=path.stat().st_size, sha256=hash_of(path), cut=cut,
        )  # fmt: skip


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
