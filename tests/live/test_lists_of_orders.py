"""Two orders that are a list leave together, when both are durable, or not at all."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec
import patience
import pytest
from test_live_crossings import QUICK, order
from tiny_account import TinyAccount

from engine.matching.events import VenueOrder
from engine.records.account import OrderReport
from engine.records.base import Record
from engine.world.account.account import OrderNews
from engine.world.venues.live.venue import LiveVenue

TIER, STOP = "h" + "t" * 27, "h" + "s" * 27


def tier() -> VenueOrder:
    return msgspec.structs.replace(order(TIER, "limit"), limit_price=Decimal(110), resting=True, listed_with=STOP)


def stop() -> VenueOrder:
    return msgspec.structs.replace(order(STOP, "stop"), resting=True, listed_with=TIER)


@pytest.fixture
def account() -> TinyAccount:
    return TinyAccount(venue="binance-spot")


@pytest.fixture
def venue(account: TinyAccount) -> Iterator[LiveVenue]:
    live = LiveVenue(account, QUICK)
    live.start([])
    yield live
    live.close()


def told(venue: LiveVenue, count: int) -> list[tuple[str, str]]:
    """The first reports of orders, in the order of their ids."""
    found: list[Record] = []
    patience.until(
        lambda: found.extend(venue.drain()) or len([1 for one in found if isinstance(one, OrderReport)]) >= count
    )
    return sorted((one.client_id, one.status) for one in found if isinstance(one, OrderReport))


@pytest.mark.parametrize("first", ["tier", "stop"])
def test_they_leave_when_the_second_has_come(venue: LiveVenue, account: TinyAccount, first: str) -> None:
    one, other = (tier(), stop()) if first == "tier" else (stop(), tier())
    venue.send(one)
    assert account.orders == {}
    venue.send(other)
    assert told(venue, 2) == [(STOP, "working"), (TIER, "working")]
    assert [what for what, _ in account.requests if what in ("list", "place")] == ["list", "place", "place"]


def test_one_that_may_not_be_sent_takes_the_other_with_it(venue: LiveVenue, account: TinyAccount) -> None:
    venue.send(tier())
    venue.refuse(stop(), "DUPLICATE")
    assert told(venue, 2) == [(STOP, "rejected"), (TIER, "rejected")]
    assert account.orders == {}


def test_nor_does_the_second_leave_where_the_first_may_not(venue: LiveVenue, account: TinyAccount) -> None:
    venue.refuse(tier(), "DUPLICATE")
    venue.send(stop())
    assert told(venue, 2) == [(STOP, "rejected"), (TIER, "rejected")]
    assert account.orders == {}
    assert venue._unlisted == set()


def test_before_the_start_neither_leaves_and_nothing_is_kept_of_them(account: TinyAccount) -> None:
    live = LiveVenue(account, QUICK)
    live.send(tier())
    live.send(stop())
    assert told(live, 2) == [(STOP, "rejected"), (TIER, "rejected")]
    assert (live._halves, live._unlisted) == ({}, set())
    live.close()


@dataclass
class Hanging(TinyAccount):
    """Does not answer a cancel of the tier before it may."""

    answers: threading.Event = field(default_factory=threading.Event)

    def cancel(self, symbol: str, client_id: str, **how: Any) -> OrderNews | None:
        if client_id == TIER:
            self.answers.wait(20)
        return super().cancel(symbol, client_id, **how)


def test_what_is_to_go_goes_whatever_hangs_beside_it() -> None:
    account = Hanging(venue="binance-spot")
    live = LiveVenue(account, QUICK)
    try:
        live.start([])
        live.send(msgspec.structs.replace(tier(), listed_with=None))
        live.send(msgspec.structs.replace(stop(), listed_with=None))
        told(live, 2)
        live.cancel(TIER)
        live.cancel(STOP)
        patience.until(lambda: account.orders[STOP].status == "cancelled", within_s=5)
        assert account.orders[TIER].status == "working"
    finally:
        account.answers.set()
        live.close()
