"""Stops and trails: levels in force, and what a path of prices or equity does to them."""

from collections.abc import Mapping, Sequence
from math import exp, sqrt
from typing import NamedTuple

DAY_MS = 86_400_000


def atr_stop(entry: float, atr: float, k: float, side: int) -> float:
    """Gives entry -+ k x ATR of the signal bar; `side` +1 long, -1 short."""
    return entry - side * k * atr


def vol_stop(entry: float, sigma_bar: float, horizon: int, k: float, side: int) -> float:
    """Gives entry x exp(-+k x sigma x sqrt(horizon)), sigma per bar in log returns."""
    return entry * exp(-side * k * sigma_bar * sqrt(horizon))


class Trail(NamedTuple):
    """A callback trail after one more price: armed or not, its best price, and whether it triggered."""

    armed: bool
    best: float
    triggered: bool


def trail_step(
    price: float, entry: float, side: int, activation: float, callback: float, armed: bool, best: float
) -> Trail:
    """Advances an exchange-style trailing stop by one price.

    It arms once profit reaches `activation`, tracks the best price from that one on, and triggers when price has come
    back by `callback` x best. Fractions are compared after rounding to nine decimals.
    """
    if not armed:
        if round(side * (price / entry - 1.0) - activation, 9) < 0.0:
            return Trail(False, best, False)
        return Trail(True, price, False)
    best = max(best, price) if side > 0 else min(best, price)
    back = side * (best - price)
    return Trail(True, best, round(back - callback * best, 9) >= 0.0)


class TrailTrace(NamedTuple):
    """Where on a path a trail armed and triggered (indices), the price there, and the best price seen."""

    armed: int | None
    exit: int | None
    price: float | None
    best: float | None


def trailing_callback(path: Sequence[float], entry: float, side: int, activation: float, callback: float) -> TrailTrace:
    """Runs a trailing stop over a path of prices; it fills at the price of the tick that triggers it."""
    armed, best = False, 0.0
    armed_at: int | None = None
    for i, price in enumerate(path):
        armed, best, triggered = trail_step(price, entry, side, activation, callback, armed, best)
        if armed and armed_at is None:
            armed_at = i
        if triggered:
            return TrailTrace(armed_at, i, price, best)
    return TrailTrace(armed_at, None, None, best if armed else None)


class TieredExit(NamedTuple):
    """What a tiered plan did on a path: (index, tier or `trail`, fraction, price), what is left, and the return."""

    events: list[tuple[int, int | str, float, float]]
    left: float
    realised_return: float


def tiered_exit(
    path: Sequence[float], entry: float, tiers: Sequence[tuple[float, float]], trail_fraction: float,
    activation: float, callback: float,
) -> TieredExit:  # fmt: skip
    """Runs resting take-profits and a trailing leg over a path of prices, long.

    A resting tier fills at its own level even when a price jumps past it; the trailing leg closes only its own share.
    """
    events: list[tuple[int, int | str, float, float]] = []
    done = [False] * len(tiers)
    armed, best, trailing = False, 0.0, trail_fraction > 0.0
    realised = 0.0
    left = trail_fraction
    for share, _ in tiers:
        left += share
    for i, price in enumerate(path):
        for k, (share, at) in enumerate(tiers):
            level = entry * (1.0 + at)
            if not done[k] and round(price - level, 9) >= 0.0:
                done[k] = True
                events.append((i, k, share, level))
                realised += share * (level / entry - 1.0)
                left -= share
        if trailing:
            armed, best, triggered = trail_step(price, entry, 1, activation, callback, armed, best)
            if triggered:
                trailing = False
                events.append((i, "trail", trail_fraction, price))
                realised += trail_fraction * (price / entry - 1.0)
                left -= trail_fraction
    return TieredExit(events, left, realised)


def equity_stop(equity: Sequence[float], max_drawdown: float, cooldown: int) -> list[bool]:
    """Says for each bar whether trading is halted by drawdown from the peak.

    Halts on the bar that reaches the limit, stays halted for `cooldown` more, then the peak restarts at the equity of
    the last halted bar.
    """
    halted: list[bool] = []
    peak = equity[0] if equity else 0.0
    left = 0
    for i, value in enumerate(equity):
        if left > 0:
            left -= 1
            halted.append(True)
            if left == 0:
                peak = equity[i]
            continue
        peak = max(peak, value)
        hit = peak > 0.0 and round((peak - value) / peak - max_drawdown, 9) >= 0.0
        halted.append(hit)
        if hit:
            left = cooldown
            if cooldown == 0:
                peak = value
    return halted


def daily_loss_stop(points: Sequence[tuple[int, float]], limit: float) -> list[bool]:
    """Says for each (time in ms, equity) whether the UTC day's loss has reached the limit; latched until midnight."""
    halted: list[bool] = []
    day, base, latched = -1, 0.0, False
    for at, value in points:
        if at // DAY_MS != day:
            day, base, latched = at // DAY_MS, value, False
        if base > 0.0 and round((base - value) / base - limit, 9) >= 0.0:
            latched = True
        halted.append(latched)
    return halted


class RatchetTrade(NamedTuple):
    """A trade left by a ratcheted stop: the stop in force during each bar, and where it left."""

    entry: float
    exit_index: int | None
    exit_price: float | None
    stops: list[float]


def ratchet_trade(
    opens: Sequence[float], highs: Sequence[float], lows: Sequence[float], levels: Sequence[float], entry_index: int,
    side: int,
) -> RatchetTrade:  # fmt: skip
    """Runs a position against a stop that never loosens (chandelier and the like).

    The stop in force during a bar was fixed at the close before it (`levels[t - 1]`): the open is tested first, then
    the extreme; only then does the bar's own level count. Anything else looks ahead.
    """
    stops: list[float] = []
    stop = levels[entry_index - 1]
    for t in range(entry_index, len(opens)):
        if t > entry_index:
            stop = max(stop, levels[t - 1]) if side > 0 else min(stop, levels[t - 1])
        stops.append(stop)
        if t > entry_index and side * (opens[t] - stop) <= 0:
            return RatchetTrade(opens[entry_index], t, opens[t], stops)
        extreme = lows[t] if side > 0 else highs[t]
        if side * (extreme - stop) <= 0:
            return RatchetTrade(opens[entry_index], t, stop, stops)
    return RatchetTrade(opens[entry_index], None, None, stops)


def account_curve(
    bars: Sequence[tuple[float, float, float, float]], cash: float, side: int, qty: float, entry_bar: int,
    exit_bar: int, fee: float, slippage: float, funding_at_open: Mapping[int, float],
) -> list[float]:  # fmt: skip
    """Gives the equity after each bar of one position: entry or exit at the open, fees on the fill's notional, then
    funding at the open price if still in position, then the mark to the close."""
    equity: list[float] = []
    held = 0.0
    entry_price = 0.0
    for t, (opened, _, _, closed) in enumerate(bars):
        if t == entry_bar:
            entry_price = opened * (1.0 + side * slippage)
            cash -= fee * qty * entry_price
            held = side * qty
        if t == exit_bar:
            left_at = opened * (1.0 - side * slippage)
            cash += held * (left_at - entry_price) - fee * qty * left_at
            held = 0.0
        if held and t in funding_at_open:
            cash -= held * opened * funding_at_open[t]
        equity.append(cash + held * (closed - entry_price))
    return equity
