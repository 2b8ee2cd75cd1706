"""The formats that can be read, in the order in which a file is asked whether it is one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from engine.world.imports import (
    announcements,
    answers,
    candles,
    exchange_info,
    frames,
    futures_csv,
    klines_csv,
    klines_json,
    ohlcv_text,
    parquet,
    posts,
    wire_lines,
)
from engine.world.imports.batches import Batch
from engine.world.imports.origin import Origin


class Format(NamedTuple):
    """A format: its name for people, whether a file is one (by its name and first bytes), and its reader."""

    name: str
    sniff: Callable[[str, bytes], bool]
    read: Callable[[Origin], Iterator[Batch]]


FORMATS: tuple[Format, ...] = (
    Format("candles (CSV)", candles.sniff, candles.read),
    Format("klines (CSV of Binance)", klines_csv.sniff, klines_csv.read),
    Format("candles (Parquet, Feather)", parquet.sniff, parquet.read),
    Format("kline arrays (JSON)", klines_json.sniff, klines_json.read),
    Format("exchangeInfo (JSON)", exchange_info.sniff, exchange_info.read),
    Format("24 h tickers (JSON)", answers.sniff_tickers, answers.read_tickers),
    Format("premium index (JSON)", answers.sniff_premium_index, answers.read_premium_index),
    Format("open interest (CSV)", futures_csv.sniff_open_interest, futures_csv.read_open_interest),
    Format("funding rates (CSV)", futures_csv.sniff_funding, futures_csv.read_funding),
    Format("websocket frames (NDJSON)", frames.sniff, frames.read),
    Format("announcements (NDJSON)", announcements.sniff, announcements.read),
    Format("posts (NDJSON)", posts.sniff, posts.read),
    Format("tables of candles (CSV)", ohlcv_text.sniff_csv, ohlcv_text.read_csv),
    Format("tables of candles (JSON)", ohlcv_text.sniff_json, ohlcv_text.read_json),
    # Last, since it goes by the name where the content does not tell.
    Format("records (JSONL)", wire_lines.sniff, wire_lines.read),
)


def format_of(name: str, head: bytes) -> Format | None:
    """Gives the format of a file, or None where it is no market data."""
    return next((form for form in FORMATS if form.sniff(Path(name).name, head)), None)
