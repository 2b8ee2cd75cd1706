"""Candle files in Parquet; reading them needs pyarrow, which is an extra."""

from collections.abc import Iterator
from typing import Any

from engine.errors import ConfigError, DirtyInput
from engine.world.imports.batches import Batch
from engine.world.imports.candle_index import HEADER
from engine.world.imports.candles import Candles
from engine.world.imports.fields import plain
from engine.world.imports.origin import Origin

_COLUMNS = HEADER.decode().split(",")
_OPTIONAL = ("quote_volume", "trades")
_ROWS = 1 << 14


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file is Parquet."""
    return head.startswith(b"PAR1")


def read(origin: Origin) -> Iterator[Batch]:
    """Gives the bars in the order of time; the columns are called as in the candle CSV.

    Texts are kept; numbers become the shortest text that reads back the same, timestamps epoch ms. Raises ConfigError
    without pyarrow, DirtyInput for a damaged file or missing columns.
    """
    rows = bytearray(HEADER + b"\n")
    for piece in _pieces(origin):
        rows += piece
        if len(rows) > origin.limits.expanded:
            raise DirtyInput(f"{origin.name}: unpacks to more than {origin.limits.expanded} bytes")
    return Candles(rows, origin.name, origin.venue, origin.notes, origin.window).batches()


def _pieces(origin: Origin) -> Iterator[bytes]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ConfigError(f"{origin.name}: reading Parquet needs pyarrow: pip install 'hotcoin[parquet]'") from None
    try:
        with parquet.ParquetFile(origin.path) as file:
            names = file.schema_arrow.names
            missing = [name for name in _COLUMNS if name not in names and name not in _OPTIONAL]
            if missing:
                raise DirtyInput(f"{origin.name}: no candles: it has no column {', '.join(missing)}")
            for batch in file.iter_batches(_ROWS, columns=[one for one in _COLUMNS if one in names]):
                yield _as_csv({name: _plain(batch.column(name)) for name in batch.schema.names})
    except (ArrowException, OSError) as error:
        raise DirtyInput(f"{origin.name}: the Parquet file is damaged ({str(error).splitlines()[0]})") from None


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
