"""Candle files: CSV sorted by symbol, given in the order of time without being held as objects."""

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from engine.errors import BadRecord, DirtyInput
from engine.plugs import Entry
from engine.records.market import MAX_AMOUNT, Bar, Ohlcv, check_symbol
from engine.world.imports.batches import Batch, tell_repeated
from engine.world.imports.fields import plain
from engine.world.imports.notes import Notes
from engine.world.imports.origin import Origin, Window

HEADER = b"symbol,open_time,open,high,low,close,volume,close_time,quote_volume,trades"
_COLUMNS = 10
_OPEN_TIME, _CLOSE_TIME = 1, 7
_TIME_DIGITS = 13
_SYMBOL_BYTES = 160
#: A field of so many plain characters is within what `amount` reads, wherever its point stands.
_SURE_DIGITS = 18
_COUNT_DIGITS = 15
_PLAIN = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}", re.ASCII)
_BOM = b"\xef\xbb\xbf"
#: Rows that are indexed, and that are made into bars, in one go: bounds what is held beside bytes and index.
_STRIDE = 1 << 16
_GIVEN = 1 << 11

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file is a candle CSV: by its header."""
    return head.removeprefix(b"\xef\xbb\xbf").startswith(HEADER)


def read(origin: Origin) -> Iterator[Batch]:
    """Gives a candle CSV's bars in the order of time."""
    return Candles(origin.whole(), origin.name, origin.venue, origin.notes, origin.window).batches()


