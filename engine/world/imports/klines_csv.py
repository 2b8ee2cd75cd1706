"""Binance's own dumps of klines (CSV): twelve columns, for spot without a header; the symbol is in the file's name."""

import re
from collections.abc import Iterator
from pathlib import Path

from engine.errors import DirtyInput
from engine.world.imports.batches import Batch
from engine.world.imports.candles import Candles
from engine.world.imports.origin import Origin

_COLUMNS = 12
#: Of them, those that a candle has; the volume of takers and an unused one stand behind.
_CANDLE = 9
_HEADER = b"open_time,open,high,low,close,volume,close_time,"
_ROW = re.compile(rb"[0-9]{10,16},(?:[0-9.]+,){5}[0-9]{10,16},[0-9.]+,[0-9]+,[0-9.]+,[0-9.]+,[0-9]+\r?(?:\n|$)")
_SYMBOL = re.compile(r"([A-Z0-9]{3,40})-")


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file is such a dump: by its header, or by its first row."""
    return head.startswith(_HEADER) or _ROW.match(head) is not None


def read(origin: Origin) -> Iterator[Batch]:
    """Gives the bars in the order of time; raises DirtyInput where the file's name does not open with the symbol."""
    symbol = _SYMBOL.match(Path(origin.name).name)
    if symbol is None:
        raise DirtyInput(
            f"{origin.name}: its rows name no symbol; name the file after it, as Binance does: BTCUSDT-1m-2025-01.csv"
        )
    rows = _with_symbol(symbol[1].encode(), origin)
    return Candles(rows, origin.name, origin.venue, origin.notes, origin.window).batches()


def _with_symbol(symbol: bytes, origin: Origin) -> bytearray:
    """Gives the rows as those of a candle CSV, each in its own line still."""
    rows, last = bytearray(), 1
    for number, line in origin.lines():
        # Empty lines are not given.
        rows += b"\n" * (number - last)
        last = number
        fields = line.split(b",")
        if len(fields) != _COLUMNS:
            origin.bad(number, f"{len(fields)} columns instead of {_COLUMNS}", line)
        elif not line.startswith(_HEADER):
            rows += symbol + b"," + b",".join(fields[:_CANDLE])
    return rows
