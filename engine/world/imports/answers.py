"""Answers of Binance's REST about the whole market: 24 h tickers, and mark prices with funding rates."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from engine.errors import BadRecord, DirtyInput
from engine.records.base import Record
from engine.records.market import Funding, Ticker
from engine.world.imports.batches import Batch, sorted_batches
from engine.world.imports.fields import (
    Fields,
    amount_in,
    count_or_none,
    document,
    fields_of,
    price_in,
    quote_in,
    signed_in,
    symbol_in,
    text,
    time_in,
)
from engine.world.imports.origin import Origin

_OBJECTS = re.compile(rb'\s*\[?\s*\{\s*"symbol"\s*:')


def sniff_tickers(name: str, head: bytes) -> bool:
    """Says whether a file is an answer of /ticker/24hr."""
    return _OBJECTS.match(head) is not None and b'"quoteVolume"' in head and b'"closeTime"' in head


def sniff_premium_index(name: str, head: bytes) -> bool:
    """Says whether a file is an answer of /premiumIndex."""
    return _OBJECTS.match(head) is not None and b'"lastFundingRate"' in head


def read_tickers(origin: Origin) -> Iterator[Batch]:
    """Gives the tickers of an answer, each at its close time."""
    return sorted_batches(_each(document(origin), origin, _ticker))


def read_premium_index(origin: Origin) -> Iterator[Batch]:
    """Gives the funding rates and mark prices of an answer, each at its time."""
    return sorted_batches(_each(document(origin), origin, _funding))


def _each(answer: Any, origin: Origin, make: Callable[[Fields, str], Record | None]) -> Iterator[Record]:
    entries = answer if isinstance(answer, list) else [answer]
    if not entries:
        raise DirtyInput(f"{origin.name}: an empty answer")
    for number, one in enumerate(entries, 1):
        try:
            record = make(fields_of(one), origin.venue)
        except BadRecord as error:
            origin.bad(number, str(error))
            continue
        if record is None:
            origin.notes.ignore()
        else:
            yield record


def _ticker(fields: Fields, venue: str) -> Ticker | None:
    if fields.get("count") == 0:
        # Nothing traded within the day: the answer has zeros for prices.
        return None
    return Ticker(
        at=time_in(fields, "closeTime"), venue=venue, symbol=symbol_in(fields, "symbol"),
        last=price_in(fields, "lastPrice"), volume_24h=amount_in(fields, "volume"),
        quote_volume_24h=amount_in(fields, "quoteVolume"), bid=quote_in(fields, "bidPrice"),
        ask=quote_in(fields, "askPrice"),
    )  # fmt: skip


def _funding(fields: Fields, venue: str) -> Funding | None:
    # Contracts with a delivery date have no funding: their rate is empty.
    if text(fields, "lastFundingRate") == "":
        return None
    return Funding(
        at=time_in(fields, "time"), venue=venue, symbol=symbol_in(fields, "symbol"),
        rate=signed_in(fields, "lastFundingRate"), mark_price=price_in(fields, "markPrice"),
        due_at=count_or_none(fields.get("nextFundingTime")) or None,
    )  # fmt: skip
