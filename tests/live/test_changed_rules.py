"""Rules that change while a run goes on: a filter's no reloads them, and an entry is fitted to them and tried once."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from live_rig import Rig, until
from pipe_rig import PipeRig
from tiny_account import TinyAccount

from engine.ledger.verify import verify
from engine.records.ideas import ExitPlan, Refusal
from engine.world.binance.trouble import Rejected, Sort

STOP_ONLY = ExitPlan(stop_pct=5, hold_max_s=86_400)
ONE_ENTRY = ("rules.max_entries_day.limit=1", "size.equity_share_pct=12.34")


def refusing(account: TinyAccount, always: bool = False) -> None:
    """Has entries refused that are not on the step as it is now."""
    told = Rejected("step", sort=Sort.FILTER, status=400, venue_code=-1013, said="Filter failure: LOT_SIZE")

    def place(order: Any, *, urgent: bool = False) -> Any:
        if not order.closes and (always or order.qty % Decimal(account.step)):
            account.requests.append(("refused", order.client_id))
            raise told
        return TinyAccount.place(account, order, urgent=urgent)

    account.place = place  # type: ignore[method-assign]


def refused(account: TinyAccount) -> list[str]:
    return [client_id for what, client_id in account.requests if what == "refused"]


@pytest.mark.parametrize("kind", [Rig, PipeRig])
def test_an_entry_goes_out_once_more_on_the_new_step(tmp_path: Path, kind: type[Rig]) -> None:
    account = TinyAccount(step="0.1")
    refusing(account)
    rig = kind(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.entered())
    first, second = (one for one in rig.attempts() if one.purpose == "entry")
    assert (first.qty, first.attempt, second.qty, second.attempt) == ("1.234", 1, "1.2", 2)
    assert first.intent_key == second.intent_key and first.client_id != second.client_id
    assert rig.results()[:3] == ["rejected", "working", "filled"]
    assert rig.held == {"BTCUSDT": Decimal("1.2")}
    assert account.requests.count(("rules", "")) == 1
    assert verify(rig.path).ok
    assert rig.thought_again() > 0


def test_what_the_new_rules_do_not_let_pass_is_refused_by_its_name(tmp_path: Path) -> None:
    account = TinyAccount(step="0.1", min_notional="121")
    refusing(account)
    rig = Rig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    rig.play(*rig.begun(), rig.cycle, until(lambda: len(refused(account)) == 1), 0.2, rig.cycle)
    (no,) = (one for one in rig.records(Refusal) if one.stage == "order")
    assert (no.code, no.precheck_code) == ("PRECHECK_FAILED", "BUY_MIN_NOTIONAL")
    assert len(rig.attempts()) == 1
    assert rig.thought_again() > 0


@pytest.mark.parametrize("step", ["0.1", "0.001"])
def test_a_second_no_is_the_last_and_rules_that_stayed_are_no_reason(tmp_path: Path, step: str) -> None:
    account = TinyAccount(step=step)
    refusing(account, always=True)
    rig = Rig(tmp_path, account, STOP_ONLY, sets=ONE_ENTRY)
    tries = 2 if step == "0.1" else 1
    rig.play(*rig.begun(), rig.cycle, until(lambda: len(refused(account)) == tries), 0.2, rig.cycle)
    assert rig.results() == ["rejected"] * tries
    assert [one.attempt for one in rig.attempts()] == [1, 2][:tries]
    assert len(refused(account)) == len(set(refused(account))) == tries
    assert rig.thought_again() > 0
