"""Refusals that mean more than their order: nothing left to close, a mode that changed, a key that is refused."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_rig import Rig, until
from tiny_account import TinyAccount

from engine.errors import ConfigError, KeyRefused
from engine.ledger.requests import request
from engine.records.ideas import ExitPlan
from engine.world.binance.trouble import TURNED_AWAY, Limited, Rejected, Sort

BRIEF = ExitPlan(stop_pct=5, hold_max_s=20)
STAYS = ExitPlan(stop_pct=5, hold_max_s=86_400)
ONE_ENTRY = ("rules.max_entries_day.limit=1",)


def refused(code: int) -> Rejected:
    return Rejected("no", sort=Sort.FIX, status=400, venue_code=code, said="no")


def purpose(rig: Rig, client_id: str) -> str:
    assert rig.session is not None
    sent = rig.session.stages.order.state.sent.get(client_id)
    return sent.attempt.purpose if sent is not None else ""


def sold(account: TinyAccount) -> Decimal:
    return sum((one.qty for one in account.executed if one.side == "sell"), Decimal(0))


def unheard(account: TinyAccount, what: Any) -> None:
    """Has something happen of which the stream tells nothing."""
    account.streams = False
    what()
    account.streams = True


def test_an_exit_that_is_refused_because_all_is_closed_already_is_done(tmp_path: Path) -> None:
    account, tries = TinyAccount(), list[str]()
    rig = Rig(tmp_path, account, BRIEF, sets=ONE_ENTRY)

    def mishap(what: str, client_id: str) -> Any:
        if what != "place" or purpose(rig, client_id) != "exit":
            return None
        if not tries:
            unheard(account, lambda: account.stranger("BTCUSDT", "sell", str(account.holdings()[0].qty)))
        tries.append(client_id)
        return refused(-2022)

    account.mishap = mishap
    rig.play(*rig.entered(), *[rig.cycle, 0.05] * 5, until(lambda: rig.held == {}), rig.tickers, *[rig.cycle] * 3)
    assert len(tries) <= 5
    assert rig.positions()[-1].reason == "CLOSED_ELSEWHERE"
    assert account.holdings() == []
    assert rig.thought_again() > 0


@pytest.mark.parametrize("streams", [True, False])
def test_a_cancel_of_what_has_just_been_filled_sells_nothing_twice(tmp_path: Path, streams: bool) -> None:
    account = TinyAccount(venue="binance-spot")
    rig = Rig(tmp_path, account, BRIEF, sets=ONE_ENTRY)

    def mishap(what: str, client_id: str) -> None:
        if what == "cancel" and account.orders[client_id].status == "working":
            account.fill(client_id) if streams else unheard(account, lambda: account.fill(client_id))

    account.mishap = mishap
    rig.play(*rig.entered(), *[rig.cycle, 0.05] * 5, until(lambda: rig.held == {}), rig.tickers, rig.cycle)
    assert [one.purpose for one in rig.attempts()] == ["entry", "protect"]
    assert rig.positions()[-1].reason == "STOP"
    assert account.holdings() == []
    assert rig.thought_again() > 0


def test_an_order_that_was_turned_away_unread_is_not_sent_again_under_its_id(tmp_path: Path) -> None:
    account, away = TinyAccount(), [Limited("too many new orders", 0, TURNED_AWAY)] * 3
    account.mishap = lambda what, _: away.pop() if what == "place" and away else None
    rig = Rig(tmp_path, account, STAYS)
    rig.play(*rig.begun(), *[rig.cycle, 0.2] * 12, until(lambda: rig.held != {}), rig.cycle)
    tried = [client_id for what, client_id in account.requests if what == "place"]
    assert len(tried) == len(set(tried)) > 3
    assert rig.results()[:3] == ["rejected"] * 3


def test_an_account_that_was_put_into_hedge_mode_is_entered_on_no_more_until_a_resume(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STAYS)
    hedged = [True]
    account.mishap = lambda what, _: refused(-4061) if what == "place" and hedged else None
    rig.play(*rig.begun(), rig.cycle, until(lambda: rig.sent == []), 0.3, *[rig.cycle, 0.1] * 4)
    assert len(rig.attempts()) == 1
    assert rig.states()[-1] == "blocked(account_mode)"
    hedged.clear()
    request(rig.path, "resume", "one-way again", 1)
    prepared = account.requests.count(("prepare", "BTCUSDT"))
    rig.play(
        rig.tickers, until(lambda: rig.venue.idle), *[rig.cycle, 0.2] * 6, until(lambda: rig.held != {}), rig.cycle
    )
    assert account.requests.count(("prepare", "BTCUSDT")) == prepared + 1


def test_holdings_of_another_mode_block_entries_and_no_exit(tmp_path: Path) -> None:
    account, other = TinyAccount(), list[bool]()
    rig = Rig(tmp_path, account, BRIEF)
    account.mishap = lambda what, _: ConfigError("hedge mode") if what == "holdings" and other else None
    rig.play(*rig.entered(), lambda: other.append(True), until(lambda: ("holdings", "") in account.requests),
             *[rig.cycle, 0.5] * 6, until(lambda: rig.held == {}), rig.cycle)  # fmt: skip
    assert "blocked(account_mode)" in rig.states()
    assert sold(account) > 0


def test_a_key_that_is_refused_blocks_entries_and_the_way_out_is_tried_again_and_again(tmp_path: Path) -> None:
    account, bad = TinyAccount(), list[bool]()
    rig = Rig(tmp_path, account, BRIEF, sets=ONE_ENTRY)
    account.mishap = lambda *_: KeyRefused("the key is refused") if bad else None
    rig.play(*rig.entered(), lambda: bad.append(True), *[rig.cycle, 0.1] * 6, bad.clear, *[rig.cycle, 0.1] * 2,
             until(lambda: rig.held == {}), rig.cycle)  # fmt: skip
    assert rig.states()[-1] == "blocked(auth)"
    exits = [one for one in rig.attempts() if one.purpose == "exit"]
    assert len(exits) >= 2 and len({one.client_id for one in exits}) == len(exits)
    assert account.holdings() == []
    assert rig.thought_again() > 0
