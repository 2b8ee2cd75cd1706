"""Every indicator gives the values that others computed or published."""

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

from engine.kernels.averages import Ema, EmaSlopePct, Macd, MacdTalib, Sma
from engine.kernels.chandeliers import Chandelier, ChandelierRatchet
from engine.kernels.kernel import Kernel
from engine.kernels.oscillators import RollingPctRank, Rsi
from engine.kernels.trend import Adx, AdxTalib, Psar
from engine.kernels.volatility import Atr, AtrRatio, AtrTr0, Bbands, Natr, TrueRange

ORACLES = Path(__file__).parents[1] / "oracles"
COMPUTED = json.loads((ORACLES / "indicators.json").read_text())["cases"]
PUBLISHED = json.loads((ORACLES / "indicators_published.json").read_text())
QUOTES = PUBLISHED["data"]["sk_quotes"]

# In these tables null also stands for a value that was not published or depends on the start rule.
WITH_GAPS = {"sk_psar", "az_psar", "sk_chandelier_short"}

KERNELS: dict[str, type[Kernel[Any]]] = {
    "sma": Sma,
    "ema": Ema,
    "ema_slope_pct": EmaSlopePct,
    "rsi": Rsi,
    "macd": Macd,
    "macd_talib": MacdTalib,
    "bbands": Bbands,
    "true_range": TrueRange,
    "atr": Atr,
    "atr_tr0": AtrTr0,
    "natr": Natr,
    "atr_ratio": AtrRatio,
    "adx": Adx,
    "adx_talib": AdxTalib,
    "psar": Psar,
    "chandelier": Chandelier,
    "chandelier_ratchet": ChandelierRatchet,
}


def market_of(inputs: dict[str, Any]) -> dict[str, list[float]]:
    if "series" in inputs:
        market: dict[str, list[float]] = json.loads((ORACLES / inputs["series"]).read_text())
        return market
    return QUOTES if any(name.endswith("_ref") for name in inputs) else inputs


def lines_of(kernel: Kernel[Any], market: dict[str, list[float]]) -> dict[str, list[float]]:
    lines = kernel.advance(*[market[name] for name in kernel.inputs])
    return dict(zip(kernel.outputs, [lines] if len(kernel.outputs) == 1 else lines, strict=True))


def computed(fn: str, inputs: dict[str, Any]) -> dict[str, list[float]]:
    market = market_of(inputs)
    if fn == "rolling_pct_rank":
        bandwidth = Bbands(inputs["n"], inputs["k"]).advance(market["close"]).bandwidth
        return {"pct": RollingPctRank(inputs["window"]).advance(bandwidth)}
    settings = {name: value for name, value in inputs.items() if isinstance(value, int | float) or name == "seed"}
    if fn == "psar":
        settings["step_max"] = settings.pop("max")
    return lines_of(KERNELS[fn](**settings), market)


def agrees(value: float, expected: float | None, tol: dict[str, float], gaps: bool) -> bool:
    if expected is None:
        return gaps or math.isnan(value)
    return math.isclose(value, expected, rel_tol=tol["rel"], abs_tol=tol["abs"])


@pytest.mark.parametrize("case", COMPUTED + PUBLISHED["cases"], ids=lambda case: case["id"])
def test_an_indicator_gives_the_expected_values(case: dict[str, Any]) -> None:
    lines = computed(case["fn"], case["inputs"])
    gaps = case["id"] in WITH_GAPS
    for name, expected in case["expected"].items():
        assert len(lines[name]) == len(expected)
        wrong = [
            (name, i, got, want)
            for i, (got, want) in enumerate(zip(lines[name], expected, strict=True))
            if not agrees(got, want, case["tol"], gaps)
        ]
        assert not wrong


def test_every_indicator_has_an_oracle() -> None:
    tested = {case["fn"] for case in COMPUTED + PUBLISHED["cases"]}
    named = {re.sub(r"(?<!^)(?=[A-Z])", "_", kernel.__name__).lower() for kernel in Kernel.__subclasses__()}
    assert named == tested
