"""Margin and funding hold every case of the oracles of perpetuals."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.matching import margin

CASES = json.loads((Path(__file__).parent.parent / "oracles" / "perp.json").read_text())["cases"]


def tiers(brackets: list[list[float]]) -> tuple[margin.Tier, ...]:
    return margin.tiers_of((Decimal(str(floor)), Decimal(str(rate))) for floor, _, rate, _ in brackets)


def number(value: float) -> Decimal:
    return Decimal(str(value))


def run_maintenance(i: dict[str, Any]) -> dict[str, Any]:
    notional, table = number(i["notional"]), tiers(i["brackets"])
    tier = margin.tier_of(notional, table)
    return {"mmr": tier.rate, "cum": tier.cum, "maintenance_margin": margin.maintenance(notional, table)}


def run_bracket_cums(i: dict[str, Any]) -> dict[str, Any]:
    pairs = zip(i["floors"], i["mmr"], strict=True)
    return {"cum": [tier.cum for tier in margin.tiers_of((number(floor), number(rate)) for floor, rate in pairs)]}


def run_liq_price_formula(i: dict[str, Any]) -> dict[str, Any]:
    wallet = number(i["wallet_balance"]) - number(i["tmm_other"]) + number(i["upnl_other"])
    tier = margin.Tier(Decimal(0), number(i["mmr"]), number(i["cum"]))
    qty = number(i["qty"])
    return {"liq_price": margin.liquidation_in(tier, i["side"], qty, qty * number(i["entry"]), wallet)}


def run_liq_price_isolated(i: dict[str, Any]) -> dict[str, Any]:
    qty, entry, wallet = number(i["qty"]), number(i["entry"]), number(i["isolated_wallet"])
    price = margin.liquidation_price(i["side"], qty, qty * entry, wallet, tiers(i["brackets"]))
    bankruptcy = entry - i["side"] * wallet / qty
    return {"liq_price": price, "bankruptcy_price": bankruptcy if bankruptcy > 0 else None}


def run_funding_payment(i: dict[str, Any]) -> dict[str, Any]:
    return {"payment": margin.funding_amount(i["side"], number(i["qty"]), number(i["mark"]), number(i["rate"]))}


def run_funding_times(i: dict[str, Any]) -> dict[str, Any]:
    times = margin.funding_times(i["open_ms"], i["close_ms"], i["interval_h"] * margin.HOUR_MS)
    return {"times": list(times), "count": len(times)}


RUNNERS = {name.removeprefix("run_"): run for name, run in list(globals().items()) if name.startswith("run_")}


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_arithmetic_of_perpetuals_holds_the_oracle(case: dict[str, Any]) -> None:
    found, tol = RUNNERS[case["fn"]](case["inputs"]), case["tol"]
    for name in found.keys() & case["expected"].keys():
        want, got = case["expected"][name], found[name]
        if want is None or isinstance(want, list):
            assert got == want, name
        else:
            assert float(got) == pytest.approx(want, abs=tol["abs"], rel=tol["rel"]), name
