"""The governor: caps on what leaves for an exchange, outside of every strategy, counted in the ledger.

They hold across restarts, and exits are free of them. A cap that is passed stops all entries until `hot resume`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from engine.records.bounds import Money
from engine.records.trades import OrderAttempt, OrderResult
from engine.records.wire import decode

if TYPE_CHECKING:
    from engine.ledger.ledger import Ledger

MINUTE_MS = 60_000
DAY_MS = 86_400_000
#: Codes of orders of which no byte left.
STAYED = frozenset({"GOVERNOR", "DUPLICATE", "STALE_ORDER", "NOT_SENT"})


class GovernorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a live account may be asked for at most; money in the quote asset, days in UTC.

    `entries_per_minute`: entries sent in 60 s. `entries_per_symbol_day`: entries of one symbol in a day.
    `order_notional`: money of one entry; never more than the equity of `live.step`. `day_notional`: money of all
    entries of a day. `symbols`: what may be traded; empty allows all. A minute's and a symbol's entries have ends that
    no setting can raise.
    """

    entries_per_minute: Annotated[int, Meta(ge=1, le=60)] = 10
    entries_per_symbol_day: Annotated[int, Meta(ge=1, le=200)] = 20
    order_notional: Money = Decimal(1_000)
    day_notional: Money = Decimal(10_000)
    symbols: tuple[str, ...] = ()


def passed_cap(settings: GovernorSettings, ledger: "Ledger", attempt: OrderAttempt) -> str | None:
    """Gives the cap that an entry passes, or None. The attempt itself is among the ledger's rows already."""
    if attempt.purpose != "entry":
        return None
    if settings.symbols and attempt.symbol not in settings.symbols:
        return "symbols"
    notional = _notional(attempt)
    if notional > settings.order_notional:
        return "order_notional"
    minute = symbol = 0
    day_notional = Decimal(0)
    for one in _entries(ledger, attempt.at // DAY_MS * DAY_MS):
        minute += one.at > attempt.at - MINUTE_MS
        symbol += one.symbol == attempt.symbol
        day_notional += _notional(one)
    if minute > settings.entries_per_minute:
        return "entries_per_minute"
    if symbol > settings.entries_per_symbol_day:
        return "entries_per_symbol_day"
    return "day_notional" if day_notional > settings.day_notional else None


def _entries(ledger: "Ledger", since: int) -> Iterator[OrderAttempt]:
    """Gives the entries of a day that left, or may have; a minute that began the day before is not held against it."""
    stayed = set[str]()
    for _, line in ledger.lines(kinds=["order_result"], since=since):
        result = decode(line)
        if isinstance(result, OrderResult) and result.code in STAYED:
            stayed.add(result.client_id)
    for _, line in ledger.lines(kinds=["order_attempt"], since=since):
        record = decode(line)
        if isinstance(record, OrderAttempt) and record.purpose == "entry" and record.client_id not in stayed:
            yield record


def _notional(attempt: OrderAttempt) -> Decimal:
    return Decimal(attempt.qty) * Decimal(attempt.limit_price or attempt.reference_price)
