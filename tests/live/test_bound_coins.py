"""Coins of ours that sell orders of others have, on spot: what is free is protected and sold, the rest is told."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_rig import Rig, until
from test_live_session import check, held
from tiny_account import Standing, TinyAccount

from engine.records.desk import Alert
from engine.records.ideas import ExitPlan, tiers_of
from engine.records.trades import OrderResult, Side
from engine.runs.reporting.status import standing_of
from engine.world.account.account import OrderNews
from engine.world.venues.live.strangers import locked_by_others

SPOT = "binance-spot"
ONE_ENTRY = ("rules.max_entries_day.limit=1",)
STOP_ONLY = ExitPlan(stop_pct=5, hold_max_s=86_400)
BTC = "BTCUSDT"


def spot_rig(tmp_path: Path, plan: ExitPlan = STOP_ONLY) -> tuple[TinyAccount, Rig]:
    account = TinyAccount(venue=SPOT)
    return account, Rig(tmp_path, account, plan, sets=ONE_ENTRY)


def bound(rig: Rig) -> dict[str, Decimal]:
    assert rig.session is not None
    return rig.session.stages.order.state.protection.bound


def stop_of(account: TinyAccount) -> Decimal:
    """How many coins stops that work would sell."""
    return sum((one.order.qty - one.filled for one in account.working("stop")), Decimal(0))


def taken(rig: Rig, account: TinyAccount, qty: str) -> list[Any]:
    """Steps up to where somebody's order has coins of a position: its stop was away for a moment."""

    def take() -> None:
        stop = account.working("stop")[0]
        stop.status = "cancelled"
        account.rest_by_hand(BTC, qty)
        account.tell(account.news(stop))

    return [*rig.entered(), take, until(lambda: bound(rig) == {BTC: Decimal(qty)}), *settled(rig)]


def settled(rig: Rig) -> list[Any]:
    return [rig.tickers, 0.05, rig.tickers, 0.05, rig.tickers, 0.1, rig.tickers]


def end(account: TinyAccount, client_id: str = "web_77") -> None:
    """Somebody cancels their order."""
    account.orders[client_id].status = "cancelled"
    account.tell(account.news(account.orders[client_id]))


def fill(account: TinyAccount, qty: str) -> None:
    """Somebody's order is executed."""
    account.fill("web_77", Decimal(qty))


def alerts(rig: Rig) -> list[Alert]:
    return [one for one in rig.records(Alert) if one.code == "COINS_BOUND"]


def test_what_is_free_is_under_a_stop_and_the_rest_is_told_once(tmp_path: Path) -> None:
    account, rig = spot_rig(tmp_path)
    rig.play(*taken(rig, account, "0.4"), 2.5, rig.cycle)
    assert (rig.held, stop_of(account)) == ({BTC: Decimal(1)}, Decimal("0.6"))
    (told,) = alerts(rig)
    assert "0.4 of the 1 coins" in told.text
    assert "hot flatten --symbol BTCUSDT" in told.text
    account_now = standing_of(rig.path).account
    assert account_now is not None
    assert account_now.bound == ("BTCUSDT 0.4",)
    check(rig, account)


@pytest.mark.parametrize("close", [True, False])
def test_when_the_order_of_others_ends_the_stop_is_for_all(tmp_path: Path, close: bool) -> None:
    account, rig = spot_rig(tmp_path)
    rig.play(*taken(rig, account, "0.4"), close=close)
    rig.play(
        until(lambda: rig.venue.syncing.recovered), rig.tickers, lambda: end(account), until(lambda: bound(rig) == {}),
        *settled(rig), until(lambda: stop_of(account) == 1), rig.tickers,
    )  # fmt: skip
    assert stop_of(account) == held(account)[BTC]
    check(rig, account)


def test_an_order_that_ended_while_nobody_looked_binds_nothing_after_a_start(tmp_path: Path) -> None:
    account, rig = spot_rig(tmp_path)
    rig.play(*taken(rig, account, "1"))
    assert stop_of(account) == 0
    end(account)
    rig.play(
        until(lambda: rig.venue.syncing.recovered), until(lambda: bound(rig) == {}), *settled(rig),
        until(lambda: stop_of(account) == 1), rig.tickers,
    )  # fmt: skip
    check(rig, account)


def test_the_way_out_takes_what_is_free_and_the_rest_when_it_is(tmp_path: Path) -> None:
    account, rig = spot_rig(tmp_path)
    rig.play(
        *taken(rig, account, "0.4"), lambda: rig.tickers("94"), until(lambda: rig.held == {BTC: Decimal("0.4")}),
        *settled(rig), rig.cycle, 0.1, lambda: end(account), until(lambda: bound(rig) == {}), rig.tickers,
        until(lambda: rig.held == {}), rig.tickers, until(lambda: rig.sent == []), rig.cycle,
    )  # fmt: skip
    sales = [one for one in rig.fills() if one.side == "sell"]
    assert [(one.reason, one.qty) for one in sales] == [("STOP", "0.6"), ("STOP", "0.4")]
    # No exit was sent that the exchange could only refuse.
    exits = {one.client_id for one in rig.attempts() if one.purpose == "exit"}
    assert "rejected" not in [one.status for one in rig.records(OrderResult) if one.client_id in exits]
    check(rig, account)


