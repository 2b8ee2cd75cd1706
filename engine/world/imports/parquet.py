"""Candle files in Parquet and Feather; reading them needs pyarrow, which is an extra."""

from collections.abc import Iterator
from typing import Any

from engine.errors import ConfigError, DirtyInput
from engine.world.imports.batches import Batch
from engine.world.imports.candle_index import HEADER
from engine.world.imports.candles import Candles
from engine.world.imports.fields import plain
from engine.world.imports.ohlcv import Row, almost, batches, columns_of
from engine.world.imports.origin import Origin
from engine.world.imports.unpack import head

_COLUMNS = HEADER.decode().split(",")
_OPTIONAL = ("quote_volume", "trades")
_ROWS = 1 << 14


_FEATHER = b"ARROW1"


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file is Parquet, or Feather."""
    return head.startswith((b"PAR1", _FEATHER))


def read(origin: Origin) -> Iterator[Batch]:
    """Gives the bars in the order of time; the columns are called as in the candle CSV, or as in `ohlcv`.

    Texts are kept; numbers become the shortest text that reads back the same, timestamps epoch ms. Raises ConfigError
    without pyarrow, DirtyInput for a damaged file or missing columns.
    """
    pieces = _pieces(origin)
    names = next(pieces)
    if all(name in names for name in _COLUMNS if name not in _OPTIONAL):
        return _candles(pieces, origin)
    columns = columns_of(names)
    if columns is None:
        raise DirtyInput(f"{origin.name}: no candles: {almost(names) or 'its columns are ' + ', '.join(names)}")
    return batches(_rows(pieces, {name: names[i] for name, i in columns.items()}), origin)


def _candles(pieces: Iterator[Any], origin: Origin) -> Iterator[Batch]:
    rows = bytearray(HEADER + b"\n")
    for piece in pieces:
        rows += _as_csv({name: _plain(piece.column(name)) for name in piece.schema.names if name in _COLUMNS})
        if len(rows) > origin.limits.expanded:
            raise DirtyInput(f"{origin.name}: unpacks to more than {origin.limits.expanded} bytes")
    return Candles(rows, origin.name, origin.venue, origin.notes, origin.window).batches()


def _rows(pieces: Iterator[Any], columns: dict[str, str]) -> Iterator[Row]:
    number = 0
    for piece in pieces:
        texts = [[_text(value) for value in _plain(piece.column(theirs))] for theirs in columns.values()]
        for values in zip(*texts, strict=True):
            number += 1
            yield Row(number, dict(zip(columns, values, strict=True)), b"")


def _pieces(origin: Origin) -> Iterator[Any]:
    """Gives the names of the columns first, then the rows in batches of pyarrow."""
    try:
        from pyarrow import ArrowException, ipc, parquet
    except ImportError:
        raise ConfigError(f"{origin.name}: reading Parquet needs pyarrow: pip install 'hotcoin[parquet]'") from None
    try:
        if head(origin.path).startswith(_FEATHER):
            with ipc.open_file(origin.path) as file:
                yield file.schema.names
                yield from (file.get_batch(i) for i in range(file.num_record_batches))
        else:
            with parquet.ParquetFile(origin.path) as file:
                yield file.schema_arrow.names
                yield from file.iter_batches(_ROWS)
    except (ArrowException, OSError) as error:
        raise DirtyInput(f"{origin.name}: the file is damaged ({str(error).splitlines()[0]})") from None


def _plain(column: Any) -> list[Any]:
    """Gives a column's values; times of whatever unit and zone become epoch ms."""
    from pyarrow import int64, timestamp, types

    if types.is_timestamp(column.type):
        column = column.cast(timestamp("ms", column.type.tz), safe=False).cast(int64())
    values: list[Any] = column.to_pylist()
    return values


def _as_csv(columns: dict[str, list[Any]]) -> bytes:
    length = len(columns["symbol"])
    texts = [[_text(value) for value in columns.get(name, [None] * length)] for name in _COLUMNS]
    return "".join(",".join(row) + "\n" for row in zip(*texts, strict=True)).encode("utf-8", "backslashreplace")


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return plain(repr(value))
    return str(value).replace("\n", " ")
