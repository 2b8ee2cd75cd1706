"""Every statistic gives the values that others computed or published."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.statistics.bootstrap import (
    bootstrap_ci,
    bootstrap_mean_ci,
    means,
    optimal_block_length,
    stationary_bootstrap_se_mean,
)
from engine.statistics.moments import sharpes
from engine.statistics.overfitting import (
    cscv_combinations,
    deflated_sharpe,
    expected_max_sharpe,
    min_backtest_length,
    min_track_record,
    parameter_sensitivity,
    pbo_cscv,
    probabilistic_sharpe,
    probabilistic_sharpe_returns,
    shape,
    sharpe_stderr,
)
from engine.statistics.performance import performance, performance_extra, rolling_sharpe, trade_stats
from engine.statistics.walkforward import walk_forward, walk_forward_efficiency

ORACLES = Path(__file__).parents[1] / "oracles"
FILES = ("performance", "overfitting", "walkforward", "bootstrap")
CASES = [case for name in FILES for case in json.loads((ORACLES / f"{name}.json").read_text())["cases"]]

# What our intervals must be within is said in standard errors for 10,000 resamples; more make chance small.
RESAMPLES = 40_000
ROW_STATISTICS = {"mean": means, "sharpe": sharpes}


def bars_named(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"n_bars" if name == "T" else name: value for name, value in inputs.items()}


def rolling(**inputs: Any) -> dict[str, Any]:
    return {"sharpe": [None if math.isnan(value) else value for value in rolling_sharpe(**inputs)]}


def probabilistic(**inputs: Any) -> dict[str, Any]:
    error = {name: value for name, value in inputs.items() if name != "sr_benchmark"}
    return {"psr": probabilistic_sharpe(**bars_named(inputs)), "stderr": sharpe_stderr(**bars_named(error))}


def probabilistic_of_returns(**inputs: Any) -> dict[str, Any]:
    figures = shape(inputs["returns"])
    assert figures is not None
    return {**figures._asdict(), "psr": probabilistic_sharpe_returns(**inputs)}


def pbo(matrix: list[list[float]], S: int, metric: str) -> dict[str, Any]:  # noqa: N803
    assert metric == "sharpe_ddof1"
    found = pbo_cscv(matrix, S)
    return {**found._asdict(), "n_combinations": len(found.logits), "logits_sorted": sorted(found.logits)}


def windows(**inputs: Any) -> dict[str, Any]:
    found = walk_forward(**inputs)
    rounds = [{"train": list(window.train), "test": list(window.test)} for window in found]
    return {"windows": rounds, "n_windows": len(found)}


def correlations(rows: np.ndarray) -> np.ndarray:
    apart = rows - rows.mean(axis=1, keepdims=True)
    x, y = apart[..., 0], apart[..., 1]
    return (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))


def law_school(lsat: list[float], gpa: list[float], level: float) -> dict[str, Any]:
    pairs = np.column_stack([lsat, gpa])
    found = bootstrap_ci(pairs, correlations, np.random.default_rng(1), level, RESAMPLES)
    return {
        "corr": found.estimate,
        "bootstrap_se": found.se,
        "percentile_90": found.percentile,
        "bca_90": found.bca,
    }


def intervals(returns: list[float], statistic: str, level: float) -> dict[str, Any]:
    found = bootstrap_ci(returns, ROW_STATISTICS[statistic], np.random.default_rng(1), level, RESAMPLES)
    return found._asdict()


FUNCTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "performance": lambda **inputs: performance(**inputs)._asdict(),
    "performance_extra": lambda **inputs: performance_extra(**inputs)._asdict(),
    "rolling_sharpe": rolling,
    "trade_stats": lambda **inputs: trade_stats(**inputs)._asdict(),
    "deflated_sharpe": lambda **inputs: deflated_sharpe(**bars_named(inputs))._asdict(),
    "probabilistic_sharpe": probabilistic,
    "probabilistic_sharpe_returns": probabilistic_of_returns,
    "sharpe_stderr": lambda **inputs: {"stderr": sharpe_stderr(**bars_named(inputs))},
    "min_track_record": lambda **inputs: {"observations": min_track_record(**inputs)},
    "expected_max_sharpe": lambda **inputs: {"emax": expected_max_sharpe(**inputs)},
    "min_backtest_length": lambda **inputs: {"years": min_backtest_length(**inputs)},
    "pbo_cscv": pbo,
    "cscv_combinations": lambda S: {"n": [cscv_combinations(blocks) for blocks in S]},  # noqa: N803
    "parameter_sensitivity": lambda **inputs: parameter_sensitivity(**inputs)._asdict(),
    "walk_forward": windows,
    "walk_forward_efficiency": lambda is_annual_return, oos_annual_return: walk_forward_efficiency(
        is_annual_return, oos_annual_return
    )._asdict(),
    "bootstrap_mean_ci": lambda sample, levels: bootstrap_mean_ci(
        sample, levels, np.random.default_rng(1), RESAMPLES
    )._asdict(),
    "bootstrap_corr_ci": law_school,
    "bootstrap_ci": intervals,
    "optimal_block_length": lambda returns: optimal_block_length(returns)._asdict(),
    "stationary_bootstrap_se_mean": lambda **inputs: {"se": stationary_bootstrap_se_mean(**inputs)},
}


def differences(found: Any, expected: Any, tol: dict[str, float], where: str) -> list[str]:
    """Gives the places where what was found is not what was expected."""
    if isinstance(expected, dict):
        return [line for name in expected for line in differences(found[name], expected[name], tol, f"{where}.{name}")]
    if isinstance(expected, list):
        if len(found) != len(expected):
            return [f"{where}: {len(found)} values, not {len(expected)}"]
        pairs = zip(found, expected, strict=True)
        return [line for i, (a, b) in enumerate(pairs) for line in differences(a, b, tol, f"{where}[{i}]")]
    if isinstance(expected, float | int) and found is not None:
        same = math.isclose(found, expected, rel_tol=tol["rel"], abs_tol=tol["abs"])
    else:
        same = found == expected
    return [] if same else [f"{where}: {found}, not {expected}"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_statistic_gives_the_expected_values(case: dict[str, Any]) -> None:
    found = FUNCTIONS[case["fn"]](**case["inputs"])
    assert not differences(found, case["expected"], case["tol"], case["fn"])
