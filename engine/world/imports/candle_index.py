"""The index of a candle file: where each row stands in its bytes and in time, found for thousands of rows at once."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.errors import DirtyInput
from engine.world.imports.notes import Notes
from engine.world.imports.origin import Window

HEADER = b"symbol,open_time,open,high,low,close,volume,close_time,quote_volume,trades"
BOM = b"\xef\xbb\xbf"
COLUMNS = 10
_OPEN_TIME, _CLOSE_TIME = 1, 7
#: Units of time by their number of digits: from 2001 to 2286 these tell them apart.
_UNITS = {10: "seconds", 13: "milliseconds", 16: "microseconds"}
_S_DIGITS, _MS_DIGITS = 10, 13
_DAY_MS = 86_400_000
#: Rows of a file that are asked for its unit.
_ASKED = 100
_SYMBOL_BYTES = 160
#: Bytes that are looked at in one go: bounds what is held beside the file and its index.
_STRIDE = 1 << 22
_LOOK = 1 << 16

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Rows(NamedTuple):
    """Where the rows are: their bytes, line number, times, and the number of their symbol."""

    start: Ints
    end: Ints
    line: Ints
    opened: Ints
    at: Ints
    symbol: Ints

    def pick(self, rows: Ints | slice) -> "Rows":
        """Gives some of the rows."""
        return Rows(*(column[rows] for column in self))


def index(data: bytearray, name: str, notes: Notes, window: Window) -> Rows:
    """Gives the wanted rows of a candle CSV in the order of time, symbol and step (the shortest first).

    Times may be epoch seconds, milliseconds or microseconds, all in the same unit. A row that does not say where it
    stands in time is a bad line; raises DirtyInput for one that says so in another unit.
    """
    return _Index(data, name, notes).rows(window)


def on_grid(opened: Ints, step: Ints | int) -> Flags:
    """Says which bars open where bars of their step do; all in ms. Those longer than a day open at some midnight."""
    grid = np.where(_DAY_MS % step == 0, step, np.minimum(step, _DAY_MS))
    found: Flags = opened % grid == 0
    return found


class _Index:
    def __init__(self, data: bytearray, name: str, notes: Notes) -> None:
        self._data, self._name, self._notes = data, name, notes
        self._ids: dict[bytes, int] = {}
        self._digits = _digits_of(data)

    def rows(self, window: Window) -> Rows:
        data = np.frombuffer(self._data, dtype=np.uint8)
        strides = [self._stride(data, *span) for span in _spans(data)]
        rows = Rows(*(np.concatenate(column) for column in zip(*strides, strict=True)))
        return rows.pick(self._order(rows, window))

    def _order(self, rows: Rows, window: Window) -> Ints:
        names = [text_of(name) for name in self._ids]
        rank = np.empty(len(names), dtype=np.int64)
        rank[sorted(range(len(names)), key=names.__getitem__)] = np.arange(len(names))
        wanted = np.ones(len(rows.at), dtype=bool)
        if window.symbols:
            wanted &= np.array([name in window.symbols for name in names], dtype=bool)[rows.symbol]
        if window.since is not None:
            wanted &= rows.at >= window.since
        if window.until is not None:
            wanted &= rows.at < window.until
        found = np.flatnonzero(wanted)
        # Of several steps of one symbol the shortest first.
        keys = (rows.line[found], -rows.opened[found], rank[rows.symbol[found]], rows.at[found])
        return found[np.lexsort(keys)]

    def _stride(self, data: Bytes, start: Ints, end: Ints, line: Ints) -> Rows:
        """Finds where some rows stand in time; tells of those that do not say so."""
        commas = start[0] + np.flatnonzero(data[start[0] : end[-1]] == ord(","))
        first = np.searchsorted(commas, start)
        good = np.searchsorted(commas, end) - first == COLUMNS - 1
        opened, whole = self._in_ms(_times(data, commas, first, good, _OPEN_TIME, self._digits))
        good &= whole
        at, whole = self._in_ms(_times(data, commas, first, good, _CLOSE_TIME, self._digits) + 1)
        step = at - opened
        good &= whole & (step > 0) & (step % 1000 == 0)
        good[good] = on_grid(opened[good], step[good])
        for row in np.flatnonzero(~good).tolist():
            self._tell(bytes(self._data[start[row] : end[row]]), int(line[row]))
        start, end, line, opened, at = start[good], end[good], line[good], opened[good], at[good]
        return Rows(start, end, line, opened, at, self._symbols(data, start, commas[first[good]]))

    def _in_ms(self, times: Ints) -> tuple[Ints, Flags]:
        """Gives times of the file's unit in milliseconds, and which of them are whole ones."""
        if self._digits > _MS_DIGITS:
            part = 10 ** (self._digits - _MS_DIGITS)
            return times // part, times % part == 0
        return times * 10 ** (_MS_DIGITS - self._digits), np.ones(len(times), dtype=bool)

    def _tell(self, row: bytes, line: int) -> None:
        if row.strip() and row.removeprefix(BOM).rstrip() != HEADER:
            self._notes.bad(self._name, line, self._why(row, line), row)

    def _why(self, row: bytes, line: int) -> str:
        """Says why a row has no place in time; raises DirtyInput for one whose times are in another unit."""
        fields = row.split(b",")
        if len(fields) != COLUMNS:
            return f"{len(fields)} columns instead of {COLUMNS}"
        unit, other = _UNITS[self._digits], _unit_of(fields)
        if other is not None and other != self._digits:
            raise DirtyInput(f"{self._name}:{line}: its times are in {_UNITS[other]}, those before in {unit}")
        times = fields[_OPEN_TIME], fields[_CLOSE_TIME]
        for text in times:
            if len(text) != self._digits or not text.isdigit():
                return f"not a time in epoch {unit}: {text_of(text[:40])!r}"
        opened, step_s = int(times[0]), (int(times[1]) + 1 - int(times[0])) / 10 ** (self._digits - _S_DIGITS)
        if step_s > 0 and step_s.is_integer():
            return f"a bar of {step_s:.0f} s does not open at {opened}"
        return f"a bar from {opened} to {int(times[1])} is not whole seconds long"

    def _symbols(self, data: Bytes, start: Ints, end: Ints) -> Ints:
        """Gives a number for each row's symbol; looks a symbol up only where it differs from the row before."""
        if not len(start):
            return start
        columns = np.arange(min(int((end - start).max()), _SYMBOL_BYTES))
        inside = columns < (end - start)[:, None]
        text = np.where(inside, data[np.minimum(start[:, None] + columns, len(data) - 1)], 0)
        differs = (text[1:] != text[:-1]).any(axis=1) | (np.diff(end - start) != 0)
        change = np.flatnonzero(np.concatenate(([True], differs)))
        spans = zip(start[change].tolist(), end[change].tolist(), strict=True)
        ids = [self._ids.setdefault(bytes(self._data[a:b]), len(self._ids)) for a, b in spans]
        return np.repeat(np.array(ids, dtype=np.int64), np.diff(np.append(change, len(start))))


