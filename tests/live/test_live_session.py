"""A session on an account: what is sent, followed, protected, left, and found again after a crash."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from live_rig import START, Rig, until
from tiny_account import Standing, TinyAccount, unreachable

from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.matching.events import VenueOrder
from engine.records.desk import Alert
from engine.records.ideas import ExitPlan, tiers_of
from engine.records.trades import OrderResult, StateChange
from engine.records.wire import decode
from engine.world.binance.trouble import NotSent, Rejected, Sort

ONE_ENTRY = ("rules.max_entries_day.limit=1",)
STOP_ONLY = ExitPlan(stop_pct=5, hold_max_s=86_400)


def placed(account: TinyAccount) -> list[str]:
    return [client_id for what, client_id in account.requests if what == "place"]


def held(account: TinyAccount) -> dict[str, Decimal]:
    return {one.symbol: one.qty for one in account.holdings()}


def once(what: str, told: object) -> Callable[[str, str], object]:
    """A mishap that befalls the first such request alone."""
    left = [told]
    return lambda asked, client_id: left.pop() if asked == what and left else None


def refused(code: int) -> Rejected:
    return Rejected("no", sort=Sort.STATE, status=400, venue_code=code, said="no")


def check(rig: Rig, account: TinyAccount) -> None:
    """What must be so at the end of every test: books equal, ids once, chain sound, thought again the same."""
    assert rig.held == held(account)
    assert len(placed(account)) == len(set(placed(account)))
    assert sorted(fill.trade_id for fill in rig.fills()) == sorted(one.trade_id for one in account.executed)
    assert verify(rig.path).ok
    assert rig.thought_again() > 0


@pytest.mark.parametrize("venue", ["binance-spot", "binance-usdm"])
def test_an_entry_is_filled_and_protected(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = Rig(tmp_path, account)
    rig.play(*rig.entered())
    entry, stop = rig.attempts()
    assert (entry.purpose, stop.purpose, stop.order_type, stop.reference_price) == ("entry", "protect", "stop", "95")
    assert rig.results() == ["working", "filled", "working"]
    assert rig.positions()[-1].qty == entry.qty
    assert rig.states()[:2] == ["blocked(recovering)", "tradeable"]
    check(rig, account)


@pytest.mark.parametrize("streams", [True, False])
def test_an_answer_that_is_lost_is_looked_up_and_never_sent_again(tmp_path: Path, streams: bool) -> None:
    account = TinyAccount(mishap=once("place", "lost"), streams=streams)
    rig = Rig(tmp_path, account)
    rig.play(*rig.entered())
    assert len([one for one in account.orders.values() if one.order.side == "buy"]) == 1
    check(rig, account)


def test_executions_that_neither_stream_nor_answer_tells_are_fetched(tmp_path: Path) -> None:
    account = TinyAccount(mishap=lambda what, _: "no trades" if what == "place" else None, streams=False)
    rig = Rig(tmp_path, account)
    rig.play(*rig.entered())
    check(rig, account)


def test_an_order_that_never_was_is_proven_absent_and_its_intent_is_free_again(tmp_path: Path) -> None:
    account = TinyAccount(mishap=once("place", "nothing"))
    rig = Rig(tmp_path, account)
    rig.play(
        *rig.begun(), rig.cycle, until(lambda: len(placed(account)) == 1), until(lambda: rig.sent == []), rig.cycle,
        until(lambda: rig.stands("market", "filled")), rig.tickers, rig.cycle,
    )  # fmt: skip
    first, second = (one for one in rig.attempts() if one.purpose == "entry")
    assert rig.results()[:2] == ["in_doubt", "never_executed"]
    assert first.client_id != second.client_id
    check(rig, account)


def test_a_venue_that_cannot_be_reached_proves_nothing(tmp_path: Path) -> None:
    account = TinyAccount(streams=False)
    down: list[bool] = []
    account.mishap = lambda what, _: ("lost" if what == "place" else unreachable()) if down else None
    rig = Rig(tmp_path, account)
    rig.play(
        *rig.begun(), lambda: down.append(True), rig.cycle, until(lambda: len(placed(account)) == 1),
        until(lambda: len([1 for what, _ in account.requests if what == "order"]) > 5), rig.tickers,
        lambda: [] if rig.sent else pytest.fail("dropped without an answer"), down.clear,
        until(lambda: rig.held != {}), rig.tickers, rig.cycle,
    )  # fmt: skip
    check(rig, account)


def test_a_definite_no_frees_the_intent_at_once(tmp_path: Path) -> None:
    account = TinyAccount(mishap=once("place", refused(-2010)))
    rig = Rig(tmp_path, account)
    again = [until(lambda: len(placed(account)) >= 1), 0.1, rig.cycle]
    rig.play(*rig.begun(), rig.cycle, *again, *rig.entered()[6:])
    assert rig.results()[0] == "rejected"
    check(rig, account)


def test_what_did_not_leave_is_sent_again_under_its_id(tmp_path: Path) -> None:
    account = TinyAccount(mishap=once("place", NotSent("no route", "connect")))
    rig = Rig(tmp_path, account)
    rig.play(*rig.entered())
    ids = placed(account)
    assert ids[0] == ids[1]
    assert rig.results()[:2] == ["working", "filled"]
    assert rig.held == held(account)


def test_a_killed_run_finds_what_it_had_sent(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account)
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.stands("market", "filled")), close=False)
    bought = held(account)
    rig.play(rig.tickers, until(lambda: rig.venue.idle and rig.held == bought), rig.tickers, rig.tickers, rig.tickers,
             until(lambda: rig.stands("stop", "working")), rig.cycle)  # fmt: skip
    check(rig, account)
    assert [one.purpose for one in rig.attempts()] == ["entry", "protect"]


def test_a_killed_run_that_had_sent_nothing_sends_nothing_old(tmp_path: Path) -> None:
    account = TinyAccount(mishap=once("place", "nothing"))
    rig = Rig(tmp_path, account)
    rig.play(*rig.begun(), rig.cycle, until(lambda: len(placed(account)) == 1), close=False)
    rig.play(rig.tickers, until(lambda: rig.sent == []), rig.cycle)
    old = rig.attempts()[0].client_id
    assert [one.status for one in rig.records(OrderResult) if one.client_id == old][-1] == "never_executed"
    assert placed(account).count(old) == 1
    check(rig, account)


def test_a_start_changes_nothing_the_second_and_third_time(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account)
    rig.play(*rig.entered())
    before = (len(rig.fills()), len(rig.attempts()), held(account))
    for _ in range(3):
        rig.play(rig.tickers, rig.tickers, until(lambda: rig.venue.idle), rig.cycle)
    assert (len(rig.fills()), len(rig.attempts()), held(account)) == before
    check(rig, account)


def test_a_stop_that_the_exchange_executes_closes_the_position(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STOP_ONLY)
    rig.play(*rig.entered(), lambda: stop_out(account), rig.tickers, until(lambda: rig.held == {}), rig.tickers)
    assert rig.positions()[-1].reason == "STOP"
    assert rig.positions()[-1].status == "closed"
    check(rig, account)


def stop_out(account: TinyAccount) -> None:
    account.price = Decimal(95)
    account.fill(next(i for i, one in account.orders.items() if one.order.order_type == "stop"))


def test_spot_coins_are_let_go_by_their_stop_before_they_are_sold(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, ExitPlan(stop_pct=5, tiers=tiers_of([(50, 5), (50, 20)]), hold_max_s=86_400))
    rig.play(
        *rig.entered(), lambda: rig.tickers("106"), until(lambda: rig.held["BTCUSDT"] < 1), rig.tickers, rig.tickers,
        rig.tickers, until(lambda: rig.stands("stop", "working")), rig.cycle,
    )  # fmt: skip
    asked = [what for what, _ in account.requests if what in ("place", "cancel")]
    assert asked == ["place", "place", "cancel", "place", "place"]
    stops = [one for one in rig.attempts() if one.purpose == "protect"]
    assert Decimal(stops[1].qty) == held(account)["BTCUSDT"]
    check(rig, account)


def test_a_futures_exit_goes_out_while_the_stop_stays_and_then_the_stop_goes(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, ExitPlan(stop_pct=5, hold_max_s=20))
    later = [rig.cycle] * 3
    rig.play(*rig.entered(), *later, rig.tickers, until(lambda: rig.held == {}), until(lambda: rig.sent == []))
    asked = [what for what, _ in account.requests if what in ("place", "cancel")]
    assert asked[:4] == ["place", "place", "place", "cancel"]
    assert not [one for one in account.orders.values() if one.status == "working" and one.order.side == "sell"]


def test_a_position_that_no_stop_protects_is_closed(tmp_path: Path) -> None:
    account = TinyAccount()
    account.mishap = lambda what, client_id: refused(-4045) if what == "place" and protects(rig, client_id) else None
    rig = Rig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.held != {}), *[rig.tickers, 0.05] * 10,
             until(lambda: rig.held == {}), rig.tickers)  # fmt: skip
    assert rig.positions()[1].reason == "UNPROTECTED"


def protects(rig: Rig, client_id: str) -> bool:
    assert rig.session is not None
    sent = rig.session.stages.order.state.sent.get(client_id)
    return sent is not None and sent.attempt.purpose == "protect"


def test_a_stop_that_would_trigger_at_once_means_out_now(tmp_path: Path) -> None:
    account = TinyAccount()
    left = [refused(-2021)]
    account.mishap = lambda what, i: left.pop() if what == "place" and left and protects(rig, i) else None
    rig = Rig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.held != {}), rig.tickers, rig.tickers, rig.tickers,
             until(lambda: rig.held == {}), rig.tickers)  # fmt: skip
    assert rig.positions()[1].reason == "STOP"
    check(rig, account)


def test_what_is_sold_by_hand_is_booked_as_sold_elsewhere(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STOP_ONLY)
    rig.play(*rig.entered(), lambda: account.stranger("BTCUSDT", "sell", "0.4"),
             until(lambda: rig.held["BTCUSDT"] < 1), rig.cycle)  # fmt: skip
    assert [one.what for one in rig.diffs()] == ["closed_elsewhere"]
    assert rig.fills()[-1].reason == "CLOSED_ELSEWHERE"
    check(rig, account)


@pytest.mark.parametrize("venue", ["binance-spot", "binance-usdm"])
def test_what_is_closed_by_hand_while_nobody_listens_is_found_at_the_start(tmp_path: Path, venue: str) -> None:
    account = TinyAccount(venue=venue)
    rig = Rig(tmp_path, account, STOP_ONLY)
    rig.play(*rig.entered())
    account.on_news = None
    qty = held(account)["BTCUSDT"]
    account.stranger("BTCUSDT", "sell", str(qty))
    rig.play(rig.tickers, until(lambda: rig.held == {}), rig.tickers, until(lambda: rig.sent == []), rig.tickers)
    assert rig.positions()[-1].reason == "CLOSED_ELSEWHERE"
    check(rig, account)


def test_a_position_from_before_the_first_start_is_adopted_and_protected(tmp_path: Path) -> None:
    account = TinyAccount(now=START - 1000)
    account.stranger("BTCUSDT", "buy", "2")
    rig = Rig(tmp_path, account, STOP_ONLY)
    away = [True]
    account.mishap = lambda what, _: unreachable() if what == "holdings" and away else None
    rig.play(rig.rules, lambda: rig.bars(-288, 0), rig.cycle, away.clear, until(lambda: rig.held != {}), rig.tickers,
             until(lambda: rig.stands("stop", "working")), rig.cycle)  # fmt: skip
    assert rig.held == {"BTCUSDT": Decimal(2)}
    assert [one.what for one in rig.diffs()] == ["adopted"]
    assert rig.positions()[0].opened_at == START - 1000
    check(rig, account)


def test_spot_coins_that_nobody_bought_here_stay_alone(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    account.stranger("ETHUSDT", "buy", "2")
    rig = Rig(tmp_path, account, STOP_ONLY, symbols=("BTCUSDT", "ETHUSDT"))
    rig.play(*rig.entered())
    assert rig.held["ETHUSDT"] == held(account)["ETHUSDT"] - 2
    assert rig.diffs() == []


@pytest.mark.parametrize("streams", [True, False])
def test_orders_of_others_are_told_once_whatever_becomes_of_them(tmp_path: Path, streams: bool) -> None:
    account = TinyAccount(venue="binance-spot", streams=streams)
    rig = Rig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    theirs = VenueOrder(
        client_id="web_1", symbol="THINUSDT", side="buy", order_type="limit", qty=Decimal(1), sent_at=0,
        limit_price=Decimal(1),
    )  # fmt: skip
    alerts: list[str] = []

    def heard() -> bool:
        with Ledger.read(rig.path) as ledger:
            found = [decode(line) for _, line in ledger.lines(kinds=["alert"])]
        alerts[:] = [one.text for one in found if isinstance(one, Alert) and one.code == "EXTERNAL_ACTIVITY"]
        return bool(alerts)

    rig.play(
        *rig.entered(), lambda: account.orders.update(web_1=Standing(theirs, "7000")), 2.5, rig.cycle, 0.1, rig.cycle,
        until(heard), 1.5, rig.cycle, lambda: heard() and [],
    )  # fmt: skip
    assert len(alerts) == 1 and "buy THINUSDT;" in alerts[0]
    del account.orders["web_1"]
    check(rig, account)


def test_an_order_of_this_ledger_that_is_left_over_is_cancelled_and_no_other(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STOP_ONLY)
    rig.play(*rig.entered())
    entry = next(one for one in account.orders.values() if one.order.order_type == "market")
    stop = next(one for one in account.orders.values() if one.order.order_type == "stop")
    left_over = again(stop, entry.order.client_id)
    of_another_ledger = again(stop, "h" + "b" * 27)
    account.orders["left over"], account.orders["other"] = left_over, of_another_ledger
    rig.play(rig.tickers, until(lambda: ("cancel", entry.order.client_id) in account.requests), rig.tickers)
    assert ("cancel", of_another_ledger.order.client_id) not in account.requests
    assert (stop.status, of_another_ledger.status) == ("working", "working")


def again(standing: Standing, client_id: str) -> Standing:
    """The same order under another id."""
    return Standing(msgspec.structs.replace(standing.order, client_id=client_id), "77")


def test_a_breaker_that_opens_stops_entries_and_no_exit(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, ExitPlan(stop_pct=5, hold_max_s=15), symbols=("BTCUSDT", "ETHUSDT"))
    rig.play(
        *rig.begun(), lambda: account.on_breaker(3), rig.cycle, 0.05, rig.cycle, lambda: account.on_breaker(0),
        *[rig.cycle, 0.1] * 2, lambda: account.on_breaker(3), *[rig.cycle, 0.1] * 5, until(lambda: rig.held == {}),
        rig.cycle,
    )  # fmt: skip
    assert rig.states().count("blocked(breaker)") == 2
    assert sorted(one.order.symbol for one in account.orders.values() if one.order.side == "buy") == [
        "BTCUSDT", "ETHUSDT",
    ]  # fmt: skip
    check(rig, account)


def test_a_market_that_begins_with_a_tick_is_entered_after_the_account_was_compared_only(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account)
    rig.play(lambda: [*rig.rules(), *rig.bars(-288, 0), *rig.cycle()], until(lambda: rig.venue.syncing.recovered))
    assert rig.attempts() == []
    [blocked, *_] = [one.now for one in rig.records(StateChange) if one.scope == "engine"]
    assert blocked == "blocked(recovering)"
