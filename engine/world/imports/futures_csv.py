"""Open interest and funding rates of futures, as CSV."""

from collections.abc import Iterator

from engine.errors import BadRecord
from engine.records.market import Funding, OpenInterest, amount, check_symbol, signed
from engine.world.imports.batches import Batch, sorted_batches
from engine.world.imports.origin import Origin

_OPEN_INTEREST = b"symbol,timestamp,sum_open_interest,sum_open_interest_value"
_FUNDING = b"symbol,funding_time,funding_rate"


def sniff_open_interest(name: str, head: bytes) -> bool:
    """Says whether a file holds the history of open interest (`/futures/data/openInterestHist`)."""
    return head.startswith(_OPEN_INTEREST)


def sniff_funding(name: str, head: bytes) -> bool:
    """Says whether a file holds funding rates (`/fapi/v1/fundingRate`)."""
    return head.startswith(_FUNDING)


def read_open_interest(origin: Origin) -> Iterator[Batch]:
    """Gives open interest in the order of time; `at` is the row's timestamp."""
    return sorted_batches(_open_interest(origin))


def read_funding(origin: Origin) -> Iterator[Batch]:
    """Gives funding rates in the order of time; `at` is the funding time."""
    return sorted_batches(_funding(origin))


def _open_interest(origin: Origin) -> Iterator[OpenInterest]:
    for number, symbol, at, (total, value) in _rows(origin, 4):
        try:
            amount(total)
            amount(value or "0")
        except BadRecord as error:
            origin.bad(number, str(error))
            continue
        yield OpenInterest(
            at=at, venue=origin.venue, symbol=symbol, open_interest=total, open_interest_value=value or None
        )


def _funding(origin: Origin) -> Iterator[Funding]:
    for number, symbol, at, (rate,) in _rows(origin, 3):
        try:
            signed(rate)
        except BadRecord as error:
            origin.bad(number, str(error))
            continue
        yield Funding(at=at, venue=origin.venue, symbol=symbol, rate=rate)


def _rows(origin: Origin, columns: int) -> Iterator[tuple[int, str, int, list[str]]]:
    """Gives (number, symbol, time, the other columns) of each row under the header."""
    for number, line in origin.lines():
        if number == 1:
            continue
        try:
            yield number, *_row(line, columns)
        except BadRecord as error:
            origin.bad(number, str(error), line)


def _row(line: bytes, columns: int) -> tuple[str, int, list[str]]:
    try:
        fields = line.decode().split(",")
    except UnicodeDecodeError:
        raise BadRecord("not UTF-8") from None
    if len(fields) != columns:
        raise BadRecord(f"{len(fields)} columns instead of {columns}")
    symbol, time, *rest = fields
    check_symbol(symbol)
    if len(time) != 13 or not (time.isascii() and time.isdigit()):
        raise BadRecord(f"not a time in epoch milliseconds: {time[:40]!r}")
    return symbol, int(time), rest
