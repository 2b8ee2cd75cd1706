"""The recording: the facts a run saw, kept beside its ledger as compressed chunks with an index and their hashes."""

import os
import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path

import msgspec

from engine.errors import DirtyInput
from engine.records.wire import MAX_LINE_BYTES

INDEX = "index.jsonl"
_NAME = re.compile(r"[0-9]{6,}\.jsonl\.zst", re.ASCII)
_PIECE = 1 << 16


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
    return sorted(found, key=lambda path: number_of(path.name))


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
    return [chunks[name] for name in sorted(chunks, key=number_of)]


def enter(folder: Path, chunk: Chunk) -> None:
    """Adds a line about a chunk to the index, durably; it replaces an earlier one."""
    with (folder / INDEX).open("ab") as file:
        file.write(msgspec.json.encode(chunk) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def count_lines(folder: Path) -> int:
    """Gives how many lines are recorded, those of a chunk that a crash left open among them."""
    if not folder.is_dir():
        return 0
    closed = {chunk.chunk: chunk.records for chunk in read_index(folder)}
    left_open = [path for path in chunk_files(folder) if path.name not in closed]
    return sum(closed.values()) + sum(1 for path in left_open for _ in lines_of(path, closed=False))


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
    names = sorted({*known, *(path.name for path in chunk_files(folder))}, key=number_of)
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
        lines = lines_of(path, closed=chunk is not None and not chunk.cut)
        if since is None and until is None:
            yield from lines
        else:
            yield from (line for line in lines if _is_inside(time_of(line), since, until))


def check_chunk(folder: Path, chunk: Chunk) -> None:
    """Raises DirtyInput where a closed chunk is not the file that was closed."""
    path = folder / chunk.chunk
    if chunk.pruned:
        raise DirtyInput(f"{path}: it was pruned; read from a later time with --since")
    try:
        found = hash_of(path)
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
        enter(folder, msgspec.structs.replace(chunk, pruned=True))
        (folder / chunk.chunk).unlink(missing_ok=True)
        freed += chunk.size
    return freed


def lines_of(path: Path, closed: bool) -> Iterator[bytes]:
    """Gives the whole lines of a chunk; raises DirtyInput where a closed one is damaged, up to there otherwise."""
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


def number_of(name: str) -> int:
    """Gives the number in a chunk's name."""
    return int(name.split(".")[0])


def time_of(line: bytes) -> int:
    """Gives a line's time in epoch ms; raises DirtyInput where it has none."""
    try:
        return int(_instant.decode(line).at)
    except (msgspec.DecodeError, RecursionError) as error:
        raise DirtyInput(f"not a line of the wire: {error}: {line[:60]!r}") from None


def hash_of(path: Path) -> str:
    """Gives the sha256 of a file in hex."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
