"""Columns: whole-market frames of tickers read by compiled kernels, where numba is installed.

The general reader of frames (`frames`) says what a frame means; what the kernels do not take as a matter of course they
refuse, and it decides.
"""

from collections.abc import Callable, Collection, Iterable
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from engine.kernels import tickers as kernels
from engine.kernels.compiled import compiled, keep_compiled
from engine.records.market import Ticker
from engine.records.tickers import Tickers
from engine.records.wire import decode_tickers
from engine.world.streams.clock import Stamp

#: How an array begins that the kernels read.
_OPENING = b'{"stream":"!miniTicker@arr","data":['
#: More symbols than this that nobody knows in one frame are left to the general reader.
_MOST_STRANGERS = 64
#: No time of an event that the kernels read comes near.
_FAR = 1 << 62


class Kernels(NamedTuple):
    """The kernels, compiled or plain."""

    scan: Callable[..., int] = kernels.scan
    write: Callable[..., int] = kernels.write


class Found(NamedTuple):
    """What was in a frame: tickers, how many events, and symbols that nobody knows."""

    tickers: Tickers
    rows: int
    strangers: Collection[str]


def load(folder: Path) -> Kernels | None:
    """Gives the compiled kernels, kept in `folder`; None where numba is not installed.

    Takes half a second of processor time, and several seconds where they are compiled for the first time.
    """
    try:
        keep_compiled(folder)
        made = Kernels(compiled(kernels.scan), compiled(kernels.write))
    except ImportError:
        return None
    # Numba compiles at the first call.
    row = b'{"E":1,"s":"A","c":"1","v":"1","q":"1"}]}'
    found = Columns("", ("A",), {"A"}, {}, made).read(_OPENING + row, Stamp(1, 1))
    assert found is not None and found.tickers.lines()
    return made


class Columns:
    """Reads arrays of mini tickers for one venue, as long as the same symbols are wanted and known."""

    def __init__(
        self, venue: str, names: tuple[str, ...], wanted: Collection[str], told: dict[str, int], kernels: Kernels
    ) -> None:
        """`names` are the known symbols in their order.

        `told` has the newest event of each; who looks at it meanwhile asks for it with `lend`.
        """
        import numpy as np

        self._np, self._venue, self._kernels, self._known_told = np, venue, kernels, told
        self.names = names
        encoded = [name.encode("utf-8", "surrogatepass") for name in self.names]
        count = len(encoded)
        self._blob = np.frombuffer(b"".join(encoded) or b"\0", np.uint8)
        self._starts = np.array([0, *accumulate(map(len, encoded))], np.int64)
        self._slots = np.array(_slots(encoded), np.int64)
        self._wanted = np.array([name in wanted for name in self.names], np.uint8)
        self._place = np.full(count, -1, np.int64)
        self._told = self._before = np.full(count, -1, np.int64)
        self._is_lent = True

    def read(self, frame: bytes, stamp: Stamp) -> Found | None:
        """Gives what an array holds; None where the general reader has to look."""
        np, count = self._np, len(self.names)
        if not frame.startswith(_OPENING) or not _is_text(frame):
            return None
        if self._is_lent:
            self._hear()
        view = np.frombuffer(frame, np.uint8)
        rows, days = np.empty((2 * count + 1, kernels.WIDTH + 1), np.int64), np.empty(2 * count + 1)
        strangers, counts = np.empty((_MOST_STRANGERS, 2), np.int64), np.zeros(kernels.COUNTS, np.int64)
        refused = self._kernels.scan(
            view, len(_OPENING), self._blob, self._starts, self._slots, self._wanted, self._told, self._place, rows,
            days, strangers, counts,
        )  # fmt: skip
        if refused:
            return None
        found, events, unknown = counts.tolist()
        # What stays is not to hold on to the room that was needed for reading.
        rows, days = rows[:found].copy(), days[:found].copy()
        tickers = Tickers(
            at=stamp.at, venue=self._venue, mono_ms=stamp.mono_ms if stamp.mono_ms != stamp.at else None,
            names=self.names, numbers=rows[:, kernels.SYMBOL], days=days,
            texts=_Texts(frame, view, rows, self._blob, self._starts, self._kernels.write),
        )  # fmt: skip
        return Found(tickers, events, {frame[at:end].decode() for at, end in strangers[:unknown].tolist()})

    def lend(self) -> dict[str, int]:
        """Gives the newest event of each symbol, to the general reader, which may tell of newer ones."""
        if not self._is_lent:
            self._is_lent = True
            for number in self._np.flatnonzero(self._told != self._before).tolist():
                self._known_told[self.names[number]] = int(self._told[number])
        return self._known_told

    def _hear(self) -> None:
        told, self._is_lent = self._known_told, False
        self._told = self._np.array([min(told.get(name, -1), _FAR) for name in self.names], self._np.int64)
        self._before = self._told.copy()


class _Texts:
    """The texts of a frame's tickers, where they stand in it."""

    def __init__(self, frame: bytes, view: Any, rows: Any, blob: Any, starts: Any, write: Callable[..., int]) -> None:
        self._frame, self._view, self._rows = frame, view, rows
        self._blob, self._starts, self._write = blob, starts, write
        self._written: tuple[int, bytes] = (-1, b"")

    def lines(self, tickers: Tickers) -> bytes:
        """Gives the lines of the wire as `wire.encode` would write them."""
        import numpy as np

        if self._written[0] == tickers.at:
            return self._written[1]
        mono = f'","mono_ms":{tickers.mono_ms},"last":"' if tickers.mono_ms is not None else '","last":"'
        parts = [
            f'{{"kind":"ticker","at":{tickers.at},"venue":"{tickers.venue}","symbol":"', mono, '","volume_24h":"',
            '","quote_volume_24h":"', '"}\n',
        ]  # fmt: skip
        around = [np.frombuffer(part.encode(), np.uint8) for part in parts]
        out = np.empty(len(self._rows) * sum(map(len, parts)) + len(self._blob) + len(self._frame), np.uint8)
        size = self._write(self._view, self._rows, self._blob, self._starts, *around, out)
        self._written = (tickers.at, out[:size].tobytes())
        return self._written[1]

    def records(self, tickers: Tickers) -> list[Ticker]:
        """Gives them one by one."""
        return decode_tickers(self.lines(tickers))

    def last(self, row: int) -> str:
        """Gives the last price of a row."""
        at, end = self._rows[row, kernels.LAST : kernels.LAST + 2].tolist()
        return self._frame[at:end].decode()


def _is_text(frame: bytes) -> bool:
    """Says whether a frame is UTF-8."""
    if frame.isascii():
        return True
    try:
        frame.decode()
    except UnicodeDecodeError:
        return False
    return True


def _slots(names: Iterable[bytes]) -> list[int]:
    """Gives a table in which the kernels find a name's number: open addressing, more than half of it free."""
    named = list(names)
    size = 4
    while size < 2 * len(named) + 2:
        size *= 2
    slots = [-1] * size
    for number, name in enumerate(named):
        slot = kernels.slot_of(name, 0, len(name), size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) % size
        slots[slot] = number
    return slots
