"""hot status of a live ledger: mode, conditions, orders in doubt, positions without a stop."""

from pathlib import Path

from live_rig import Rig, until
from tiny_account import TinyAccount

from cli.commands.status import told
from engine.runs.account_now import AccountNow
from engine.runs.reporting.status import standing_of


def test_an_account_in_order_is_told_as_such(tmp_path: Path) -> None:
    rig = Rig(tmp_path, TinyAccount())
    rig.play(*rig.entered(), 0.05, rig.cycle)
    standing = standing_of(rig.path)
    assert (standing.mode, standing.account) == ("live", AccountNow())
    text = told(standing)
    assert "mode       live\n" in text and "in doubt   no order\n" in text and "no stop    every position" in text


def test_an_order_in_doubt_is_named(tmp_path: Path) -> None:
    account = TinyAccount(mishap=lambda what, _: "nothing" if what == "place" else None)
    rig = Rig(tmp_path, account, sets=("orders.absent_after_s=600",))
    rig.play(*rig.begun(), rig.cycle, until(lambda: bool(rig.venue.doubts)), 0.05, rig.cycle)
    now = standing_of(rig.path).account
    assert now is not None and now.in_doubt == tuple(one.client_id for one in rig.attempts())[:1]


def test_a_position_whose_stop_is_not_there_yet_is_named_and_so_is_what_keeps_entries_back(tmp_path: Path) -> None:
    account = TinyAccount()
    account.mishap = lambda what, _: "nothing" if what == "place" and account.orders else None
    rig = Rig(tmp_path, account, sets=("orders.absent_after_s=600",))
    rig.play(
        *rig.begun(), rig.cycle, until(lambda: "BTCUSDT" in rig.held),
        lambda: rig.venue.hub.tell_condition("governor", "blocked", "governor_symbols", needs_resume=True),
        0.05, rig.cycle, close=False,
    )  # fmt: skip
    now = standing_of(rig.path).account
    assert now is not None and now.unprotected == ("BTCUSDT",)
    assert now.conditions == ("blocked (governor_symbols), ends by hot resume",)
