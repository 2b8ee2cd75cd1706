"""Fees in the coin that is bought, or in BNB, also where BNB is held: what is left after them is held and sold."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from live_rig import Rig, until
from tiny_account import FEE, TinyAccount

from engine.ledger.verify import verify
from engine.records.ideas import ExitPlan
from engine.world.account.account import HeldNews, TradeNews

BRIEF = ExitPlan(stop_pct=5, hold_max_s=20)
STAYS = ExitPlan(stop_pct=5, hold_max_s=86_400)
QUOTE = "USDT"


@dataclass
class Charging(TinyAccount):
    """A spot account that takes its fees in BNB, or in the coin that is bought; each coin costs the same."""

    fee_in: str = "BNB"

    def trade(self, symbol: str, side: str, qty: Decimal, number: str, client_id: str | None) -> TradeNews:
        told = super().trade(symbol, side, qty, number, client_id)
        base = symbol.removesuffix(QUOTE)
        if self.fee_in == "received" and side == "sell":
            return told
        asset = "BNB" if self.fee_in == "BNB" else base
        charged = msgspec.structs.replace(told, fee=qty * FEE, fee_asset=asset)
        self.executed[-1] = charged
        return charged

    def holdings(self, *, urgent: bool = False) -> list[HeldNews]:
        fees: dict[str, Decimal] = {}
        for one in self.executed:
            symbol = one.fee_asset + QUOTE
            if symbol != one.symbol:
                fees[symbol] = fees.get(symbol, Decimal(0)) + one.fee
        held = super().holdings(urgent=urgent)
        taken = [(one, fees.get(one.symbol, Decimal(0))) for one in held]
        left = [
            msgspec.structs.replace(one, qty=one.qty - fee, free=max(Decimal(0), one.free - fee)) for one, fee in taken
        ]
        return [one for one in left if one.qty > 0]


def entries(account: TinyAccount) -> int:
    return len([one for one in account.orders.values() if one.order.side == "buy" and one.status == "filled"])


@pytest.mark.parametrize("fee_in", ["received", "BNB"])
def test_what_is_left_after_the_fee_is_protected_and_sold(tmp_path: Path, fee_in: str) -> None:
    account = Charging(venue="binance-spot", fee_in=fee_in)
    rig = Rig(tmp_path, account, BRIEF, sets=("rules.max_entries_day.limit=1",))
    rig.play(*rig.entered(), *[rig.cycle, 0.05] * 5, until(lambda: rig.held == {}), *[rig.cycle, 0.2] * 3)
    assert entries(account) == 1
    stop = next(one for one in rig.attempts() if one.purpose == "protect")
    assert Decimal(stop.qty) == (Decimal("0.999") if fee_in == "received" else Decimal(1))
    assert all(one.qty < Decimal("0.01") for one in account.holdings())
    assert rig.positions()[-1].status == "closed"
    assert "rejected" not in rig.results()
    assert verify(rig.path).ok
    assert rig.thought_again() > 0


def test_bnb_that_is_held_shrinks_by_the_fees_of_other_trades_and_is_sold_all_the_same(tmp_path: Path) -> None:
    account = Charging(venue="binance-spot")
    coins = ("AAAUSDT", "BNBUSDT", "CCCUSDT")
    rig = Rig(tmp_path, account, STAYS, symbols=coins, sets=("rules.max_entries_day.limit=3",))

    def agrees() -> bool:
        # The stop of BNB is refused until the fees are known; a market that runs faster than the clock may not wait.
        theirs = {one.symbol: one.qty for one in account.holdings()}
        zero = Decimal(0)
        return all(abs(rig.held.get(s, zero) - theirs.get(s, zero)) < Decimal("0.001") for s in coins)

    def crash() -> Any:
        return rig.tickers("90")

    rig.play(
        *rig.begun(), *[rig.cycle, 0.2] * 4, until(lambda: entries(account) == 3), *[rig.cycle, 0.3] * 8, until(agrees),
        crash, *[rig.cycle, 0.3] * 8, until(lambda: rig.held == {}), *[rig.cycle, 0.2] * 2,
    )  # fmt: skip
    assert all(one.qty < Decimal("0.01") for one in account.holdings())
    assert {one.symbol for one in rig.diffs()} <= {"BNBUSDT", "USDT"}
    assert verify(rig.path).ok
    assert rig.thought_again() > 0
