"""Evaluate: did heat, and each of its dimensions, tell what prices did next, and what the closed trades owe to it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
import numpy as np

from engine.kernels.heat import HEAT_WEIGHTS
from engine.records.base import figure
from engine.runs.evaluate.heard import SCORES, Closed, Heard
from engine.statistics.forward import (
    Estimate,
    Fit,
    Predicted,
    Sample,
    fit,
    forward_returns,
    market_returns,
    predicted,
    split,
)
from engine.statistics.moments import Array

HORIZONS_S = (300, 900, 3600, 14_400)
NOTE = (
    "Forward return: from the first price at or after the tick (the next candle's open) to the first one at or after "
    "tick + horizon. Lift: its excess over the mean of all symbols that the scan looked at, at the same tick. Hit: the "
    "share that beat their median (a tie counts half). IC: Spearman's rank correlation of score and forward return in "
    "each cycle, averaged. Intervals: 95 %, stationary bootstrap over cycles in blocks of two horizons; of twenty, one "
    "leaves out the truth by luck. Only ranked candidates are observed: rank.top decides how many a cycle."
)
TRADES_NOTE = (
    "Each trade's profit, net of fees, is divided among the dimensions as their weighted scores made up its heat at "
    "the entry; the parts sum to the total exactly. That says what the trades were entered for, not what caused the "
    "profit. R2: least squares of the trades' returns on the dimensions; left out: each trade is predicted from the "
    "others, and below zero that is worse than their mean."
)
#: So many returns are held at a time.
_CELLS = 4_000_000


class AtHorizon(NamedTuple):
    """What followed within one horizon. Observations without a price at either end, or without a market, are out."""

    horizon_s: int
    left_out: int
    rows: list[Predicted]


class Attribution(NamedTuple):
    """Profit of the closed trades by dimension, summing to `pnl`; `unknown` had no snapshot, or no heat, at entry."""

    trades: int
    pnl: Decimal
    parts: dict[str, Decimal]
    unknown: Decimal
    fitted: tuple[str, ...]
    fit: Fit | None


class Evaluation(NamedTuple):
    """Everything that was found; `first_at` and `last_at` are the first and last cycle, epoch ms.

    `known` names the scores that any ranked candidate had.
    """

    first_at: int | None
    last_at: int | None
    cycles: int
    ranked: int
    symbols: int
    known: tuple[str, ...]
    seed: int
    horizons: list[AtHorizon]
    attribution: Attribution


def evaluate(heard: Heard, horizons_s: Sequence[int], seed: int = 0) -> Evaluation:
    """Gives how heat did at each horizon, and what the trades owe to its dimensions."""
    ticks = heard.ticks
    return Evaluation(
        first_at=ticks[0] if ticks else None, last_at=ticks[-1] if ticks else None, cycles=len(ticks),
        ranked=len(heard.cycle), symbols=len(heard.looked_at), known=_known(heard), seed=seed,
        horizons=[_at_horizon(heard, horizon_s, seed) for horizon_s in horizons_s],
        attribution=attribution(heard.trades),
    )  # fmt: skip


def _known(heard: Heard) -> tuple[str, ...]:
    return tuple(name for name in SCORES if not np.isnan(heard.scores[name]).all())


def _at_horizon(heard: Heard, horizon_s: int, seed: int) -> AtHorizon:
    sample = sample_of(heard, horizon_s)
    out = int((np.isnan(sample.returns) | np.isnan(sample.market_mean)).sum())
    # Each horizon has its own generator: what is asked beside it changes nothing.
    rng = np.random.default_rng([seed, horizon_s])
    return AtHorizon(horizon_s, out, predicted(sample, _in_cycles(heard, horizon_s), rng))


def _in_cycles(heard: Heard, horizon_s: int) -> float:
    if len(heard.ticks) < 2:
        return 1.0
    return max(1.0, float(np.ceil(1000 * horizon_s / np.median(np.diff(heard.ticks)))))


def sample_of(heard: Heard, horizon_s: int) -> Sample:
    """Gives every ranked candidate with its forward return and that of the market around it."""
    ticks = np.array(heard.ticks, dtype=np.int64)
    rows = {symbol: row for row, symbol in enumerate(sorted(heard.looked_at))}
    cycle = np.array(heard.cycle, dtype=np.int64)
    row = np.array([rows[symbol] for symbol in heard.symbols], dtype=np.int64)
    found = np.full((3, cycle.size), np.nan)
    step = max(1, _CELLS // max(1, len(rows)))
    for first in range(0, ticks.size, step):
        returns = _returns(heard, rows, ticks[first : first + step], first, 1000 * horizon_s)
        low, high = np.searchsorted(cycle, [first, first + step])
        now = cycle[low:high] - first
        mean, median = market_returns(returns)
        found[:, low:high] = returns[row[low:high], now], mean[now], median[now]
    scores = {name: np.array(heard.scores[name], dtype=np.float64) for name in SCORES}
    return Sample(cycle, scores, *found)


def _returns(heard: Heard, rows: Mapping[str, int], ticks: Any, first: int, horizon_ms: int) -> Array:
    """Gives the forward returns of each symbol (row) at some ticks (columns), NaN where it was not looked at."""
    returns = np.full((len(rows), ticks.size), np.nan)
    for symbol, row in rows.items():
        prices = heard.prices.get(symbol)
        if prices is None:
            continue
        cycles = np.frombuffer(heard.looked_at[symbol], dtype=np.int64)
        low, high = np.searchsorted(cycles, [first, first + ticks.size])
        now = cycles[low:high] - first
        times, values = np.frombuffer(prices.at, dtype=np.int64), np.frombuffer(prices.price, dtype=np.float64)
        returns[row, now] = forward_returns(times, values, ticks[now], horizon_ms)
    return returns


def attribution(trades: Sequence[Closed]) -> Attribution:
    """Gives the profit of closed trades divided among the dimensions of heat.

    A trade's profit is divided as weight x score of each known dimension made up the heat of its entry; in 1e-8 of the
    quote asset, the largest part takes the rest, so that all parts and `unknown` sum to the total exactly.
    """
    parts = {name: Decimal(0) for name in HEAT_WEIGHTS}
    unknown = Decimal(0)
    for trade in trades:
        points = _points(trade)
        shares = split(trade.pnl, points) if points else None
        if shares is None:
            unknown += trade.pnl
            continue
        for name, amount in shares.items():
            parts[name] += amount
    fitted, found = _fitted(trades)
    return Attribution(len(trades), sum((trade.pnl for trade in trades), Decimal(0)), parts, unknown, fitted, found)


def _points(trade: Closed) -> dict[str, float]:
    known = trade.snapshot.dimensions if trade.snapshot is not None else {}
    return {name: trade.weights[name] * known[name] for name in HEAT_WEIGHTS if name in known}


def _fitted(trades: Sequence[Closed]) -> tuple[tuple[str, ...], Fit | None]:
    """Gives the least squares on the dimensions that every trade with a snapshot knows and that are not constant."""
    scored = [
        (one.snapshot.dimensions, one.return_pct) for one in trades if one.snapshot and one.return_pct is not None
    ]
    names = tuple(
        name
        for name in HEAT_WEIGHTS
        if scored and all(name in known for known, _ in scored) and len({known[name] for known, _ in scored}) > 1
    )
    if not names:
        return (), None
    return names, fit([[known[name] for known, _ in scored] for name in names], [value for _, value in scored])


def flat_rows(found: Evaluation) -> list[dict[str, Any]]:
    """Gives one flat row for each horizon, score and bucket; a figure that has not enough behind it is None."""
    return [_flat(at.horizon_s, one) for at in found.horizons for one in at.rows]


def _flat(horizon_s: int, one: Predicted) -> dict[str, Any]:
    lift = one.lift.value * 100.0 * 3600.0 / horizon_s if one.lift is not None else None
    return {
        "horizon_s": horizon_s, "score": one.name,
        "bucket": "all" if one.bucket is None else f"{one.bucket[0]}-{one.bucket[1]}",
        "observations": one.observations, "cycles": one.cycles,
        **_spread("mean_pct", one.mean, 100.0), **_spread("lift_pct", one.lift, 100.0),
        "lift_pct_per_h": figure(lift), **_spread("hit_pct", one.hit, 100.0), **_spread("ic", one.ic, 1.0),
    }  # fmt: skip


def _spread(name: str, one: Estimate | None, scale: float) -> dict[str, Any]:
    low, high = (one.low * scale, one.high * scale) if one is not None else (None, None)
    return {
        name: figure(one.value * scale) if one is not None else None,
        f"{name}_low": figure(low), f"{name}_high": figure(high),
    }  # fmt: skip


def plain(found: Evaluation) -> dict[str, Any]:
    """Gives the whole evaluation as plain JSON values; money as decimal strings."""
    from engine.runs.reporting.plain import as_plain

    owed = found.attribution
    whole: dict[str, Any] = as_plain(msgspec.to_builtins({
        "first_at": found.first_at, "last_at": found.last_at, "cycles": found.cycles, "ranked": found.ranked,
        "symbols": found.symbols, "known": found.known, "seed": found.seed, "note": NOTE,
    }))  # fmt: skip
    whole["horizons"] = [
        {"horizon_s": at.horizon_s, "left_out": at.left_out, "rows": [_flat(at.horizon_s, one) for one in at.rows]}
        for at in found.horizons
    ]
    whole["trades"] = as_plain({
        "count": owed.trades, "pnl": owed.pnl, "parts": owed.parts, "unknown": owed.unknown, "fitted": owed.fitted,
        "r2": figure(owed.fit.r2) if owed.fit else None,
        "r2_left_out": figure(owed.fit.r2_left_out) if owed.fit else None, "note": TRADES_NOTE,
    })  # fmt: skip
    return whole
