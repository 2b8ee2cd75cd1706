"""Candle files: CSV sorted by symbol, given in the order of time without being held as objects."""

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator

import numpy as np

from engine.errors import BadRecord
from engine.plugs import Entry
from engine.records.market import MAX_AMOUNT, Bar, Ohlcv, check_symbol
from engine.world.imports.batches import Batch, tell_repeated
from engine.world.imports.candle_index import BOM, COLUMNS, HEADER, Rows, index, text_of
from engine.world.imports.fields import plain
from engine.world.imports.notes import Notes
from engine.world.imports.origin import Origin, Window

#: A field of so many plain characters is within what `amount` reads, wherever its point stands.
_SURE_DIGITS = 18
_COUNT_DIGITS = 15
_PLAIN = re.compile(r"[0-9]{1,18}\.[0-9]{1,18}", re.ASCII)
#: Rows that are made into bars in one go.
_GIVEN = 1 << 11


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file is a candle CSV: by its header."""
    return head.removeprefix(BOM).startswith(HEADER)


def read(origin: Origin) -> Iterator[Batch]:
    """Gives a candle CSV's bars in the order of time."""
    return Candles(origin.whole(), origin.name, origin.venue, origin.notes, origin.window).batches()


class Candles:
    """A candle file's bytes with an index of its rows in the order of time; bars are made when they are asked for."""

    def __init__(self, data: bytearray, name: str, venue: str, notes: Notes, window: Window = Window()) -> None:  # noqa: B008
        """Indexes the rows; a row without its place in time is told at once, other bad ones when their time comes."""
        self._data, self._name, self._venue, self._notes = data, name, venue, notes
        self._good: set[str] = set()
        self._last: Bar | None = None
        self._rows = index(data, name, notes, window)

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

    def _clean(self, rows: Rows) -> list[Bar] | None:
        """Gives the bars of rows that are candles, checked together; None where a single one may not be."""
        texts = [self._data[start:end] for start, end in zip(rows.start.tolist(), rows.end.tolist(), strict=True)]
        flat = b",".join(texts).decode("utf-8", "backslashreplace").split(",")
        symbols, trades = flat[::COLUMNS], flat[9::COLUMNS]
        columns = [flat[i::COLUMNS] for i in (2, 3, 4, 5, 6)]
        quotes = flat[8::COLUMNS]
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

    def _checked(self, rows: Rows) -> Iterator[Bar]:
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
        quote = np.array([float(quote or 0) for quote in quotes])
    except ValueError:  # two points in a number
        return False
    body = (low <= open_) & (open_ <= high) & (low <= close) & (close <= high)
    money = volume * (high + low + close) / 3.0
    return bool((body & (low > 0.0) & (high <= MAX_AMOUNT) & (quote <= MAX_AMOUNT) & (money <= MAX_AMOUNT)).all())


def _count(text: str) -> int:
    if len(text) > _COUNT_DIGITS or not (text.isascii() and text.isdigit()):
        raise BadRecord(f"not a number of trades: {text[:40]!r}")
    return int(text)
