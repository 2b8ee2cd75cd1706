"""The governor: caps outside of the strategy, which restarts do not reset and exits do not meet."""

from decimal import Decimal
from pathlib import Path

import pytest
from live_rig import Rig, until
from tiny_account import TinyAccount

from engine.ledger.requests import request
from engine.records.ideas import ExitPlan

COINS = ("AAAUSDT", "BBBUSDT", "CCCUSDT")


def bought(account: TinyAccount) -> list[str]:
    return sorted(one.order.symbol for one in account.orders.values() if one.order.side == "buy")


@pytest.mark.parametrize(
    ("cap", "reason", "sent"),
    [
        ("governor.entries_per_minute=2", "governor_entries_per_minute", 2),
        ("governor.day_notional=150", "governor_day_notional", 1),
        ("governor.order_notional=50", "governor_order_notional", 0),
        ("governor.symbols=BBBUSDT", "governor_symbols", 1),
    ],
)
def test_what_passes_a_cap_does_not_leave_and_stops_all_entries(
    tmp_path: Path, cap: str, reason: str, sent: int
) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, symbols=COINS, sets=(cap,))
    rig.play(*rig.begun(), rig.cycle, 0.3, rig.cycle, 0.3, rig.cycle, 0.3, rig.cycle)
    assert len(bought(account)) == sent
    assert f"blocked({reason})" in rig.states()
    assert rig.thought_again() > 0

    # Neither a restart nor a kill opens it again, and exits still work.
    rig.play(rig.cycle, 0.3, rig.cycle, close=False)
    rig.play(rig.cycle, 0.3, rig.cycle)
    assert len(bought(account)) == sent


def test_exits_are_free_and_the_operator_alone_opens_it_again(tmp_path: Path) -> None:
    account = TinyAccount()
    rig = Rig(
        tmp_path, account, ExitPlan(stop_pct=5, hold_max_s=20), symbols=COINS, sets=("governor.entries_per_minute=1",)
    )
    rig.play(*rig.entered(), *[rig.cycle, 0.1] * 4, until(lambda: rig.held == {}), rig.cycle)
    assert len(bought(account)) == 1
    assert sum(one.qty if one.side == "buy" else -one.qty for one in account.executed) == Decimal(0)
    rig.play(*[rig.cycle, 0.02] * 14)
    assert len(bought(account)) == 1
    request(rig.path, "resume", "looked at it", 1)
    rig.play(*[rig.cycle, 0.1] * 3, until(lambda: len(bought(account)) == 2), rig.cycle)
    assert rig.states()[-1].startswith("blocked(governor")
