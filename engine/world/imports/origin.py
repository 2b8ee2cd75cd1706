"""The origin of facts: one file, what is known about it, and what of it is wanted."""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from engine.plugs import Entry
from engine.records.account import Condition
from engine.records.base import Record
from engine.records.market import Announcement, Post, SymbolRules, Tick
from engine.records.wire import FACTS, MAX_LINE_BYTES
from engine.world.imports.lines import numbered_lines
from engine.world.imports.notes import Notes
from engine.world.imports.unpack import Limits, pieces, whole

_DATE = re.compile(r"(20[0-9]{2})-([01][0-9])-([0-3][0-9])")
_PACKED = (".gz", ".zst", ".zip")


class Window(NamedTuple):
    """What of a file is wanted: symbols (all when empty), and `at` from `since` up to, not including, `until`."""

    symbols: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None

    def wants(self, entry: Entry) -> bool:
        """Says whether an entry is wanted; rules of symbols are at any time, what is no fact always."""
        record = entry.record
        if record is None or record.kind not in FACTS:
            return True
        if self.symbols and not self._names(record):
            return False
        if isinstance(record, SymbolRules):
            return True
        return (self.since is None or record.at >= self.since) and (self.until is None or record.at < self.until)

    def _names(self, record: Record) -> bool:
        if isinstance(record, Post | Announcement):
            return not self.symbols.isdisjoint(record.symbols)
        return getattr(record, "symbol", None) in self.symbols or isinstance(record, Tick | Condition)


class Origin(NamedTuple):
    """A file with the venue it speaks of, where its bad lines are told, and the wanted part of it."""

    path: Path
    name: str
    venue: str
    notes: Notes
    window: Window = Window()
    lateness_ms: int = 0
    limits: Limits = Limits()

    def whole(self) -> bytearray:
        """Gives all its bytes, unpacked."""
        return whole(self.path, self.limits)

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Gives its lines with their numbers."""
        return self.numbered(pieces(self.path, self.limits))

    def numbered(self, pieces: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """Gives the lines of pieces of bytes; one that is too long is a bad line."""
        for number, line in numbered_lines(pieces):
            if line is None:
                self.bad(number, f"longer than {MAX_LINE_BYTES} bytes")
            else:
                yield number, line

    def bad(self, number: int, reason: str, line: bytes = b"") -> None:
        """Tells of a bad line (or row, or entry); raises DirtyInput when strict."""
        self.notes.bad(self.name, number, reason, line)


def dated(name: str) -> int | None:
    """Gives the first date in a file's name as epoch ms (midnight UTC): when a capture says no time of its own."""
    found = _DATE.search(Path(name).name)
    if found is None:
        return None
    try:
        return int(datetime(*map(int, found.groups()), tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]
    except ValueError:
        return None


def suffix_of(name: str) -> str:
    """Gives a file name's ending without that of its packing: `.csv` for `bars.csv.gz`."""
    path = Path(name.lower())
    return Path(path.stem).suffix if path.suffix in _PACKED else path.suffix


def venue_of(path: Path, given: str | None) -> str:
    """Gives the venue a file speaks of: as given, else by its folders (`bybit`, `usdm`), else binance-spot."""
    if given is not None:
        return given
    words = [part.lower() for part in path.parts[:-1]] + re.split(r"[-_.]", path.name.lower())
    exchange = next((word for word in reversed(words) if word in _EXCHANGES), "binance")
    market = next((_MARKETS[word] for word in reversed(words) if word in _MARKETS), "spot")
    return f"{exchange}-{market}"


_EXCHANGES = ("binance", "bybit", "okx", "gate", "bitget")
_MARKETS = {
    "spot": "spot", "usdm": "usdm", "um": "usdm", "futures": "usdm", "linear": "linear", "swap": "swap",
}  # fmt: skip
