"""Raw kline arrays of Binance (`/klines`): of one symbol, or an object of them by symbol."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import BadRecord, DirtyInput
from engine.records.market import Bar, Ohlcv, check_symbol
from engine.world.imports.batches import Batch, sorted_batches
from engine.world.imports.fields import count_or_none, document, instant
from engine.world.imports.origin import Origin

_HEAD = re.compile(rb'\s*(?:\{\s*"[^"]{1,160}"\s*:\s*)?\[\s*\[\s*[0-9]{13}\s*,\s*"')
_SYMBOL = re.compile(r"[A-Z0-9]{3,}")
_FIELDS = 9


def sniff(name: str, head: bytes) -> bool:
    """Says whether a file holds kline arrays."""
    return _HEAD.match(head) is not None


def read(origin: Origin) -> Iterator[Batch]:
    """Gives the closed bars of all symbols in the order of time."""
    return sorted_batches(bars(document(origin), origin))


def bars(answer: Any, origin: Origin) -> Iterator[Bar]:
    """Gives the closed bars of an answer; a row that is no candle is a bad line, numbered from 1 over the file.

    The answer does not say when it was given, and its last bar may have been open still. So the newest bars of the
    file, those with its greatest open time, are left out: at most one closed bar a symbol is lost, none repaints.
    """
    if isinstance(answer, list):
        found = _SYMBOL.match(Path(origin.name).name)
        if found is None:
            raise DirtyInput(f"{origin.name}: klines of one symbol; name the file after it, as BTCUSDT-1d.json")
        answer = {found.group(): answer}
    made: list[Bar] = []
    number = 0
    for symbol, rows in answer.items():
        for row in rows if isinstance(rows, list) else [rows]:
            number += 1
            try:
                made.append(_bar(symbol, row, origin.venue))
            except BadRecord as error:
                origin.bad(number, str(error))
    newest = max((bar.open_at for bar in made), default=0)
    origin.notes.ignore(sum(bar.open_at == newest for bar in made))
    return (bar for bar in made if bar.open_at < newest)


def _bar(symbol: str, row: Any, venue: str) -> Bar:
    check_symbol(symbol)
    if not isinstance(row, list) or len(row) < _FIELDS:
        raise BadRecord(f"no kline of {symbol}: {str(row)[:40]}")
    opened, open_, high, low, close, volume, closed, quote_volume, trades = row[:_FIELDS]
    if not all(isinstance(one, str) for one in (open_, high, low, close, volume, quote_volume)):
        raise BadRecord(f"kline of {symbol}: prices and volumes must be texts")
    if (instant(closed, "close time") - instant(opened, "open time") + 1) % 1000:
        raise BadRecord(f"kline of {symbol}: its times do not fit together")
    bar = Bar(
        at=closed + 1, venue=venue, symbol=symbol, step_s=(closed - opened + 1) // 1000, open_at=opened, open=open_,
        high=high, low=low, close=close, volume=volume, quote_volume=quote_volume, trades=count_or_none(trades),
    )  # fmt: skip
    Ohlcv(bar)
    return bar