def _spans(data: Bytes) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Gives (start, end, line number) of the rows, a stride at a time."""
    low, line = 0, 1
    while low < len(data):
        high = _line_end(data, low + _STRIDE)
        ends = low + np.flatnonzero(data[low:high] == ord("\n"))
        if high == len(data) and data[-1] != ord("\n"):
            ends = np.append(ends, high)
        starts = np.concatenate(([low], ends[:-1] + 1))
        lines = line + np.arange(len(ends), dtype=np.int64)
        returns = (ends > starts) & (data[ends - 1] == ord("\r"))
        yield starts, ends - returns, lines
        low, line = high, line + len(ends)


def _line_end(data: Bytes, at: int) -> int:
    while at < len(data):
        found = np.flatnonzero(data[at : at + _LOOK] == ord("\n"))
        if len(found):
            return at + int(found[0]) + 1
        at += _LOOK
    return len(data)


def _times(data: Bytes, commas: Ints, first: Ints, good: Flags, column: int, digits: int) -> Ints:
    """Reads a column of epoch times of so many digits; rows where it is none become not good."""
    out = np.zeros(len(first), dtype=np.int64)
    rows = np.flatnonzero(good)
    begin = commas[first[rows] + column - 1] + 1
    fits = commas[first[rows] + column] - begin == digits
    good[rows[~fits]] = False
    rows, begin = rows[fits], begin[fits]
    figures = data[begin[:, None] + np.arange(digits)] - np.uint8(ord("0"))
    whole = (figures <= 9).all(axis=1)
    good[rows[~whole]] = False
    out[rows] = figures.astype(np.int64) @ (10 ** np.arange(digits - 1, -1, -1, dtype=np.int64))
    return out


def _digits_of(data: bytearray) -> int:
    """Gives the digits of a file's times, as its first row with such a time has them; those of milliseconds else."""
    start = 0
    for _ in range(_ASKED):
        end = data.find(b"\n", start)
        digits = _unit_of(bytes(data[start : end if end >= 0 else len(data)]).split(b","))
        if digits is not None:
            return digits
        if end < 0:
            break
        start = end + 1
    return _MS_DIGITS


def _unit_of(fields: list[bytes]) -> int | None:
    """Gives the digits of a row's times, where both are times of one unit."""
    if len(fields) != COLUMNS:
        return None
    opened, closed = fields[_OPEN_TIME], fields[_CLOSE_TIME]
    is_one = opened.isdigit() and closed.isdigit() and len(opened) == len(closed) and len(opened) in _UNITS
    return len(opened) if is_one else None


def text_of(raw: bytes) -> str:
    """Gives bytes as text; what is no UTF-8 stays visible as an escape."""
    return raw.decode("utf-8", "backslashreplace")
