"""Orders in doubt of which nothing is to be seen: on spot exits do not wait for the proof that they never were."""

from decimal import Decimal
from pathlib import Path

from live_rig import Rig, until
from test_live_session import ONE_ENTRY, STOP_ONLY, check, held
from tiny_account import TinyAccount

from engine.records.account import OrderReport
from engine.records.trades import OrderResult
from engine.records.wire import decode
from engine.stages.account_order import order_of
from engine.world.recording import folder_of, read_recording

#: No absence is proven in any of these tests.
LONG = (*ONE_ENTRY, "orders.absent_after_s=600")


def lose(account: TinyAccount, rig: Rig, *purposes: str, told: object = "nothing") -> list[str]:
    """Has the first orders of these purposes meet a mishap, in this order; gives those that have not met it yet."""
    left = list(purposes)

    def mishap(what: str, client_id: str) -> object:
        if what != "place" or not left or meant_for(rig, client_id) != left[0]:
            return None
        left.pop(0)
        return told

    account.mishap = mishap
    return left


def meant_for(rig: Rig, client_id: str) -> str | None:
    assert rig.session is not None
    sent = rig.session.stages.order.state.sent.get(client_id)
    return sent.attempt.purpose if sent is not None else None


def unseen(rig: Rig) -> bool:
    assert rig.session is not None
    return any(sent.unseen for sent in rig.session.stages.order.state.sent.values())


def purposes(rig: Rig) -> list[str]:
    return [one.purpose for one in rig.attempts()]


def test_a_stop_that_never_arrived_is_followed_by_another_before_that_is_proven(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=LONG)
    lose(account, rig, "protect")
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.held != {}), *[rig.tickers] * 4, until(lambda: unseen(rig)),
             *[rig.tickers] * 3, until(lambda: rig.stands("stop", "working")), rig.tickers)  # fmt: skip
    assert purposes(rig) == ["entry", "protect", "protect"]
    assert ("in_doubt", "UNSEEN") in results(rig)
    assert "holdings in a hurry" in [what for what, _ in account.requests]
    assert rig.held == held(account) != {}
    check(rig, account)


def test_a_position_whose_stops_never_arrive_is_closed_before_that_is_proven(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=LONG)
    account.mishap = lambda what, i: "nothing" if what == "place" and meant_for(rig, i) == "protect" else None
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.held != {}), *[rig.tickers] * 4, until(lambda: unseen(rig)),
             *[rig.tickers, 0.05] * 8, until(lambda: rig.held == {}), rig.tickers)  # fmt: skip
    assert rig.positions()[-1].reason == "UNPROTECTED"
    check(rig, account)


def test_a_stop_is_sent_where_neither_an_exit_nor_the_stop_after_it_arrived(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=LONG)
    rig.play(*rig.entered())
    left = lose(account, rig, "exit", "protect")
    rig.play(rig.tickers, until(lambda: rig.venue.idle), lambda: rig.tickers("94"), until(lambda: unseen(rig)),
             lambda: rig.tickers("96"), rig.tickers, until(lambda: not left), close=False)  # fmt: skip
    rig.play(rig.tickers, until(lambda: unseen(rig)), *[rig.tickers, 0.1] * 8,
             until(lambda: rig.stands("stop", "working")), rig.tickers)  # fmt: skip
    assert purposes(rig) == ["entry", "protect", "exit", "protect", "protect"]
    assert rig.held == held(account) == {"BTCUSDT": Decimal(rig.attempts()[0].qty)}
    check(rig, account)


def test_the_program_stands_guard_over_it_from_the_start(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=LONG)
    left = lose(account, rig, "protect")
    # A request that is made after the end of its life would not be lost.
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.held != {}), *[rig.tickers] * 4,
             until(lambda: not left), close=False)  # fmt: skip
    rig.play(rig.tickers, until(lambda: unseen(rig)), lambda: rig.tickers("94"), until(lambda: rig.held == {}),
             rig.tickers)  # fmt: skip
    assert rig.positions()[-1].reason == "STOP"
    check(rig, account)


def test_a_stop_that_has_its_coins_is_not_taken_for_unseen(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=LONG)
    lose(account, rig, "protect", told="lost")
    usual = account.mishap
    hides = [True]
    account.mishap = lambda what, i: "hidden" if what == "order" and hides and meant_for(rig, i) else usual(what, i)
    account.streams = False
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.held != {}), *[rig.tickers] * 3,
             until(lambda: [what for what, _ in account.requests].count("order") > 4), rig.tickers,
             hides.clear, until(lambda: rig.venue.idle), rig.tickers, rig.tickers)  # fmt: skip
    facts = [decode(line) for line in read_recording(folder_of(rig.path))]
    assert not [one for one in facts if isinstance(one, OrderReport) and one.code == "UNSEEN"]
    assert rig.stands("stop", "working")
    assert rig.held == held(account) != {}
    check(rig, account)


def test_a_stop_that_arrives_late_goes_so_that_one_has_the_coins(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=LONG)
    lose(account, rig, "protect", "protect")

    def arrive() -> None:
        assert rig.session is not None
        sent = next(one for one in rig.session.stages.order.state.sent.values() if one.attempt.purpose == "protect")
        account.streams = False  # nobody is told before it is asked for
        account.requests.remove(("place", sent.attempt.client_id))  # the same request, which took its time
        account.place(order_of(sent.attempt))

    rig.play(
        *rig.begun(),
        rig.cycle,
        until(lambda: rig.held != {}),
        *[rig.tickers] * 4,
        until(lambda: len(rig.sent) >= 2),
        arrive,
        until(lambda: not account.working("stop")),
        until(lambda: unseen(rig)),
        *[rig.tickers] * 3,
        until(lambda: rig.stands("stop", "working")),
        rig.tickers,
    )
    first, *_, last = [one.client_id for one in rig.attempts() if one.purpose == "protect"]
    assert ("cancel", first) in account.requests
    assert [one.reason for one in rig.positions()] == ["ENTRY"]
    [stop] = account.working("stop")
    assert stop.order.client_id == last
    assert rig.held == held(account) != {}
    check(rig, account)


def results(rig: Rig) -> list[tuple[str, str | None]]:
    return [(one.status, one.code) for one in rig.records(OrderResult)]


def test_an_exit_that_never_arrived_leaves_its_coins_to_a_stop(tmp_path: Path) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=LONG)
    rig.play(*rig.entered())
    lose(account, rig, "exit")
    rig.play(rig.tickers, until(lambda: rig.venue.idle), lambda: rig.tickers("94"), until(lambda: unseen(rig)),
             lambda: rig.tickers("96"), *[rig.tickers] * 3, until(lambda: rig.stands("stop", "working")),
             rig.tickers)  # fmt: skip
    assert [one.purpose for one in rig.attempts()] == ["entry", "protect", "exit", "protect"]
    assert rig.held == held(account) == {"BTCUSDT": Decimal(rig.attempts()[0].qty)}
    check(rig, account)
