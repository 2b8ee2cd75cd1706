"""Files of the store: a header that says all about the data behind it, then its columns one after another.

One file holds one series (venue, kind or step, symbol), since a file is what can be replaced atomically: its header
and its columns are never of different imports. The first line is JSON, padded so that the data begin on a multiple of
64 bytes; behind it stand whole columns (little-endian int64, or uint8), each contiguous, so that reading closes touches
no other column and a memory map needs no parsing. Parquet would have to be decompressed and decoded first, and a row
format would bring in every column for one. A column that follows from the rest is left out: `at` where it is the close,
fields that no row has, and with how many decimals values were written where that is one number for all.

    head -1 binance-spot/60/BTCUSDT.series
"""

import hashlib
import mmap
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from engine.errors import ConfigError, DirtyInput, LedgerError
from engine.world.store.numbers import ABSENT, Bytes, Ints, Numbers
from engine.world.store.tables import LAYOUTS, Layout, Series, Table, jumps_of

VERSION = 1
SUFFIX = ".series"
PART = ".part"
RULES = "symbol_rules"
_ALIGN = 64
_HEADER_BYTES = 1 << 16
#: Smaller files are read, not mapped: a map keeps a file descriptor, and a whole market has thousands of files.
_MAPPED_FROM = 1 << 18
_DECIMALS = "_decimals"
#: The types of columns, with their bytes a row.
_TYPES = {"<i8": 8, "|u1": 1}
_UNSAFE = re.compile(r"[^\w-]")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself. `first` and `last` are the time of its rows' key: open time of bars; ms.

    `digits` are the exponents of the decimal columns, `decimals` with how many decimals all values of a column were
    written (where they differ, a column NAME_decimals says it). `columns` are names and types in the order of the
    data, `sha256` is of all `bytes` behind the header. `gaps` counts the holes between bars, `missing` the bars that
    they lack, `jumps` the bars whose price does not follow from the bar before (None in files of older versions);
    `most` is the greatest whole number of each decimal column (none in files of older versions).
    """

    hot_series: int
    venue: str
    kind: str
    symbol: str
    step_s: int
    count: int
    first: int
    last: int
    gaps: int
    missing: int
    jumps: int | None = None
    most: dict[str, int] = {}
    digits: dict[str, int]
    decimals: dict[str, int]
    columns: dict[str, str]
    bytes: int
    sha256: str

    @property
    def of(self) -> Series:
        """The series that the file holds."""
        return Series(self.venue, self.kind, self.symbol, self.step_s)


_headers = msgspec.json.Decoder(Header)


def path_of(root: Path, of: Series) -> Path:
    """Gives the file of a series: VENUE/STEP/SYMBOL.series or VENUE/KIND/SYMBOL.series; odd characters become %XX.

    The rules of a venue's symbols are one file, VENUE/symbol_rules.series: its data are lines of the wire.
    """
    if of.kind == RULES:
        return root / _name(of.venue) / f"{RULES}{SUFFIX}"
    return root / _name(of.venue) / (str(of.step_s) if of.step_s else of.kind) / f"{_name(of.symbol)}{SUFFIX}"


def _name(text: str) -> str:
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match.group().encode()), text)


def header_of(path: Path) -> Header:
    """Reads a file's header; raises DirtyInput for a damaged or cut file, ConfigError for a newer version."""
    return _opened(path)[0]


def _opened(path: Path) -> tuple[Header, int]:
    try:
        with path.open("rb") as file:
            line = file.readline(_HEADER_BYTES)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise LedgerError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        header = _headers.decode(line)
        version: object = header.hot_series
    except (msgspec.DecodeError, UnicodeDecodeError):
        header, version = None, _version(line)
    if isinstance(version, int) and version > VERSION:
        raise ConfigError(f"{path}: made by a newer hot (version {version}, this one reads {VERSION}): update hot")
    if header is None:
        raise DirtyInput(f"{path}: damaged: it does not begin with a header; import its data again")
    if size != len(line) + header.bytes or not _adds_up(header):
        raise DirtyInput(f"{path}: damaged: its data are not what its header says; import them again")
    return header, len(line)


def _version(line: bytes) -> object:
    """Gives what a header that cannot be read says of its version, if it is one."""
    try:
        return msgspec.json.decode(line, type=dict[str, Any]).get("hot_series")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _adds_up(header: Header) -> bool:
    if header.kind == RULES:
        return not header.columns
    if header.kind not in LAYOUTS or header.count < 1 or not set(header.columns.values()) <= set(_TYPES):
        return False
    return header.bytes == sum(_padded(_TYPES[kind] * header.count) for kind in header.columns.values())


