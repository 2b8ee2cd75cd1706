"""Time that goes wrong under a live run: a clock that is off, a stamp that is refused, a machine that slept."""

import time
from pathlib import Path

import pytest
from live_rig import Rig, until
from pipe_rig import PipeRig
from tiny_account import TinyAccount, unreachable

from engine.matching.events import VenueOrder
from engine.records.account import Condition, OrderReport
from engine.records.base import Record
from engine.records.desk import Alert
from engine.records.ideas import ExitPlan
from engine.world.awake import awake_s
from engine.world.binance.clock import VenueClock
from engine.world.binance.trouble import Rejected, Sort
from engine.world.venues.live.settings import LiveVenueSettings
from engine.world.venues.live.venue import LiveVenue

STOP_ONLY = ExitPlan(stop_pct=5, hold_max_s=86_400)
ONE_ENTRY = ("rules.max_entries_day.limit=1",)


@pytest.mark.parametrize("kind", [Rig, PipeRig])
def test_a_clock_that_is_off_is_told_and_far_off_stops_entries(tmp_path: Path, kind: type[Rig]) -> None:
    account = TinyAccount(skew=-700)
    rig = kind(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)

    def off(skew: int) -> None:
        account.skew = skew

    rig.play(
        *rig.begun(), 0.5, lambda: off(6_000), 0.5, rig.cycle, 0.1, rig.cycle, lambda: off(100), 0.5, rig.cycle,
        until(lambda: rig.stands("market", "filled")), rig.tickers, rig.cycle,
    )  # fmt: skip
    told = [(one.level, one.text) for one in rig.records(Alert) if one.code == "CLOCK_SKEW"]
    assert [level for level, _ in told] == ["warning", "error"]
    assert "0.7 s behind" in told[0][1] and "6.0 s ahead of" in told[1][1]
    assert [one for one in rig.states() if "recovering" not in one] == [
        "tradeable",
        "degraded(clock_skew)",
        "tradeable",
    ]
    assert rig.thought_again() > 0


def test_an_entry_whose_stamp_was_refused_goes_once_more_under_a_new_id(tmp_path: Path) -> None:
    account = TinyAccount()
    late = [Rejected("late", sort=Sort.RESYNC, status=400, venue_code=-1021, said="Timestamp")]
    account.mishap = lambda what, _: late.pop() if what == "place" and late else None
    rig = Rig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.entered())
    first, second = (one for one in rig.attempts() if one.purpose == "entry")
    assert (first.attempt, second.attempt, first.qty) == (1, 2, second.qty)
    assert first.client_id != second.client_id
    assert rig.results()[:3] == ["rejected", "working", "filled"]
    assert rig.thought_again() > 0


def entry(client_id: str) -> VenueOrder:
    from decimal import Decimal

    return VenueOrder(
        client_id=client_id, symbol="BTCUSDT", side="buy", order_type="market", qty=Decimal(1),
        sent_at=int(time.time() * 1000),
    )  # fmt: skip


def test_after_a_sleep_the_books_come_first_and_entries_wait_for_them() -> None:
    account, slept, told = TinyAccount(), [0.0], list[Record]()
    venue = LiveVenue(account, LiveVenueSettings(sync_s=600), mono=lambda: time.monotonic() + slept[0])

    def wait_for(condition: tuple[str, str]) -> None:
        end = time.monotonic() + 20
        while condition not in [(one.scope, one.state) for one in told if isinstance(one, Condition)]:
            assert time.monotonic() < end
            told.extend(venue.drain())
            time.sleep(0.01)

    try:
        venue.start([])
        wait_for(("recovering", "ok"))
        told.clear()
        slept[0] = 600.0
        venue.send(entry("h" + "a" * 27))  # the first thing that happens after it woke
        wait_for(("recovering", "ok"))
        assert ("recovering", "blocked") in [(one.scope, one.state) for one in told if isinstance(one, Condition)]
        assert [(one.status, one.code) for one in told if isinstance(one, OrderReport)] == [("rejected", "NOT_SENT")]
        assert [one.code for one in told if isinstance(one, Alert)] == ["WOKEN"]
        assert account.orders == {}
        time.sleep(0.5)
        venue.send(entry("h" + "b" * 27))
        end = time.monotonic() + 20
        while not account.orders:
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        venue.close()


def test_no_entry_leaves_before_the_account_was_looked_at() -> None:
    account = TinyAccount(mishap=lambda what, _: unreachable() if what == "holdings" else None)
    venue = LiveVenue(account, LiveVenueSettings())
    try:
        venue.start([])
        venue.send(entry("h" + "a" * 27))
        told = [one for one in venue.drain() if isinstance(one, OrderReport)]
        assert [(one.status, one.code) for one in told] == [("rejected", "NOT_SENT")]
        assert account.orders == {}
    finally:
        venue.close()


def test_time_asleep_counts_and_steps_of_the_wall_clock_do_not() -> None:
    before, wall = awake_s(), time.monotonic()
    assert abs((awake_s() - before) - (time.monotonic() - wall)) < 1.0
    wall_ms, mono_ms = [1_700_000_000_000], [0]
    clock = VenueClock(lambda: wall_ms[0], lambda: mono_ms[0])
    assert clock.skew_ms is None
    clock.measure(lambda: 1_700_000_000_000 - 2_000)
    assert clock.skew_ms == 2_000
    wall_ms[0] += 86_400_000  # somebody sets the wall clock: the exchange's time goes on
    assert clock.now_ms() == 1_700_000_000_000 - 2_000
    clock.speed = 60.0
    assert clock.skew_ms is None
