"""Open interest, funding rates and long/short ratios of futures as CSV: histories by REST, and Binance's own dumps."""

from collections.abc import Callable, Iterator
from typing import Literal

from engine.errors import BadRecord, DirtyInput
from engine.records.market import Funding, LongShort, OpenInterest, amount, check_symbol, signed
from engine.world.imports.batches import Batch, sorted_batches
from engine.world.imports.ohlcv import instant, symbol_of
from engine.world.imports.origin import Origin

_OPEN_INTEREST = b"symbol,timestamp,sum_open_interest,sum_open_interest_value"
_FUNDING = b"symbol,funding_time,funding_rate"
#: The dumps: `BTCUSDT-metrics-2025-01-01.csv`, where ratios are of five minutes, and `BTCUSDT-fundingRate-2025-01.csv`.
_METRICS = b"create_time,symbol,sum_open_interest,sum_open_interest_value,"
_FUNDING_DUMP = b"calc_time,funding_interval_hours,last_funding_rate"
_PERIOD_S = 300
_RATIOS: dict[str, Literal["accounts", "top_accounts", "top_positions"]] = {
    "count_toptrader_long_short_ratio": "top_accounts",
    "sum_toptrader_long_short_ratio": "top_positions",
    "count_long_short_ratio": "accounts",
}
Made = Iterator[OpenInterest | LongShort | Funding]


def sniff_open_interest(name: str, head: bytes) -> bool:
    """Says whether a file holds the history of open interest (`/futures/data/openInterestHist`, or a dump of it)."""
    return head.startswith((_OPEN_INTEREST, _METRICS))


def sniff_funding(name: str, head: bytes) -> bool:
    """Says whether a file holds funding rates (`/fapi/v1/fundingRate`, or a dump of them)."""
    return head.startswith((_FUNDING, _FUNDING_DUMP))


def read_open_interest(origin: Origin) -> Iterator[Batch]:
    """Gives open interest, and ratios where the file has them, in the order of time; `at` is the row's time."""
    return sorted_batches(_facts(origin, _interest))


def read_funding(origin: Origin) -> Iterator[Batch]:
    """Gives funding rates in the order of time; `at` is the funding time.

    Raises DirtyInput for a dump whose name does not say of which symbol it is.
    """
    return sorted_batches(_facts(origin, _funding))


def _facts(origin: Origin, make: Callable[[dict[str, str], Origin], Made]) -> Made:
    names: list[str] = []
    for number, line in origin.lines():
        if not names:
            names = line.decode("utf-8", "backslashreplace").split(",")
            continue
        try:
            yield from list(make(_row(line, names), origin))
        except BadRecord as error:
            origin.bad(number, str(error), line)


def _row(line: bytes, names: list[str]) -> dict[str, str]:
    try:
        fields = line.decode().split(",")
    except UnicodeDecodeError:
        raise BadRecord("not UTF-8") from None
    if len(fields) != len(names):
        raise BadRecord(f"{len(fields)} columns instead of {len(names)}")
    return dict(zip(names, fields, strict=True))


def _interest(row: dict[str, str], origin: Origin) -> Made:
    symbol, at = _field(row, "symbol"), _time(_field(row, "timestamp", "create_time"))
    check_symbol(symbol)
    total, value = _field(row, "sum_open_interest"), row.get("sum_open_interest_value")
    amount(total)
    amount(value or "0")
    yield OpenInterest(
        at=at, venue=origin.venue, symbol=symbol, open_interest=total, open_interest_value=value or None
    )  # fmt: skip
    for name, whose in _RATIOS.items():
        ratio = row.get(name)
        if ratio:
            amount(ratio)
            yield LongShort(
                at=at, venue=origin.venue, symbol=symbol, whose=whose, period_s=_PERIOD_S, ended_at=at, ratio=ratio
            )


def _funding(row: dict[str, str], origin: Origin) -> Made:
    symbol = row.get("symbol") or symbol_of(origin.name)
    if symbol is None:
        raise DirtyInput(
            f"{origin.name}: its rows name no symbol; name the file after it: BTCUSDT-fundingRate-2025-01.csv"
        )
    check_symbol(symbol)
    rate = _field(row, "funding_rate", "last_funding_rate")
    signed(rate)
    yield Funding(at=_time(_field(row, "funding_time", "calc_time")), venue=origin.venue, symbol=symbol, rate=rate)


def _field(row: dict[str, str], *names: str) -> str:
    """Gives the first of some fields that the row has; raises BadRecord where it has none of them."""
    found = next((row[name] for name in names if name in row), None)
    if found is None:
        raise BadRecord(f"no column {names[0]}")
    return found


def _time(text: str) -> int:
    """Gives a time in epoch ms, which dumps write as a date too; raises BadRecord."""
    at, digits = instant(text)
    if digits not in (0, 13):
        raise BadRecord(f"not a time in epoch milliseconds: {text[:40]!r}")
    return at
