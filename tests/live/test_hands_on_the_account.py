"""Hands on the account that go further than what is held: sales beyond it, short positions, what a start forgets."""

from decimal import Decimal
from pathlib import Path

import pytest
from live_rig import Rig, until
from tiny_account import TinyAccount

from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify
from engine.records.desk import Alert
from engine.records.ideas import ExitPlan
from engine.records.wire import decode
from engine.world.account.account import StreamNews

STOP_ONLY = ExitPlan(stop_pct=5, hold_max_s=86_400)
ONE_ENTRY = ("rules.max_entries_day.limit=1",)


def alerts(rig: Rig) -> list[str]:
    with Ledger.read(rig.path) as ledger:
        found = [decode(line) for _, line in ledger.lines(kinds=["alert"])]
    return [one.text for one in found if isinstance(one, Alert) and one.code == "EXTERNAL_ACTIVITY"]


def cash(rig: Rig) -> Decimal:
    assert rig.session is not None
    return Decimal(rig.session.stages.order.desk.state.cash_e8).scaleb(-8)


@pytest.mark.parametrize("streams", [True, False])
def test_who_sells_more_than_is_held_brings_no_money_for_the_rest(tmp_path: Path, streams: bool) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)

    def by_hand() -> None:
        account.streams = streams
        account.stranger("BTCUSDT", "sell", "3")

    rig.play(*rig.entered(), by_hand, until(lambda: rig.held == {}), *[rig.cycle, 0.3] * 4)
    closed = rig.positions()[-1]
    assert (closed.reason, closed.realised_pnl, closed.dust) == ("CLOSED_ELSEWHERE", "-0.2", "0")
    assert rig.fills()[-1].qty == "1"
    assert cash(rig) == Decimal("999.8")
    assert rig.states()[-1] == "degraded(account_short)"
    assert verify(rig.path).ok
    assert rig.thought_again() > 0


def test_nothing_is_entered_while_somebody_is_short_and_something_is_when_that_is_over(tmp_path: Path) -> None:
    account = TinyAccount()
    account.stranger("BTCUSDT", "sell", "3")
    rig = Rig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.begun(), *[rig.cycle, 0.3] * 4)
    assert rig.attempts() == [] and rig.diffs() == []
    assert rig.states()[-1] == "degraded(account_short)"
    assert any("short of BTCUSDT" in text for text in alerts(rig))
    rig.play(rig.cycle, lambda: account.stranger("BTCUSDT", "buy", "3"), *[rig.cycle, 0.6] * 9,
             until(lambda: rig.held != {}), rig.cycle)  # fmt: skip
    assert rig.states()[-1] == "tradeable"
    assert [one.symbol for one in account.holdings()] == ["BTCUSDT"]


@pytest.mark.parametrize("close", [True, False])
def test_a_silence_that_an_earlier_life_told_of_ends_with_the_next_one(tmp_path: Path, close: bool) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STOP_ONLY)
    rig.play(*rig.entered(), lambda: account.tell(StreamNews(up=False)), rig.cycle, close=close)
    assert rig.states()[-1] == "degraded(user_stream)"
    rig.play(rig.cycle, until(lambda: rig.venue.idle), 0.3, *[rig.cycle, 0.2] * 4)
    assert rig.states()[-1] == "tradeable"


@pytest.mark.parametrize("close", [True, False])
def test_a_clock_that_was_set_right_between_two_lives_is_trusted(tmp_path: Path, close: bool) -> None:
    account = TinyAccount(skew=9_000)
    rig = Rig(tmp_path, account, STOP_ONLY)
    rig.play(*rig.begun(), *[rig.cycle, 0.3] * 2, close=close)
    assert rig.states()[-1] == "degraded(clock_skew)"
    account.skew = 5
    rig.play(rig.cycle, until(lambda: rig.venue.idle), 0.3, *[rig.cycle, 0.3] * 4)
    assert rig.states()[-1] == "tradeable"