def test_coins_that_are_all_bound_are_neither_dust_nor_sold(tmp_path: Path) -> None:
    account, rig = spot_rig(tmp_path)
    sent: list[int] = []

    def count() -> None:
        sent.append(len(account.requests) - len([1 for what, _ in account.requests if what != "place"]))

    rig.play(
        *taken(rig, account, "1"), count, lambda: rig.tickers("94"), *settled(rig), rig.cycle, 0.2, *settled(rig), count
    )
    assert sent[0] == sent[1]
    assert rig.held == {BTC: Decimal(1)}
    check(rig, account)


def test_what_the_order_of_others_sells_is_booked_and_binds_no_more(tmp_path: Path) -> None:
    account, rig = spot_rig(tmp_path)
    rig.play(
        *taken(rig, account, "0.4"), lambda: fill(account, "0.1"),
        until(lambda: rig.held == {BTC: Decimal("0.9")} and bound(rig) == {BTC: Decimal("0.3")}), *settled(rig),
        lambda: fill(account, "0.3"), until(lambda: rig.held == {BTC: Decimal("0.6")} and bound(rig) == {}),
        *settled(rig), until(lambda: stop_of(account) == Decimal("0.6")), rig.tickers,
    )  # fmt: skip
    assert [one.what for one in rig.diffs()] == ["closed_elsewhere", "closed_elsewhere"]
    check(rig, account)


def test_somebodys_own_coins_are_theirs_to_sell(tmp_path: Path) -> None:
    """Coins that lie beside ours are locked first, and sold first: ours stay under their stop."""
    account, rig = spot_rig(tmp_path)
    account.trade(BTC, "buy", Decimal(5), "1", None)
    rig.play(
        *rig.entered(), lambda: account.rest_by_hand(BTC, "5"), 2.5, *settled(rig),
        lambda: fill(account, "3"), 2.5, *settled(rig),
    )  # fmt: skip
    assert (bound(rig), rig.held, rig.diffs(), alerts(rig)) == ({}, {BTC: Decimal(1)}, [], [])
    assert stop_of(account) == 1


def test_of_a_sale_of_more_than_somebodys_own_the_rest_is_ours(tmp_path: Path) -> None:
    account, rig = spot_rig(tmp_path)
    account.trade(BTC, "buy", Decimal(5), "1", None)

    def sell() -> None:
        account.working("stop")[0].status = "cancelled"
        account.stranger(BTC, "sell", "5.25")

    rig.play(*rig.entered(), sell, until(lambda: rig.held == {BTC: Decimal("0.75")}), *settled(rig))
    (sale,) = [one for one in rig.fills() if one.side == "sell"]
    assert (sale.qty, sale.notional, sale.reason) == ("0.25", "25", "CLOSED_ELSEWHERE")
    assert [one.what for one in rig.diffs()] == ["closed_elsewhere"]
    assert rig.held == held(account)


def test_tiers_rest_again_when_all_coins_are_free(tmp_path: Path) -> None:
    plan = ExitPlan(stop_pct=5, tiers=tiers_of([(30, 5), (70, 10)]), resting_tiers=True, hold_max_s=86_400)
    account, rig = spot_rig(tmp_path, plan)

    def tiers() -> list[Standing]:
        return [one for one in account.working("limit") if one.order.client_id != "web_77"]

    def take() -> None:
        for one in tiers():
            account.cancel(BTC, one.order.client_id)
        account.rest_by_hand(BTC, "0.4")
        for one in account.orders.values():
            if one.status == "cancelled":
                account.tell(account.news(one))

    rig.play(
        *rig.entered(), until(lambda: len(tiers()) == 2), rig.cycle, rig.tickers, take,
        until(lambda: bound(rig) == {BTC: Decimal("0.4")}), *settled(rig),
        until(lambda: (tiers(), stop_of(account)) == ([], Decimal("0.6"))), rig.tickers,
        lambda: end(account), until(lambda: bound(rig) == {}), *settled(rig), until(lambda: len(tiers()) == 2),
        *settled(rig), rig.cycle,
    )  # fmt: skip
    assert stop_of(account) == held(account)[BTC]
    check(rig, account)


def test_orders_of_one_list_lock_the_same_coins() -> None:
    def order(number: str, side: Side, left: str, list_id: str | None = None) -> OrderNews:
        return OrderNews(
            symbol=BTC, client_id=f"web_{number}", order_id=number, status="working", filled_qty=Decimal(0), venue_at=1,
            side=side, left=Decimal(left), list_id=list_id,
        )  # fmt: skip

    orders = [
        order("1", "sell", "2", "7"),
        order("2", "sell", "2", "7"),
        order("3", "sell", "1"),
        order("4", "buy", "9"),
    ]
    assert locked_by_others(orders) == {BTC: Decimal(3)}
