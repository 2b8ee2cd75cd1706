"""Tables of candles as text: CSV with any of the usual separators, and JSON or NDJSON of arrays or objects."""

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from engine.errors import BadRecord
from engine.records.wire import check_json
from engine.world.imports import ohlcv
from engine.world.imports.batches import Batch
from engine.world.imports.candle_index import BOM, text_of
from engine.world.imports.fields import document, plain
from engine.world.imports.ohlcv import Row, batches, columns_of
from engine.world.imports.origin import Origin

_SEPARATORS = ",;\t|"
#: Arrays are in the order of ccxt's fetchOHLCV, which is freqtrade's too.
_ARRAY = ("open_time", "open", "high", "low", "close", "volume")
_ARRAYS = re.compile(rb'\s*(?:\[\s*)?\[\s*[0-9]{10,19}(?:\.0)?\s*,\s*"?[0-9.]')
_OBJECT = re.compile(rb"\s*(?:\[\s*)?\{([^{}]*)\}")
_LIST = re.compile(rb"\s*\[\s*[\[{]")
_KEY = re.compile(rb'"([^"]{1,40})"\s*:')


def sniff_csv(name: str, head: bytes) -> bool:
    """Says whether a file is a table of candles, by its header."""
    return columns_of(_split(_first(head))[0]) is not None


def almost(head: bytes) -> str:
    """Says what keeps a CSV from being a table of candles, where it looks like one; else nothing."""
    return ohlcv.almost(_split(_first(head))[0])


def read_csv(origin: Origin) -> Iterator[Batch]:
    """Gives the bars in the order of time; raises what `ohlcv.batches` raises."""
    return batches(_csv_rows(origin), origin)


def sniff_json(name: str, head: bytes) -> bool:
    """Says whether a file holds arrays of candles, or objects with the names of their fields."""
    if _ARRAYS.match(head):
        return True
    first = _OBJECT.match(head)
    keys = [text_of(key) for key in _KEY.findall(first[1])] if first is not None else []
    return "kind" not in keys and columns_of(keys) is not None


def read_json(origin: Origin) -> Iterator[Batch]:
    """Gives the bars in the order of time; raises what `ohlcv.batches` raises, DirtyInput for what is no JSON."""
    return batches(_json_rows(origin), origin)


def _first(head: bytes) -> str:
    return text_of(head.removeprefix(BOM).split(b"\n")[0]).rstrip("\r")


def _split(line: str, separator: str = "") -> tuple[list[str], str]:
    """Gives the fields of a line, and what separates them: what stands in it most often, where that is not known."""
    separator = separator or max(_SEPARATORS, key=line.count)
    fields = line.split(separator)
    if '"' in line:
        with suppress(csv.Error):
            fields = next(csv.reader([line], delimiter=separator))
    return [field.strip() for field in fields], separator


def _csv_rows(origin: Origin) -> Iterator[Row]:
    columns: dict[str, int] = {}
    width, separator = 0, ""
    for number, line in origin.lines():
        fields, separator = _split(text_of(line.removeprefix(BOM)).rstrip("\r"), separator)
        if not columns:
            columns, width = columns_of(fields) or {}, len(fields)
        elif len(fields) != width:
            origin.bad(number, f"{len(fields)} columns instead of {width}", line)
        else:
            yield Row(number, {name: fields[i] for name, i in columns.items()}, line)


def _json_rows(origin: Origin) -> Iterator[Row]:
    for number, value, line in _values(origin):
        fields = _fields(value)
        if fields is None:
            origin.bad(number, f"no candle: {text_of(line[:40]) or str(value)[:40]}", line)
        else:
            yield Row(number, fields, line)


def _values(origin: Origin) -> Iterator[tuple[int, Any, bytes]]:
    """Gives the rows of one JSON list, numbered from 1, or of NDJSON."""
    if _LIST.match(bytes(origin.whole()[:80])):
        rows: Iterable[Any] = document(origin)
        for number, value in enumerate(rows, 1):
            yield number, value, b""
        return
    for number, line in origin.lines():
        try:
            yield number, check_json(line), line
        except BadRecord as error:
            origin.bad(number, str(error), line)


def _fields(value: Any) -> dict[str, str] | None:
    """Gives a row's fields as texts; numbers become the shortest text that reads back the same."""
    if isinstance(value, list) and len(value) >= len(_ARRAY):
        return {name: _text(one) for name, one in zip(_ARRAY, value, strict=False)}
    if not isinstance(value, dict):
        return None
    names = list(value)
    columns = columns_of(names)
    return {name: _text(value[names[i]]) for name, i in columns.items()} if columns is not None else None


def _text(value: Any) -> str:
    return "" if value is None else plain(repr(value) if isinstance(value, float) else str(value))