class Candles:
    """A candle file's bytes with an index of its rows in the order of time; bars are made when they are asked for."""

    def __init__(self, data: bytearray, name: str, venue: str, notes: Notes, window: Window = Window()) -> None:  # noqa: B008
        """Indexes the rows; one whose place in time cannot be read is a bad line at once, others when their time comes.

        Raises DirtyInput for a file without rows.
        """
        self._data, self._name, self._venue, self._notes = data, name, venue, notes
        self._ids: dict[bytes, int] = {}
        self._good: set[str] = set()
        self._last: Bar | None = None
        bytes_ = np.frombuffer(data, dtype=np.uint8)
        strides = [self._stride(bytes_, *span) for span in _spans(bytes_)]
        if not strides:
            raise DirtyInput(f"{name}: no rows under the header; is the file complete?")
        rows = _Rows(*(np.concatenate(column) for column in zip(*strides, strict=True)))
        self._rows = rows.pick(self._order(rows, window))

    def _order(self, rows: "_Rows", window: Window) -> Ints:
        names = [_text(name) for name in self._ids]
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

    def _stride(self, data: Bytes, start: Ints, end: Ints, line: Ints) -> "_Rows":
        """Finds where some rows stand in time; tells of those that do not say so."""
        commas = start[0] + np.flatnonzero(data[start[0] : end[-1]] == ord(","))
        first = np.searchsorted(commas, start)
        good = np.searchsorted(commas, end) - first == _COLUMNS - 1
        opened = _times(data, commas, first, good, _OPEN_TIME)
        closed = _times(data, commas, first, good, _CLOSE_TIME)
        step = closed - opened + 1
        good &= (step > 0) & (step % 1000 == 0)
        for row in np.flatnonzero(~good).tolist():
            self._tell(bytes(self._data[start[row] : end[row]]), int(line[row]))
        start, end, line, opened, closed = start[good], end[good], line[good], opened[good], closed[good]
        return _Rows(start, end, line, opened, closed + 1, self._symbols(data, start, commas[first[good]]))

    def _tell(self, row: bytes, line: int) -> None:
        if row.strip() and row.removeprefix(_BOM).rstrip() != HEADER:
            self._notes.bad(self._name, line, _why(row), row)

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

    def batches(self) -> Iterator[Batch]:
        """Gives the bars as batches in the order of time; a row that is no candle is a bad line."""
        now: int | None = None
        entries: list[Entry] = []
        for low in range(0, len(self._rows.at), _GIVEN):
            bars = self._bars(low)
            found = list(map(Entry, bars, itertools.repeat(None)))
            at = [bar.at for bar in bars]
            start = 0
            while start < len(at):
                end = bisect_right(at, at[start], lo=start)
                if at[start] == now:
                    entries += found[start:end]
                else:
                    if now is not None:
                        yield now, entries
                    now, entries = at[start], found[start:end]
                start = end
        if now is not None:
            yield now, entries

    def _bars(self, low: int) -> list[Bar]:
        rows = self._rows.pick(slice(low, low + _GIVEN))
        # The row before tells whether the first one repeats it.
        repeats = self._repeats(slice(max(low - 1, 0), low + _GIVEN))
        bars = None if repeats else self._clean(rows)
        if bars is None:
            return list(self._checked(rows))
        self._last = bars[-1]
        return bars

    def _repeats(self, rows: slice) -> bool:
        _, _, _, opened, at, symbol = (column[rows] for column in self._rows)
        return bool(((opened[1:] == opened[:-1]) & (at[1:] == at[:-1]) & (symbol[1:] == symbol[:-1])).any())

    def _clean(self, rows: "_Rows") -> list[Bar] | None:
        """Gives the bars of rows that are candles, checked together; None where a single one may not be."""
        texts = [self._data[start:end] for start, end in zip(rows.start.tolist(), rows.end.tolist(), strict=True)]
        flat = b",".join(texts).decode("utf-8", "backslashreplace").split(",")
        symbols, trades = flat[::_COLUMNS], flat[9::_COLUMNS]
        columns = [flat[i::_COLUMNS] for i in (2, 3, 4, 5, 6)]
        quotes = flat[8::_COLUMNS]
        if "e" in "".join(columns[0]):
            # Some recordings write small prices as 3.68e-05.
            columns = [[plain(number) for number in column] for column in columns]
        if not (self._known(symbols) and _are_plain(columns, quotes, trades) and _fit(columns, quotes)):
            return None
        venue = self._venue
        steps = ((rows.at - rows.opened) // 1000).tolist()
        return [
            Bar(at=at, venue=venue, symbol=symbol, step_s=step, open_at=opened, open=open_, high=high, low=low,
                close=close, volume=volume, quote_volume=quote or None, trades=int(count) if count else None)
            for at, symbol, step, opened, open_, high, low, close, volume, quote, count in zip(
                rows.at.tolist(), symbols, steps, rows.opened.tolist(), *columns, quotes, trades, strict=True
            )
        ]  # fmt: skip

    def _known(self, symbols: list[str]) -> bool:
        for symbol in set(symbols) - self._good:
            try:
                check_symbol(symbol)
            except BadRecord:
                return False
            self._good.add(symbol)
        return True

    def _checked(self, rows: "_Rows") -> Iterator[Bar]:
        """Gives the bars of rows, checked one by one; tells of those that are no candles or were there already."""
        last = self._last
        for start, end, line, opened, at in zip(*(column.tolist() for column in rows[:5]), strict=True):
            row = bytes(self._data[start:end])
            try:
                bar = self._bar(text_of(row).split(","), opened, at)
            except BadRecord as error:
                self._notes.bad(self._name, line, str(error), row)
                continue
            if last is not None and (last.symbol, last.open_at, last.at) == (bar.symbol, opened, at):
                tell_repeated(last, bar, self._name, line, self._notes)
                continue
            last = self._last = bar
            yield bar

    def _bar(self, fields: list[str], opened: int, at: int) -> Bar:
        symbol, _, open_, high, low, close, volume, _, quote, trades = fields
        open_, high, low, close, volume, quote = map(plain, (open_, high, low, close, volume, quote))
        check_symbol(symbol)
        bar = Bar(
            at=at, venue=self._venue, symbol=symbol, step_s=(at - opened) // 1000, open_at=opened, open=open_,
            high=high, low=low, close=close, volume=volume, quote_volume=quote or None,
            trades=_count(trades) if trades else None,
        )  # fmt: skip
        Ohlcv(bar)
        return bar


class _Rows(NamedTuple):
    """Where the rows are: their bytes, line number, times, and the number of their symbol."""

    start: Ints
    end: Ints
    line: Ints
    opened: Ints
    at: Ints
    symbol: Ints

    def pick(self, rows: Ints | slice) -> "_Rows":
        return _Rows(*(column[rows] for column in self))


def _spans(data: Bytes) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Gives (start, end, line number) of the rows, a stride at a time."""
    low, line = 0, 1
    while low < len(data):
        high = _line_end(data, low + _STRIDE * 64)
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
        found = np.flatnonzero(data[at : at + _STRIDE] == ord("\n"))
        if len(found):
            return at + int(found[0]) + 1
        at += _STRIDE
    return len(data)


def _times(data: Bytes, commas: Ints, first: Ints, good: Flags, column: int) -> Ints:
    """Reads a column of epoch milliseconds; rows where it is none become not good."""
    out = np.zeros(len(first), dtype=np.int64)
    rows = np.flatnonzero(good)
    begin = commas[first[rows] + column - 1] + 1
    fits = commas[first[rows] + column] - begin == _TIME_DIGITS
    good[rows[~fits]] = False
    rows, begin = rows[fits], begin[fits]
    digits = data[begin[:, None] + np.arange(_TIME_DIGITS)] - np.uint8(ord("0"))
    whole = (digits <= 9).all(axis=1)
    good[rows[~whole]] = False
    out[rows] = digits.astype(np.int64) @ (10 ** np.arange(_TIME_DIGITS - 1, -1, -1, dtype=np.int64))
    return out


def _are_plain(columns: list[list[str]], quotes: list[str], trades: list[str]) -> bool:
    """Says whether all fields hold plain decimals, by looking at them as one text; no is not certain."""
    numbers = "," + ",".join(map(",".join, columns)) + ","
    given = [quote for quote in quotes if quote]
    if given:
        numbers += ",".join(given) + ","
    if numbers.encode().translate(None, b"0123456789.,") or any(odd in numbers for odd in (",.", ".,", ",,")):
        return False
    counts = "".join(trades)
    if counts and not (counts.isascii() and counts.isdigit() and max(map(len, trades)) <= _COUNT_DIGITS):
        return False
    return all(
        _PLAIN.fullmatch(field)
        for column in (*columns, given)
        if max(map(len, column), default=0) > _SURE_DIGITS
        for field in column
        if len(field) > _SURE_DIGITS
    )


def _fit(columns: list[list[str]], quotes: list[str]) -> bool:
    """Says whether all bars are candles as `Ohlcv` sees them."""
    try:
        open_, high, low, close, volume = (np.array(list(map(float, column))) for column in columns)
    except ValueError:  # two points in a number
        return False
    body = (low <= open_) & (open_ <= high) & (low <= close) & (close <= high)
    quote = np.array([float(quote or 0) for quote in quotes])
    money = volume * (high + low + close) / 3.0
    return bool((body & (low > 0.0) & (high <= MAX_AMOUNT) & (quote <= MAX_AMOUNT) & (money <= MAX_AMOUNT)).all())


def _why(row: bytes) -> str:
    """Says why a row has no place in time."""
    fields = row.split(b",")
    if len(fields) != _COLUMNS:
        return f"{len(fields)} columns instead of {_COLUMNS}"
    opened, closed = fields[_OPEN_TIME], fields[_CLOSE_TIME]
    for text in (opened, closed):
        if len(text) != _TIME_DIGITS or not text.isdigit():
            return f"not a time in epoch milliseconds: {_text(text[:40])!r}"
    return f"a bar from {int(opened)} to {int(closed)} is not whole seconds long"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _count(text: str) -> int:
    if len(text) > _COUNT_DIGITS or not (text.isascii() and text.isdigit()):
        raise BadRecord(f"not a number of trades: {text[:40]!r}")
    return int(text)
