"""The bytes of a file, unpacked piece by piece, with an end put to compression bombs and cut-off files."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from engine.errors import ConfigError, DirtyInput

_PIECE = 1 << 18
#: A zstd decompressor gives all of its input's output at once: one kilobyte in is at most 32 MB out.
_ZSTD_PIECE = 1 << 10
#: Below this size no ratio is suspicious; real recordings pack at most about 60:1.
_RATIO_FROM = 64 << 20
MAX_RATIO = 250
MAX_EXPANDED = 8 << 30

_GZIP, _ZSTD, _ZIP = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"


class Limits(NamedTuple):
    """How much a compressed file may grow, in bytes and as a ratio."""

    expanded: int = MAX_EXPANDED
    ratio: int = MAX_RATIO


def pieces(path: Path, limits: Limits = Limits()) -> Iterator[bytes]:  # noqa: B008 - immutable
    """Gives a file's bytes, unpacked when it is gzip, zstd or a zip of one file, in pieces of bounded size.

    What it is shows in its first bytes, not in its name. Raises DirtyInput where it is cut off, damaged or grows
    beyond the limits, ConfigError where it cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path and its rights") from None
    with file:
        try:
            magic = file.read(4)
            file.seek(0)
            if magic.startswith(_GZIP):
                yield from _bounded(_gunzip(file, path), file, path, limits)
            elif magic == _ZSTD:
                yield from _bounded(_unzstd(file, path), file, path, limits)
            elif magic == _ZIP:
                yield from _bounded(_unzip(file, path), file, path, limits)
            else:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None


def whole(path: Path, limits: Limits = Limits()) -> bytearray:  # noqa: B008 - immutable
    """Gives all of a file's bytes, unpacked; raises what `pieces` raises."""
    data = bytearray()
    for piece in pieces(path, limits):
        data += piece
    return data


def head(path: Path, size: int = 4096) -> bytes:
    """Gives the first unpacked bytes of a file; raises what `pieces` raises."""
    got = b""
    for piece in pieces(path):
        got += piece
        if len(got) >= size:
            break
    return got[:size]


def _gunzip(file: BinaryIO, path: Path) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(31)
    data = b""
    try:
        while data or (data := file.read(_PIECE)):
            if unpacker.eof:
                # A second member (as `cat a.gz b.gz` makes), or zero padding, which gzip allows.
                data = data.lstrip(b"\x00")
                if not data:
                    continue
                unpacker = zlib.decompressobj(31)
            yield unpacker.decompress(data, _PIECE)
            while unpacker.unconsumed_tail:
                yield unpacker.decompress(unpacker.unconsumed_tail, _PIECE)
            data = unpacker.unused_data
    except zlib.error as error:
        raise DirtyInput(f"{path}: the gzip data are damaged ({error}); get the file again") from None
    if not unpacker.eof:
        raise DirtyInput(f"{path}: the gzip file is cut off; get it again")


def _unzstd(file: BinaryIO, path: Path) -> Iterator[bytes]:
    import zstandard

    unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    data = b""
    try:
        while data or (data := file.read(_ZSTD_PIECE)):
            if unpacker.eof:
                unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
            yield unpacker.decompress(data)
            data = unpacker.unused_data
    except zstandard.ZstdError as error:
        raise DirtyInput(f"{path}: the zstd data are damaged ({error}); get the file again") from None
    if not unpacker.eof:
        raise DirtyInput(f"{path}: the zstd file is cut off; get it again")


def _unzip(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Gives the one file of an archive, as exchanges offer their history."""
    from zipfile import BadZipFile, ZipFile

    try:
        with ZipFile(file) as archive:
            names = [one for one in archive.infolist() if not one.is_dir()]
            if len(names) != 1:
                raise DirtyInput(f"{path}: a zip of {len(names)} files; unpack it, and name the folder")
            with archive.open(names[0]) as member:
                while piece := member.read(_PIECE):
                    yield piece
    except (BadZipFile, zlib.error, EOFError) as error:
        raise DirtyInput(f"{path}: the zip file is damaged or cut off ({error}); get it again") from None
    except RuntimeError as error:  # a password, or (NotImplementedError) a packing unknown here
        raise DirtyInput(f"{path}: the zip file cannot be unpacked ({error}); unpack it yourself") from None


def _bounded(unpacked: Iterator[bytes], file: BinaryIO, path: Path, limits: Limits) -> Iterator[bytes]:
    total = 0
    for piece in unpacked:
        if not piece:
            continue
        total += len(piece)
        if total > limits.expanded:
            raise DirtyInput(f"{path}: unpacks to more than {limits.expanded} bytes")
        if total > _RATIO_FROM and total > limits.ratio * file.tell():
            raise DirtyInput(f"{path}: unpacks to more than {limits.ratio} times its size, as only a bomb does")
        yield piece
