"""Positions in symbols that are halted, delisted or in an unknown state: noticed, counted, and in nobody's way."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_rig import Rig, until
from tiny_account import TinyAccount

from engine.records.base import Record
from engine.records.ideas import ExitPlan, Refusal
from engine.records.trades import OrderAttempt, StateChange
from engine.world.binance.trouble import Rejected, Sort

COINS = ("AAAUSDT", "BBBUSDT")
STOP_ONLY = ExitPlan(stop_pct=5, hold_max_s=86_400)


def now(rig: Rig, symbol: str, status: str) -> Any:
    def told() -> list[Record]:
        rig.at += 1000
        (rules,) = (one for one in rig.rules() if one.symbol == symbol)  # type: ignore[attr-defined]
        return [msgspec.structs.replace(rules, at=rig.at, status=status)]  # type: ignore[type-var]

    return told


def changes(rig: Rig) -> list[tuple[str | None, str]]:
    return [(one.symbol, one.now) for one in rig.records(StateChange) if one.scope == "position"]


def bought(account: TinyAccount) -> list[str]:
    return sorted(one.order.symbol for one in account.orders.values() if one.order.side == "buy")


@pytest.mark.parametrize("status", ["HALT", "CANCEL_ONLY", "DELISTED", "SOMETHING_NEW"])
def test_a_position_in_a_symbol_that_is_not_traded_is_stuck_and_others_go_on(tmp_path: Path, status: str) -> None:
    account = TinyAccount()
    rig = Rig(tmp_path, account, STOP_ONLY, symbols=COINS, sets=("rules.max_positions.limit=1",))
    rig.play(*rig.entered(), now(rig, "AAAUSDT", status), rig.cycle, rig.cycle)
    assert bought(account) == ["AAAUSDT"]
    assert changes(rig) == [("AAAUSDT", f"stuck({status})")]
    assert rig.records(Refusal)[-1].code == "MAX_POSITIONS"
    assert rig.states()[-1] == "tradeable"
    # A start works with it, and the end of the halt ends it.
    rig.play(rig.tickers, until(lambda: rig.venue.idle), rig.cycle, now(rig, "AAAUSDT", "TRADING"), rig.cycle)
    assert changes(rig)[1:] == [("AAAUSDT", "open")]
    assert rig.held == {"AAAUSDT": account.holdings()[0].qty}
    assert rig.thought_again() > 0


def test_a_way_out_that_is_refused_for_a_halt_is_tried_once_a_minute(tmp_path: Path) -> None:
    account = TinyAccount()
    halted: list[bool] = []

    def mishap(what: str, _: str) -> Any:
        closed = Rejected("closed", sort=Sort.SYMBOL, status=400, venue_code=-4141, said="closed")
        return closed if halted and what == "place" else None

    account.mishap = mishap
    rig = Rig(tmp_path, account, STOP_ONLY, sets=("rules.max_entries_day.limit=1",))
    out = [step for _ in range(40) for step in (rig.tickers, 0.02)]
    rig.play(
        *rig.entered(), lambda: halted.append(True), lambda: rig.tickers("90"), 0.1, *out, rig.cycle,
        lambda: halted.clear(), *out, until(lambda: rig.held == {}), rig.cycle,
    )  # fmt: skip
    assert changes(rig)[0] == ("BTCUSDT", "stuck(NOT_TRADED)")
    assert len([one for one in rig.records(OrderAttempt) if one.purpose == "exit"]) <= 4
    assert sum(one.qty if one.side == "buy" else -one.qty for one in account.executed) == Decimal(0)
    assert rig.thought_again() > 0