class SeriesFile:
    """A series on disk; columns are views of its memory map, made when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Opens a file; raises what `header_of` raises."""
        self.path = path
        self.header, self._start = _opened(path)
        self._data = _mapped(path, self._start + self.header.bytes)
        self._places: dict[str, tuple[str, int]] = {}
        place = self._start
        for name, kind in self.header.columns.items():
            self._places[name] = kind, place
            place += _padded(_TYPES[kind] * self.header.count)

    @property
    def layout(self) -> Layout:
        """The layout of its kind."""
        return LAYOUTS[self.header.kind]

    def __len__(self) -> int:
        return self.header.count

    def column(self, name: str) -> np.ndarray[Any, Any] | None:
        """Gives a column as it stands in the file, None where it was left out."""
        if name not in self._places:
            return None
        kind, place = self._places[name]
        return np.frombuffer(self._data, kind, self.header.count, place)

    def key(self) -> Ints:
        """Gives what orders the rows: open time, or time, in ms."""
        found = self.column(self.layout.key)
        assert found is not None
        return found

    def at(self) -> Ints:
        """Gives when each row could be known, in ms."""
        found = self.column("at")
        return self.key() + 1000 * self.header.step_s if found is None else found

    def table(self, low: int = 0, high: int | None = None) -> Table:
        """Gives some of the rows with every column, also those that were left out."""
        rows = slice(low, self.header.count if high is None else high)
        key = self.key()[rows]
        wholes = {self.layout.key: key}
        for name in self.layout.wholes:
            found = self.column(name)
            wholes[name] = _implied(name, key, self.header.step_s) if found is None else found[rows]
        return Table(self.header.of, wholes, {name: self.numbers(name, rows) for name in self.layout.numbers})

    def numbers(self, name: str, rows: slice) -> Numbers:
        """Gives some of a decimal column."""
        digits = self.header.digits[self.layout.numbers[name]]
        mantissa, decimals = self.column(name), self.column(name + _DECIMALS)
        count = len(range(*rows.indices(self.header.count)))
        if mantissa is None:
            return Numbers(_repeated("<i8", -1, count), _repeated("|u1", ABSENT, count), digits)
        if decimals is None:
            return Numbers(mantissa[rows], _repeated("|u1", self.header.decimals[name], count), digits)
        return Numbers(mantissa[rows], decimals[rows], digits)

    def sha256(self) -> str:
        """Gives the hash of the data as they are."""
        return hashlib.sha256(memoryview(self._data)[self._start :]).hexdigest()


@lru_cache(64)
def _repeated(kind: str, value: int, count: int) -> np.ndarray[Any, Any]:
    """Gives one value over and over, as a view of a single one."""
    one = np.array([value], kind)
    one.flags.writeable = False
    return np.ndarray((count,), kind, one, strides=(0,))


def _implied(name: str, key: Ints, step_s: int) -> Ints:
    """Gives what a whole column holds that was left out."""
    return key + 1000 * step_s if name == "at" else np.full(len(key), -1, np.int64)


def _mapped(path: Path, size: int) -> bytes | mmap.mmap:
    try:
        if size < _MAPPED_FROM:
            return path.read_bytes()
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise LedgerError(f"{path}: cannot be read ({error.strerror})") from None


def _padded(size: int) -> int:
    return -(-size // _ALIGN) * _ALIGN


def write_table(root: Path, table: Table) -> Header:
    """Writes a series and gives its header; the old file stays whole until the new one is there. Raises LedgerError."""
    columns = dict(_kept(table))
    gaps, missing, jumps = 0, 0, 0
    if table.of.step_s:
        holes = np.diff(table.key) // (1000 * table.of.step_s) - 1
        gaps, missing, jumps = int((holes > 0).sum()), int(holes.sum()), len(jumps_of(table))
    data = b"".join(_block(column) for column in columns.values())
    header = Header(
        hot_series=VERSION, **table.of._asdict(), count=len(table), first=int(table.key[0]), last=int(table.key[-1]),
        gaps=gaps, missing=missing, jumps=jumps,
        most={name: int(column.mantissa.max()) for name, column in table.numbers.items()}, digits=table.digits(),
        decimals={name: int(column.decimals[0]) for name, column in table.numbers.items() if _is_even(columns, name)},
        columns={name: column.dtype.str for name, column in columns.items()}, bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )  # fmt: skip
    _write(path_of(root, table.of), header, data)
    return header


def write_rules(root: Path, venue: str, times: list[int], lines: list[bytes]) -> None:
    """Writes the rules of a venue's symbols, lines of the wire in order of time. Raises LedgerError."""
    of = Series(venue, RULES, "")
    data = b"".join(line + b"\n" for line in lines)
    header = Header(
        hot_series=VERSION, **of._asdict(), count=len(lines), first=times[0], last=times[-1], gaps=0, missing=0,
        jumps=0, digits={}, decimals={}, columns={}, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
    )  # fmt: skip
    _write(path_of(root, of), header, data)


def read_rules(path: Path) -> list[bytes]:
    """Gives the lines of a venue's rules; raises what `header_of` raises, DirtyInput for other than were written."""
    header, start = _opened(path)
    data = path.read_bytes()[start:]
    if hashlib.sha256(data).hexdigest() != header.sha256:
        raise DirtyInput(f"{path}: damaged: its data are not what was written; delete it and import them again")
    return data.splitlines()


def _write(path: Path, header: Header, data: bytes) -> None:
    line = msgspec.json.encode(header)
    line = line.ljust(_padded(len(line) + 1) - 1) + b"\n"
    part = path.with_name(path.name + PART)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(line)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LedgerError(f"{path}: cannot be written ({error.strerror}); the series stays as it was") from None


def _kept(table: Table) -> Iterator[tuple[str, Ints | Bytes]]:
    layout = table.layout
    yield layout.key, table.key
    for name in layout.wholes:
        column = table.wholes[name]
        if not np.array_equal(column, _implied(name, table.key, table.of.step_s)):
            yield name, column
    for name in layout.numbers:
        numbers = table.numbers[name]
        if numbers.is_absent():
            continue
        yield name, numbers.mantissa
        if (numbers.decimals != numbers.decimals[0]).any():
            yield name + _DECIMALS, numbers.decimals


def _is_even(columns: dict[str, Ints | Bytes], name: str) -> bool:
    """Says whether all values of a column that is kept were written with the same number of decimals."""
    return name in columns and name + _DECIMALS not in columns


def _block(column: Ints | Bytes) -> bytes:
    data = column.astype(column.dtype.newbyteorder("<"), copy=False).tobytes()
    return data.ljust(_padded(len(data)), b"\0")
