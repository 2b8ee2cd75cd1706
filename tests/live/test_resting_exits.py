"""Exits that rest at the exchange: tiers, the trail, break even; on spot as lists with a stop beside each tier."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_rig import Rig, until
from test_live_session import check, held, placed, refused
from tiny_account import Standing, TinyAccount, unreachable

from cli.commands.status import told
from engine.records.ideas import ExitPlan, tiers_of
from engine.runs.reporting.status import standing_of
from engine.world.binance.trouble import Rejected, Sort

ONE_ENTRY = ("rules.max_entries_day.limit=1",)
STAGED = ExitPlan(stop_pct=5, tiers=tiers_of([(30, 5), (70, 10)]), resting_tiers=True, hold_max_s=86_400)
TRAILING = ExitPlan(
    stop_pct=5, trail_share_pct=40, trail_arm_pct=5, trail_callback_pct=3, resting_trail=True, hold_max_s=86_400
)
VENUES = pytest.mark.parametrize("venue", ["binance-usdm", "binance-spot"])
SPOT = "binance-spot"


def rig_on(tmp_path: Path, account: TinyAccount, plan: ExitPlan = STAGED) -> Rig:
    return Rig(tmp_path, account, plan, sets=ONE_ENTRY)


def tiers(account: TinyAccount) -> list[Standing]:
    return account.working("limit")


def stops(account: TinyAccount) -> list[Standing]:
    return account.working("stop") + account.working("trailing_stop")


def staged(rig: Rig, account: TinyAccount, count: int = 2) -> list[Any]:
    """Steps up to an entry whose tiers rest."""
    return [*rig.entered(), until(lambda: len(tiers(account)) == count), rig.cycle, rig.tickers]


def sell(account: TinyAccount, standing: Standing, qty: Decimal | None = None) -> None:
    """The market comes to an order that rests."""
    account.price = standing.order.limit_price or standing.order.stop_price or account.price
    account.fill(standing.order.client_id, qty)


def total(found: list[Standing]) -> Decimal:
    return sum((one.order.qty - one.filled for one in found), Decimal(0))


@VENUES
def test_each_tier_rests_at_its_price_and_all_coins_are_under_a_stop(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    rig.play(*staged(rig, account))
    first, second = tiers(account)
    assert (first.order.limit_price, second.order.limit_price) == (Decimal(105), Decimal(110))
    assert all(one.order.closes and one.order.side == "sell" for one in (first, second))
    assert total([first, second]) == held(account)["BTCUSDT"]
    assert total(stops(account)) == held(account)["BTCUSDT"]
    assert len(stops(account)) == (2 if venue == SPOT else 1)
    check(rig, account)


@VENUES
def test_a_tier_that_the_exchange_sells_is_told_once_and_the_program_sells_no_more(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    rig.play(
        *staged(rig, account), lambda: sell(account, tiers(account)[0]), until(lambda: len(rig.sent) <= 2),
        lambda: rig.tickers("105.5"), rig.tickers, rig.cycle,
        until(lambda: total(stops(account)) >= rig.held["BTCUSDT"]),
    )  # fmt: skip
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TIER_1"]
    assert rig.positions()[-1].reason == "TIER_1"
    assert len(tiers(account)) == 1
    check(rig, account)


@VENUES
def test_price_at_a_tier_that_rests_is_no_reason_to_sell(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    before: list[int] = []
    rig.play(
        *staged(rig, account), lambda: before.append(len(placed(account))), lambda: rig.tickers("105.5"),
        *[rig.tickers, 0.05] * 3, lambda: before.append(len(placed(account))), lambda: sell(account, tiers(account)[0]),
        until(lambda: len(rig.fills_now()) == 2), rig.tickers, rig.cycle,
    )  # fmt: skip
    assert before[0] == before[1]
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TIER_1"]
    check(rig, account)


@VENUES
def test_the_last_tier_ends_the_position_and_nothing_is_left(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    rig.play(
        *staged(rig, account), lambda: sell(account, tiers(account)[0]), rig.tickers, rig.tickers,
        lambda: sell(account, tiers(account)[0]), until(lambda: rig.held == {}), rig.tickers,
        until(lambda: rig.sent == []), rig.cycle,
    )  # fmt: skip
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TIER_1", "TIER_2"]
    assert tiers(account) + stops(account) == []
    check(rig, account)


@VENUES
def test_a_tier_that_is_sold_in_part_is_no_reason_to_move_the_others(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    rig.play(
        *staged(rig, account), lambda: sell(account, tiers(account)[0], Decimal("0.1")),
        until(lambda: len(rig.fills_now()) == 2), *[rig.tickers] * 4,
        until(lambda: len(tiers(account)) == 2 and total(stops(account)) >= rig.held["BTCUSDT"]), rig.cycle,
    )  # fmt: skip
    first, second = sorted(tiers(account), key=lambda one: one.order.limit_price or 0)
    assert total([first, second]) == held(account)["BTCUSDT"]
    # On spot the stop of its list went with the first execution: the list is made anew for the rest.
    assert first.filled == (0 if venue == SPOT else Decimal("0.1"))
    check(rig, account)


@VENUES
def test_a_stop_takes_the_tiers_with_it(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    rig.play(
        *staged(rig, account), lambda: rig.tickers("94"), until(lambda: rig.held == {}), rig.tickers,
        until(lambda: rig.sent == []), rig.cycle,
    )  # fmt: skip
    assert rig.positions()[-1].reason == "STOP"
    assert tiers(account) + stops(account) == []
    check(rig, account)


@VENUES
def test_stops_that_the_exchange_executes_take_the_tiers_with_them(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)

    def stop_out() -> None:
        for one in stops(account):
            sell(account, one)

    rig.play(
        *staged(rig, account), stop_out, until(lambda: rig.held == {}), rig.tickers, until(lambda: rig.sent == []),
        rig.cycle,
    )  # fmt: skip
    assert {one.reason for one in rig.fills()} == {"ENTRY", "STOP"}
    assert tiers(account) + stops(account) == []
    check(rig, account)


@VENUES
def test_where_the_exchange_refuses_a_tier_the_program_sells_it(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)

    def refuses(what: str, client_id: str) -> object:
        assert rig.session is not None
        sent = rig.session.stages.order.state.sent.get(client_id)
        tier = sent is not None and sent.attempt.order_type == "limit"
        return refused(-2010) if what in ("place", "list") and tier else None

    account.mishap = refuses
    rig.play(
        *rig.begun(), rig.cycle, until(lambda: rig.held != {}), *[rig.tickers] * 3, 0.1, *[rig.tickers] * 3,
        until(lambda: rig.stands("stop", "working")), rig.cycle, lambda: rig.tickers("106"),
        until(lambda: len(rig.fills_now()) == 2), *[rig.tickers] * 4, until(lambda: rig.stands("stop", "working")),
        rig.cycle,
    )  # fmt: skip
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TIER_1"]
    assert [one.order_type for one in rig.attempts() if one.reason == "TIER_1"][-1] == "market"
    assert tiers(account) == []
    check(rig, account)


@VENUES
def test_tiers_that_are_too_small_to_rest_are_told_and_sold_by_the_program(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    small = ExitPlan(stop_pct=5, tiers=tiers_of([(4, 5), (50, 10)]), resting_tiers=True, hold_max_s=86_400)
    rig = rig_on(tmp_path, account, small)
    seen: list[Any] = []
    rig.play(
        *rig.entered(), 0.1, rig.cycle, 0.1, rig.cycle, lambda: seen.append(standing_of(rig.path)),
        lambda: rig.tickers("106"), until(lambda: rig.held == {}), rig.tickers, rig.cycle,
    )  # fmt: skip
    assert seen[0].account is not None and seen[0].account.by_program == ("BTCUSDT",)
    assert "watched    BTCUSDT: sold by this program alone" in told(seen[0])
    # What is too small to be sold alone goes with the rest.
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TIER_1"]
    assert "limit" not in {one.order_type for one in rig.attempts()}
    check(rig, account)


def test_of_a_perpetual_a_tier_that_is_large_enough_fires_though_another_is_too_small_to_rest(tmp_path: Path) -> None:
    account = TinyAccount()
    mixed = ExitPlan(stop_pct=5, tiers=tiers_of([(50, 5), (4, 10), (46, 20)]), resting_tiers=True, hold_max_s=86_400)
    rig = rig_on(tmp_path, account, mixed)
    rig.play(*rig.entered(), 0.1, rig.cycle, lambda: rig.tickers("106"), until(lambda: len(rig.fills_now()) == 2),
             rig.tickers, rig.cycle)  # fmt: skip
    assert tiers(account) == [] and len(stops(account)) == 1
    first, second = rig.fills()
    assert (second.reason, Decimal(second.qty) * 2) == ("TIER_1", Decimal(first.qty))
    check(rig, account)


@VENUES
def test_a_start_finds_what_rests_and_changes_nothing(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    rig.play(*staged(rig, account), close=False)
    before = placed(account)
    for _ in range(2):
        rig.play(rig.tickers, rig.tickers, until(lambda: rig.venue.idle), rig.cycle)
    assert placed(account) == before
    check(rig, account)


@VENUES
def test_tiers_that_are_sold_while_nobody_listens_are_found_at_the_start(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    rig.play(*staged(rig, account))
    account.on_news = None
    sell(account, tiers(account)[0])
    left = held(account)
    rig.play(rig.tickers, until(lambda: rig.held == left), rig.tickers, until(lambda: rig.venue.idle), rig.cycle)
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TIER_1"]
    check(rig, account)


@pytest.mark.parametrize("told", ["lost", "nothing"])
def test_a_list_in_doubt_is_looked_up_and_never_sent_again(tmp_path: Path, told: str) -> None:
    account = TinyAccount(venue=SPOT)
    left: list[object] = [told]
    account.mishap = lambda what, _: left.pop() if what == "list" and left else None
    rig = rig_on(tmp_path, account)
    rig.play(
        *rig.begun(), rig.cycle, until(lambda: rig.held != {}), *[rig.tickers] * 3,
        until(lambda: rig.venue.idle, 15), *[rig.tickers] * 3,
        until(lambda: total(stops(account)) == rig.held["BTCUSDT"]), rig.tickers, rig.cycle,
    )  # fmt: skip
    assert len(tiers(account)) == 2
    check(rig, account)


@VENUES
def test_what_is_sold_by_hand_makes_the_tiers_smaller(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account)
    rig.play(
        *staged(rig, account), lambda: account.stranger("BTCUSDT", "sell", "0.8"),
        until(lambda: rig.held["BTCUSDT"] < 1), *[rig.tickers] * 4,
        until(lambda: total(tiers(account)) == rig.held["BTCUSDT"]), *[rig.tickers] * 2, rig.cycle,
    )  # fmt: skip
    assert total(tiers(account)) == held(account)["BTCUSDT"]
    check(rig, account)


@VENUES
def test_a_gain_moves_the_stop_at_the_exchange_to_break_even(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(
        tmp_path, account, ExitPlan(stop_pct=5, break_even_at_pct=5, break_even_over_pct=0.2, hold_max_s=86_400)
    )
    rig.play(
        *rig.entered(), lambda: rig.tickers("105"), until(lambda: not stops(account) or moved(account)), rig.tickers,
        until(lambda: moved(account)), rig.cycle, lambda: sell(account, stops(account)[0]),
        until(lambda: rig.held == {}), rig.cycle,
    )  # fmt: skip
    assert rig.positions()[-1].reason == "BREAK_EVEN"
    check(rig, account)


def moved(account: TinyAccount) -> bool:
    return [one.order.stop_price for one in stops(account)] == [Decimal("100.2")]


def armed(rig: Rig, account: TinyAccount) -> list[Any]:
    """Steps up to a trail that is armed, and rests at the exchange as well."""
    return [*rig.entered(), lambda: rig.tickers("106"), *[rig.tickers] * 3,
            until(lambda: len(account.working("trailing_stop")) == 1 and len(stops(account)) == 2),
            *[rig.tickers] * 2]  # fmt: skip


@VENUES
def test_a_trail_that_is_armed_rests_for_its_share_and_need_not_be_moved(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account, TRAILING)
    before: list[int] = []
    rig.play(
        *armed(rig, account), lambda: before.append(len(account.orders)), lambda: rig.tickers("110"),
        *[rig.tickers] * 4, rig.cycle,
    )  # fmt: skip
    (trail,) = account.working("trailing_stop")
    qty = held(account)["BTCUSDT"]
    assert before == [len(account.orders)]
    assert (trail.order.callback_pct, trail.order.closes) == (3, True)
    assert abs(trail.order.qty - qty * Decimal("0.4")) < Decimal("0.001")
    if venue == SPOT:
        assert total(stops(account)) == qty
    check(rig, account)


@VENUES
def test_what_the_exchange_sold_by_its_trail_the_program_does_not_sell_again(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account, TRAILING)

    def trail_out() -> None:
        sell(account, account.working("trailing_stop")[0])

    rig.play(
        *armed(rig, account), trail_out, until(lambda: len(rig.fills_now()) == 2), lambda: rig.tickers("102"),
        *[rig.tickers] * 3, until(lambda: total(stops(account)) >= rig.held["BTCUSDT"]), rig.cycle,
    )  # fmt: skip
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TRAIL"]
    assert account.working("trailing_stop") == []
    check(rig, account)


@VENUES
def test_a_trail_that_the_exchange_refuses_is_the_programs(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account, TRAILING)

    def refuses(what: str, client_id: str) -> object:
        assert rig.session is not None
        sent = rig.session.stages.order.state.sent.get(client_id)
        trails = sent is not None and sent.attempt.order_type == "trailing_stop"
        return refused(-2007) if what == "place" and trails else None

    account.mishap = refuses
    rig.play(
        *rig.entered(), lambda: rig.tickers("106"), *[rig.tickers, 0.05] * 3,
        until(lambda: total(stops(account)) >= rig.held["BTCUSDT"]), lambda: rig.tickers("102"),
        until(lambda: len(rig.fills_now()) == 2), *[rig.tickers] * 3,
        until(lambda: total(stops(account)) >= rig.held["BTCUSDT"]), rig.cycle,
    )  # fmt: skip
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TRAIL"]
    assert len([one for one in rig.attempts() if one.order_type == "trailing_stop"]) == 1
    check(rig, account)


@VENUES
def test_the_share_that_trails_is_sold_once_by_whoever_is_first(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = rig_on(tmp_path, account, TRAILING)
    cancel = account.cancel

    def crosses(symbol: str, client_id: str, *, conditional: bool = False) -> None:
        """The stop triggers as the program wants it away."""
        one = account.orders[client_id]
        if one.order.order_type == "trailing_stop" and one.status == "working":
            sell(account, one)
        cancel(symbol, client_id, conditional=conditional)

    account.cancel = crosses  # type: ignore[method-assign]
    rig.play(
        *armed(rig, account), lambda: rig.tickers("102.8"), until(lambda: len(rig.fills_now()) == 2),
        *[rig.tickers] * 4, until(lambda: len(stops(account)) == 1), *[rig.tickers] * 2,
        until(lambda: total(stops(account)) >= rig.held["BTCUSDT"]), rig.cycle,
    )  # fmt: skip
    assert [one.reason for one in rig.fills()] == ["ENTRY", "TRAIL"]
    check(rig, account)


def test_coins_that_are_free_go_where_one_order_is_long_in_going(tmp_path: Path) -> None:
    account = TinyAccount(venue=SPOT)
    rig = rig_on(tmp_path, account)
    stuck: list[str] = []

    def mishap(what: str, client_id: str) -> object:
        return unreachable() if what in ("cancel", "order") and client_id in stuck else None

    def hold_on() -> None:
        """Nobody learns any more what becomes of the first list."""
        first = tiers(account)[0].order
        stuck.extend([first.client_id, first.listed_with or ""])

    account.mishap = mishap
    rig.play(
        *staged(rig, account), hold_on, lambda: rig.tickers("94"), until(lambda: len(tiers(account)) == 1),
        *[rig.tickers, 0.05] * 4, until(lambda: len(rig.fills_now()) == 2), rig.tickers,
        lambda: [] if rig.held["BTCUSDT"] == tiers(account)[0].order.qty else pytest.fail("not what was free"),
        stuck.clear, until(lambda: rig.held == {}), rig.tickers, rig.cycle,
    )  # fmt: skip
    assert [one.reason for one in rig.fills()] == ["ENTRY", "STOP", "STOP"]
    check(rig, account)


def test_a_list_whose_stop_price_is_through_means_out_now(tmp_path: Path) -> None:
    account = TinyAccount(venue=SPOT)
    rig = rig_on(tmp_path, account)
    through = Rejected(
        "no", sort=Sort.STATE, status=400, venue_code=-2010, said="Stop price would trigger immediately."
    )
    left: list[object] = [through]
    account.mishap = lambda what, _: left.pop() if what == "list" and left else None
    rig.play(
        *rig.begun(), rig.cycle, until(lambda: rig.held != {}), *[rig.tickers] * 3, until(lambda: rig.held == {}),
        rig.tickers, until(lambda: rig.sent == []), rig.cycle,
    )  # fmt: skip
    assert [one.reason for one in rig.positions()] == ["ENTRY", "STOP"]
    assert tiers(account) + stops(account) == []
    check(rig, account)
