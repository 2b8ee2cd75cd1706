"""The store: a folder of series, one file each, with what is in it and its candles as memory-mapped columns."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from engine.errors import ConfigError, DirtyInput, LedgerError, UsageError
from engine.world.store.files import SUFFIX, VERSION, Header, SeriesFile, header_of, path_of
from engine.world.store.numbers import Floats, Ints, Numbers
from engine.world.store.tables import Series
from engine.world.store.trust import Trust

MARK = "store.json"


class _Mark(msgspec.Struct, frozen=True):
    hot_store: int


class CandleFloats(NamedTuple):
    """Candles as float64, each value bit for bit what `float` gives of its text.

    Where no quote volume was recorded it is volume times the typical price, as everywhere in hot.
    """

    open_at: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    quote_volume: Floats


@dataclass(frozen=True)
class Candles:
    """Candles as read-only columns of the memory map: times in ms, prices and volumes as whole mantissas.

    A price is open[i] / 10**price_digits, a volume volume[i] / 10**volume_digits. `quote_volume` is None where no bar
    has one; a single bar without has -1 there.
    """

    open_at: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    quote_volume: Ints | None
    price_digits: int
    volume_digits: int
    quote_digits: int
    _numbers: dict[str, Numbers]

    def __len__(self) -> int:
        return len(self.open_at)

    def floats(self) -> CandleFloats:
        """Gives the columns as float64, as kernels want them."""
        open_, high, low, close, volume, quote = (column.floats() for column in self._numbers.values())
        money = np.where(np.isnan(quote), volume * (high + low + close) / 3.0, quote)
        return CandleFloats(self.open_at, open_, high, low, close, volume, money)


class Store:
    """A store on disk. Opening it reads nothing but its mark; series are opened when they are asked for."""

    def __init__(self, root: Path) -> None:
        """Use `open` or `create`."""
        self.root = root
        self._trust: Trust | None = None

    @classmethod
    def open(cls, folder: str | Path) -> "Store":
        """Opens a store; raises ConfigError for a folder that is none, or one of a newer version."""
        root = Path(folder)
        mark = root / MARK
        if not mark.is_file():
            raise ConfigError(f"{root}: no store: it has no {MARK}; hot store import makes one")
        try:
            version = msgspec.json.decode(mark.read_bytes(), type=_Mark).hot_store
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ConfigError(f"{mark}: not the mark of a store") from None
        if version > VERSION:
            raise ConfigError(f"{root}: a store of version {version}, this hot reads {VERSION}: update hot")
        return cls(root)

    @classmethod
    def create(cls, folder: str | Path) -> "Store":
        """Opens a store, or makes one in a folder that is empty or not there; raises ConfigError, LedgerError."""
        root = Path(folder)
        if (root / MARK).exists():
            return cls.open(root)
        try:
            root.mkdir(parents=True, exist_ok=True)
            if any(root.iterdir()):
                raise ConfigError(f"{root}: holds other files and is no store: name an empty or a new folder")
            (root / MARK).write_bytes(msgspec.json.encode(_Mark(VERSION)) + b"\n")
        except OSError as error:
            raise LedgerError(f"{root}: cannot be written ({error.strerror})") from None
        return cls(root)

    def files(self) -> list[Path]:
        """Gives the files of all series, sorted by name."""
        return sorted(self.root.rglob(f"*{SUFFIX}"))

    def headers(self) -> Iterator[tuple[Path, Header]]:
        """Gives the header of every file; raises DirtyInput for a damaged one, ConfigError for a newer version."""
        for path in self.files():
            yield path, header_of(path)

    def series(self, venue: str, step_s: int) -> list[str]:
        """Gives the symbols whose bars of `step_s` seconds are there, sorted."""
        folder = path_of(self.root, Series(venue, "bar", "X", step_s)).parent
        return sorted(header_of(path).symbol for path in folder.glob(f"*{SUFFIX}"))

    def candles(
        self, venue: str, symbol: str, step_s: int, since: int | None = None, until: int | None = None
    ) -> Candles:
        """Gives the bars that close from `since` up to, not including, `until` (ms), as columns without a copy.

        Raises UsageError where there are none of the symbol, DirtyInput for a damaged file.
        """
        of = Series(venue, "bar", symbol, step_s)
        file = self.opened(of)
        if file is None:
            raise UsageError(f"{self.root}: no {of}; hot store ls lists what is there")
        opened = file.key()
        low = 0 if since is None else int(np.searchsorted(opened, since - 1000 * step_s))
        high = len(opened) if until is None else int(np.searchsorted(opened, until - 1000 * step_s))
        rows = slice(low, max(low, high))
        numbers = {name: file.numbers(name, rows) for name in file.layout.numbers}
        prices = {name: numbers[name].mantissa for name in ("open", "high", "low", "close")}
        quote = numbers["quote_volume"]
        return Candles(
            open_at=opened[rows], **prices, volume=numbers["volume"].mantissa,
            quote_volume=quote.mantissa if file.column("quote_volume") is not None else None,
            price_digits=numbers["open"].digits, volume_digits=numbers["volume"].digits, quote_digits=quote.digits,
            _numbers=numbers,
        )  # fmt: skip

    def opened(self, of: Series) -> SeriesFile | None:
        """Opens the file of a series, None where there is none; raises what `headers` raises."""
        path = path_of(self.root, of)
        if not path.exists():
            return None
        file = self.read(path)
        if file.header.of != of:
            # Where file names differ in case only, a file system may take them for one.
            raise DirtyInput(f"{path}: holds {file.header.of}, not {of}")
        return file

    def read(self, path: Path) -> SeriesFile:
        """Opens a file whose data are to be relied on; raises what `headers` raises, DirtyInput for other data too."""
        if self._trust is None:
            self._trust = Trust(self.root)
        return self._trust.look(SeriesFile(path))


def is_store(path: str | Path) -> bool:
    """Says whether a path is a store: a folder with its mark."""
    return (Path(path) / MARK).is_file()
