"""Every score gives the values of its worked cases."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.kernels.arbitrage import arb_rank_score
from engine.kernels.caution import confidence_sizing, risk_state
from engine.kernels.freshness import cache_ttl
from engine.kernels.heat import heat_score, weigh
from engine.kernels.hotlist import hotlist_score
from engine.kernels.ict import Block, Break, Pull, ict_score
from engine.kernels.oi import oi_score
from engine.kernels.regime import market_regime, reversal_risk

CASES = json.loads((Path(__file__).parents[1] / "oracles" / "scores.json").read_text())["cases"]
Inputs = dict[str, Any]


def heat_of(inputs: Inputs) -> Inputs:
    """The oracles give liquidity and safety a spread each, the score has one: the safety comes from a second call."""
    settings: Inputs = {}
    if "announcement" in inputs:
        known = inputs["announcement"] or {"kind": "none", "hours_since": None}
        settings |= {"announcement": known["kind"], "announcement_hours": known["hours_since"]}
    if "social" in inputs:
        settings |= {"mentions_1h": inputs["social"]["mentions_1h"]}
        settings |= {"mentions_baseline_1h": inputs["social"]["baseline_1h"]}
    if "sentiment" in inputs:
        settings |= {"sentiment": inputs["sentiment"]["score"], "sentiment_samples": inputs["sentiment"]["n"]}
    if "momentum" in inputs:
        settings |= {"change_1h_pct": 100.0 * inputs["momentum"]["chg_1h"]}
        settings |= {"volume_surge": inputs["momentum"]["vol_surge"]}
        settings |= {"two_sided": inputs["momentum"].get("two_sided", False)}
    if "liquidity" in inputs:
        settings |= inputs["liquidity"]
    heat = heat_score(**settings)
    dimensions = dict(heat.dimensions)
    if "risk" in inputs:
        risk = inputs["risk"]
        dimensions |= heat_score(
            age_days=risk["age_days"],
            change_5m_pct=100.0 * risk["chg_5m"],
            spread_bps=risk["spread_bps"],
            funding_pct=100.0 * risk["funding"],
        ).dimensions
    total, coverage = weigh(dimensions)
    return {"subscores": dimensions, "coverage": coverage, "heat": total}


def ict_of(inputs: Inputs) -> Inputs:
    latest, block = inputs["structure"]["event"], inputs["ob"]
    score = ict_score(
        side=inputs["dir"],
        pulls={name: Pull(**values) for name, values in inputs["tf"].items()},
        structure_trend=inputs["structure"]["trend"],
        structure_break=latest and Break(**latest),
        block=block and Block(**block),
        **{name: inputs[name] for name in ("price", "atr", "rsi", "macd_hist", "macd_hist_prev", "bb_width_pct")},
    )
    return score._asdict()


def oi_of(inputs: Inputs) -> Inputs:
    changes = {int(period): change for period, change in inputs["oi_change_pct"].items()}
    score = oi_score(**{**inputs, "oi_change_pct": changes})._asdict()
    return {**score, "anomalous": list(score["anomalous"])}


def hotlist_of(inputs: Inputs) -> Inputs:
    return hotlist_score(**{name: value for name, value in inputs.items() if name != "symbol"})._asdict()


def reversal_of(inputs: Inputs) -> Inputs:
    return reversal_risk(
        side=inputs["dir"],
        rsi=inputs["rsi"],
        divergence=inputs["divergence"],
        adverse_wick=inputs["opposite_wick_ratio"],
        volume_z=inputs["volume_z"],
    )._asdict()


SCORES: dict[str, Callable[[Inputs], Inputs]] = {
    "heat_score": heat_of,
    "ict_score": ict_of,
    "oi_score": oi_of,
    "hotlist_score": hotlist_of,
    "reversal_risk": reversal_of,
    "market_regime": lambda inputs: {"regime": market_regime(**inputs)},
    "confidence_sizing": lambda inputs: confidence_sizing(**inputs)._asdict(),
    "risk_state": lambda inputs: {"state": risk_state(**inputs)},
    "cache_ttl": lambda inputs: {"ttl_s": cache_ttl(**inputs)},
    "arb_rank_score": lambda inputs: {"score": arb_rank_score(**inputs)},
}


def agrees(value: Any, expected: Any, tol: dict[str, float]) -> bool:
    if isinstance(expected, dict):
        return value.keys() == expected.keys() and all(agrees(value[key], expected[key], tol) for key in expected)
    if isinstance(expected, float):
        return math.isclose(value, expected, rel_tol=tol["rel"], abs_tol=tol["abs"])
    return bool(value == expected)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_score_gives_the_expected_values(case: dict[str, Any]) -> None:
    got = SCORES[case["fn"]](case["inputs"])
    for name, expected in case["expected"].items():
        assert agrees(got[name], expected, case["tol"]), (name, got[name], expected)


def test_every_score_has_an_oracle() -> None:
    assert {case["fn"] for case in CASES} == SCORES.keys()
