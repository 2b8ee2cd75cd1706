"""Funding rates that are to be paid: what was told of each, and when it falls due."""

import msgspec

from engine.errors import BadRecord
from engine.matching.margin import HOUR_MS
from engine.records.market import Funding, is_perp, price, signed

#: Exchanges pay within the first minute of the hour: what is told then was paid on the hour.
LATE_MS = 60_000
#: Rates that are told more often than this, without saying when they are due, are on their way to the next payment.
OFTEN_MS = HOUR_MS // 2
#: No exchange's rate is near it.
MOST_RATE = 1.0
_NEVER = 2**53


class Due(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A rate that is paid at `due_at` by who holds the perpetual then; `mark_price` is the newest that came with it."""

    venue: str
    due_at: int
    rate: str
    mark_price: str | None = None


class FundingState(msgspec.Struct, kw_only=True):
    """Rates to be paid by symbol, the earliest time at which one is, and when each symbol's rate was last told."""

    due: dict[str, Due] = {}
    next_at: int = _NEVER
    heard_at: dict[str, int] = {}


def hear(state: FundingState, fact: Funding) -> None:
    """Takes a rate; the last one before its time is what is paid. Raises BadRecord for one that cannot be."""
    if not is_perp(fact.venue):
        return
    if abs(signed(fact.rate)) > MOST_RATE:
        raise BadRecord(f"a funding rate of {fact.rate[:40]!r}")
    if fact.mark_price is not None:
        price(fact.mark_price)
    due_at = _due_at(fact, state.heard_at.get(fact.symbol))
    state.heard_at[fact.symbol] = fact.at
    if due_at is not None:
        state.due[fact.symbol] = Due(venue=fact.venue, due_at=due_at, rate=fact.rate, mark_price=fact.mark_price)
        state.next_at = min(state.next_at, due_at)


def _due_at(fact: Funding, heard_at: int | None) -> int | None:
    if fact.due_at is not None:
        return fact.due_at
    if heard_at is not None and fact.at - heard_at < OFTEN_MS:
        return None
    late = fact.at % HOUR_MS
    return fact.at - late if late < LATE_MS else fact.at


def fallen_due(state: FundingState, before: int) -> list[tuple[str, Due]]:
    """Gives, and forgets, the rates that were due before a time, by symbol."""
    if state.next_at >= before:
        return []
    found = [(symbol, due) for symbol, due in sorted(state.due.items()) if due.due_at < before]
    for symbol, _ in found:
        del state.due[symbol]
    state.next_at = min((due.due_at for due in state.due.values()), default=_NEVER)
    return found
