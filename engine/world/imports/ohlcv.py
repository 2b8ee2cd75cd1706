"""Candles as most tools write them: a table with a time, open, high, low, close and volume, whatever they are called.

Such a table rarely says when candles close, and often its symbol stands in the file's name alone. Its rows become those
of a candle CSV (see `candle_index`), which checks them like any others.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from engine.errors import BadRecord, DirtyInput
from engine.world.imports.batches import Batch
from engine.world.imports.candles import Candles
from engine.world.imports.origin import Origin

#: What a column may be called, without spaces and underscores; where a table has several times, the first of these.
NAMES: dict[str, tuple[str, ...]] = {
    "open_time": ("opentime", "timestamp", "unix", "unixtimestamp", "time", "datetime", "date", "ts", "start", ""),
    "close_time": ("closetime",),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close",),
    "volume": ("volume", "vol", "basevolume"),
    "symbol": ("symbol", "pair", "ticker", "instrument", "market", "coin"),
    "quote_volume": ("quotevolume", "quoteassetvolume", "volumeusdt", "turnover"),
    "trades": ("trades", "tradecount", "numberoftrades", "count"),
}
_PRICES = ("open", "high", "low", "close", "volume")
NEEDED = ("open_time", *_PRICES)
#: A table with so many of the needed columns was meant to be one of candles.
_ALMOST = 4
_QUOTES = "USDT|USDC|FDUSD|BUSD|TUSD|BTC|ETH|BNB|EUR|TRY|USD"
_NAMED = re.compile(rf"(?<![^\W_])([^\W_a-z]{{1,30}}?)[-_]?({_QUOTES})(?![^\W_])")
_EPOCH = re.compile(r"([0-9]{9,19})(?:\.0*)?", re.ASCII)
#: Digits of epoch times by unit: from 2001 to 2286 these tell them apart.
_UNITS = {10: ("seconds", 1000, 1), 13: ("milliseconds", 1, 1), 16: ("microseconds", 1, 1000),
          19: ("nanoseconds", 1, 1_000_000)}  # fmt: skip


class Row(NamedTuple):
    """A row by the names of a candle CSV; `number` is its line in the file, `line` what stood there."""

    number: int
    fields: dict[str, str]
    line: bytes


class _Placed(NamedTuple):
    number: int
    symbol: str
    opened: int
    at: int | None
    prices: str
    beside: str


def columns_of(names: Sequence[str]) -> dict[str, int] | None:
    """Gives which of a table's columns is what, by the names of a candle CSV; None where it has no candles."""
    found = _known(names)
    return found if all(name in found for name in NEEDED) else None


def almost(names: Sequence[str]) -> str:
    """Says what a table lacks that was meant to be one of candles; else nothing."""
    missing = [name for name in NEEDED if name not in _known(names)]
    if not missing or len(missing) > len(NEEDED) - _ALMOST:
        return ""
    return f"its columns lack {', '.join(missing)}; candles are a time of opening, open, high, low, close and volume"


def _known(names: Sequence[str]) -> dict[str, int]:
    plain = [re.sub(r"[\s_]", "", name).lower() for name in names]
    return {
        ours: next(plain.index(theirs) for theirs in known if theirs in plain)
        for ours, known in NAMES.items()
        if any(theirs in plain for theirs in known)
    }


def batches(rows: Iterable[Row], origin: Origin) -> Iterator[Batch]:
    """Gives the candles of a table in the order of time, each known when it had closed.

    Raises DirtyInput where no symbol or no length of candles can be told, or times are of several units.
    """
    placed = list(_placed(rows, origin))
    if not placed:
        return iter(())
    data = _as_csv(placed, origin)
    return Candles(data, origin.name, origin.venue, origin.notes, origin.window).batches()


def _placed(rows: Iterable[Row], origin: Origin) -> Iterator[_Placed]:
    """Gives the rows that say which symbol's they are and when they open."""
    named, digits = symbol_of(origin.name), 0
    for number, fields, line in rows:
        symbol = _symbol(fields["symbol"]) if "symbol" in fields else named
        if symbol is None:
            raise DirtyInput(
                f"{origin.name}: neither a column symbol nor its name says of which symbol it is; "
                "name the file after it, as BTCUSDT-1m.csv"
            )
        try:
            opened, unit = instant(fields["open_time"])
            at = _end(fields["close_time"]) if "close_time" in fields else None
        except BadRecord as error:
            origin.bad(number, str(error), line)
            continue
        if unit and digits and unit != digits:
            raise DirtyInput(
                f"{origin.name}:{number}: its times are in {_UNITS[unit][0]}, those before in {_UNITS[digits][0]}"
            )
        digits = unit or digits
        prices = ",".join([fields[name] for name in _PRICES])
        beside = f"{fields.get('quote_volume', '')},{fields.get('trades', '')}"
        yield _Placed(number, symbol, opened, at, prices, beside)


def _as_csv(rows: list[_Placed], origin: Origin) -> bytearray:
    """Gives the rows as those of a candle CSV, each in its own line still."""
    step, data, last = _step_of(rows, origin.name), bytearray(), 1
    for number, symbol, opened, at, prices, beside in rows:
        data += b"\n" * (number - last)
        last = number
        row = f"{symbol},{opened},{prices},{(opened + step if at is None else at) - 1},{beside}"
        data += row.encode("utf-8", "backslashreplace")
    return data


def _step_of(rows: list[_Placed], name: str) -> int:
    """Gives how long candles are that do not say when they close: what lies between most of them, in ms."""
    by_symbol: dict[str, set[int]] = {}
    for row in rows:
        if row.at is None:
            by_symbol.setdefault(row.symbol, set()).add(row.opened)
    apart = Counter(b - a for opens in by_symbol.values() for a, b in pairwise(sorted(opens)))
    if by_symbol and not apart:
        raise DirtyInput(f"{name}: one candle alone does not say how long it is; add a column close_time")
    return min(apart, key=lambda step: (-apart[step], step), default=0)


def instant(text: str) -> tuple[int, int]:
    """Gives a time as epoch ms, and the digits of its unit: 0 for a date (UTC without a zone). Raises BadRecord."""
    epoch = _EPOCH.fullmatch(text)
    if epoch is not None and len(epoch[1]) in _UNITS:
        _, times, part = _UNITS[len(epoch[1])]
        at, rest = divmod(int(epoch[1]) * times, part)
        if not rest:
            return at, len(epoch[1])
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise BadRecord(f"not a time: {text[:40]!r}") from None
    return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000), 0


def _end(text: str) -> int:
    """Gives when a candle has closed: exchanges write its last millisecond, others the next one's first."""
    closed, _ = instant(text)
    return closed if closed % 1000 == 0 else closed + 1


def _symbol(text: str) -> str:
    """Gives a symbol as Binance spells it: BTCUSDT for BTC/USDT and BTC/USDT:USDT."""
    return re.sub(r"[/-]", "", text.partition(":")[0])


def symbol_of(name: str) -> str | None:
    """Gives the symbol that a file is named after: BTCUSDT-1m.csv, BTC_USDT-1m.feather, Binance_BTCUSDT_minute.csv."""
    found = _NAMED.search(Path(name).name)
    return found[1] + found[2] if found is not None else None
