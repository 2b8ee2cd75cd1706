"""The matching core holds every case of the fill oracles."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.kernels.chandeliers import Chandelier
from engine.kernels.volatility import Atr
from engine.matching import bracket, fills, stops
from engine.matching.units import Scale, part

ORACLES = Path(__file__).parent.parent / "oracles"
CASES = json.loads((ORACLES / "fills.json").read_text())["cases"]
SERIES = json.loads((ORACLES / "series_a.json").read_text())
# A grid far finer than the oracles' tolerance of 1e-9: what the integers round is not seen.
SCALE = Scale.of("0.000000000001", "0.000000000001")


def ticks(x: float | None) -> int | None:
    return None if x is None else SCALE.ticks(str(x), up=False)


def steps(x: float) -> int:
    return SCALE.steps(str(x))


def close_to(got: Any, want: Any, tol: dict[str, float], path: str = "$") -> None:
    if isinstance(want, dict):
        for key, value in want.items():
            close_to(got[key], value, tol, f"{path}.{key}")
    elif isinstance(want, list):
        assert len(got) == len(want), path
        for i, value in enumerate(want):
            close_to(got[i], value, tol, f"{path}[{i}]")
    elif isinstance(want, bool) or want is None or isinstance(want, str):
        assert got == want, path
    else:
        assert float(got) == pytest.approx(want, abs=tol["abs"], rel=tol["rel"]), path


def run_bracket_fill(i: dict[str, Any]) -> dict[str, Any]:
    bars = [bracket.TicksBar(*(SCALE.ticks(str(x), up=False) for x in row)) for row in i["bars"]]
    trade = bracket.bracket_trade(
        bars, i["entry_index"], i["side"], ticks(i["stop"]), ticks(i["target"]), max_bars=i.get("max_bars"),
        liquidation=ticks(i.get("liq_price")), margin_per_unit=ticks(i.get("margin_per_unit")) or 0,
        slippage_parts=part(i["slippage"]), policy=i["policy"], gap_target=i["gap_target"],
    )  # fmt: skip
    price = None if trade.exit_price is None else SCALE.price(trade.exit_price)
    return {
        "entry": SCALE.price(trade.entry), "exit_index": trade.exit_index, "exit_price": price,
        "reason": trade.reason, "ambiguous": trade.ambiguous,
    }  # fmt: skip


def run_limit_fill(i: dict[str, Any]) -> dict[str, Any]:
    filled = fills.limit_filled(i["side"], ticks(i["limit"]), ticks(i["low"]), ticks(i["high"]), i["mode"])
    return {"filled": filled, "price": i["limit"] if filled else None}


def run_latency_bar(i: dict[str, Any]) -> dict[str, Any]:
    return {"fill_bar": fills.latency_bar(i["bar_open_ms"], i["decision_ms"], i["latency_ms"])}


def run_partial_fill(i: dict[str, Any]) -> dict[str, Any]:
    scale = Scale.of("0.000000000001", str(i["step"]))
    got = fills.partial_fill(
        scale.steps(str(i["qty"])), [scale.steps(str(v)) for v in i["volumes"]],
        [scale.ticks(str(o), up=False) for o in i["opens"]], part(i["participation"]), i["side"], part(i["slippage"]),
    )  # fmt: skip
    done = [(scale.qty(q), scale.price(p)) for q, p in got.fills]
    filled = sum((q for q, _ in done), Decimal(0))
    vwap = sum((q * p for q, p in done), Decimal(0)) / filled
    return {"fills": done, "filled": filled, "vwap": vwap, "remaining": scale.qty(got.remaining)}


def run_impact_slippage(i: dict[str, Any]) -> dict[str, Any]:
    return {"slippage": fills.impact_slippage(i["half_spread"], i["k"], i["sigma"], i["qty"], i["volume"])}


def run_trailing_callback(i: dict[str, Any]) -> dict[str, Any]:
    got = stops.trailing_callback(i["path"], i["entry"], i["side"], i["activation"], i["callback"])
    return {"activated": got.armed, "exit": got.exit, "trigger": got.price, "extreme": got.best}


def run_tiered_exit(i: dict[str, Any]) -> dict[str, Any]:
    got = stops.tiered_exit(i["path"], i["entry"], i["tiers"], i["trail_fraction"], i["activation"], i["callback"])
    return {"events": got.events, "left": got.left, "realised_return": got.realised_return}


def run_vol_stop(i: dict[str, Any]) -> dict[str, Any]:
    level = [stops.vol_stop(i["entry"], i["sigma_bar"], i["horizon"], i["k"], side) for side in (1, -1)]
    return {"long_stop": level[0], "short_stop": level[1]}


def run_equity_stop(i: dict[str, Any]) -> dict[str, Any]:
    return {"halted": stops.equity_stop(i["equity"], i["max_drawdown"], i["cooldown"])}


def run_daily_loss_stop(i: dict[str, Any]) -> dict[str, Any]:
    return {"halted": stops.daily_loss_stop(i["points"], i["limit"])}


def run_account_curve(i: dict[str, Any]) -> dict[str, Any]:
    funding = {int(k): v for k, v in i["funding_at_open"].items()}
    equity = stops.account_curve(
        i["bars"], i["cash"], i["side"], i["qty"], i["entry_bar"], i["exit_bar"], i["fee"], i["slippage"], funding
    )
    return {"equity": equity, "final_cash": equity[-1]}


def run_atr_stop(i: dict[str, Any]) -> dict[str, Any]:
    atr = Atr(i["n"]).advance(SERIES["high"], SERIES["low"], SERIES["close"])[i["signal_index"]]
    level = [stops.atr_stop(i["entry"], atr, i["k"], side) for side in (1, -1)]
    return {"long_stop": level[0], "short_stop": level[1]}


def run_chandelier_trade(i: dict[str, Any]) -> dict[str, Any]:
    n, k, side = i["n"], i["k"], i["side"]
    lines = Chandelier(n, k).advance(SERIES["high"], SERIES["low"], SERIES["close"])
    levels = lines.long if side > 0 else lines.short
    got = stops.ratchet_trade(SERIES["open"], SERIES["high"], SERIES["low"], levels, i["entry_index"], side)
    return {
        "entry": got.entry, "first_stop": got.stops[0], "exit_index": got.exit_index, "exit_price": got.exit_price,
        "reason": "stop" if got.exit_index is not None else "open", "stops": got.stops,
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_the_matching_core_gives_what_the_oracle_says(case: dict[str, Any]) -> None:
    got = globals()[f"run_{case['fn']}"](case["inputs"])
    close_to(got, case["expected"], case["tol"])
