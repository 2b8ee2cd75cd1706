"""What one bar does to a position with a stop and a target, when the bar does not tell which came first."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from engine.matching.units import PART, div

Policy = Literal["stop_first", "target_first", "nearest_extreme"]
GapTarget = Literal["limit", "open"]


class TicksBar(NamedTuple):
    """A bar in ticks."""

    open: int
    high: int
    low: int
    close: int


class Touch(NamedTuple):
    """The exit that a bar makes: why, at which price in ticks, and whether the bar left the order of events open."""

    reason: Literal["liquidation", "stop_gap", "target_gap", "stop", "target"]
    price: int
    ambiguous: bool


def touched(
    bar: TicksBar,
    side: int,
    stop: int | None,
    target: int | None,
    *,
    entered_here: bool = False,
    liquidation: int | None = None,
    bankruptcy: int = 0,
    policy: Policy = "stop_first",
    gap_target: GapTarget = "limit",
) -> Touch | None:
    """Gives the exit this bar makes of a position (`side` +1 long, -1 short), or None.

    The open is looked at first (liquidation, stop at the open, target at its limit), then the range; a touch counts.
    On the entry bar the open is the entry itself and is skipped. Prices in ticks.
    Source: the fill model of this project; `stop_first` agrees with backtesting.py 0.6.6.
    """
    if not entered_here:
        gap = _gapped(bar.open, side, stop, target, liquidation, bankruptcy, gap_target)
        if gap is not None:
            return gap
    worst, best = (bar.low, bar.high) if side > 0 else (bar.high, bar.low)
    stopped = stop is not None and side * (worst - stop) <= 0
    reached = target is not None and side * (best - target) >= 0
    liquidated = liquidation is not None and side * (worst - liquidation) <= 0
    if stopped and liquidated and liquidation is not None and stop is not None and side * (stop - liquidation) < 0:
        stopped = False  # price meets the liquidation first
    if stopped and stop is not None:
        if reached and target is not None and _target_first(bar, side, policy):
            return Touch("target", target, True)
        return Touch("stop", stop, reached)
    if liquidated:
        return Touch("liquidation", bankruptcy, reached)
    if reached and target is not None:
        return Touch("target", target, False)
    return None


def _gapped(
    opened: int, side: int, stop: int | None, target: int | None, liquidation: int | None, bankruptcy: int,
    gap_target: GapTarget,
) -> Touch | None:  # fmt: skip
    if liquidation is not None and side * (opened - liquidation) <= 0:
        return Touch("liquidation", bankruptcy, False)
    if stop is not None and side * (opened - stop) <= 0:
        return Touch("stop_gap", opened, False)
    if target is not None and side * (opened - target) >= 0:
        return Touch("target_gap", target if gap_target == "limit" else opened, False)
    return None


def _target_first(bar: TicksBar, side: int, policy: Policy) -> bool:
    if policy == "nearest_extreme":
        # The open nearer the high than the low means high first; ties: low first.
        high_first = bar.high - bar.open < bar.open - bar.low
        return high_first if side > 0 else not high_first
    return policy == "target_first"


def worsened(price: int, side: int, slippage_parts: int) -> int:
    """Gives a price moved against an order by a fraction (parts of 1e-9), rounded against it; `side` +1 buys."""
    if side > 0:
        return div(price * (PART + slippage_parts), PART, up=True)
    return div(price * (PART - slippage_parts), PART, up=False)


class BracketTrade(NamedTuple):
    """A whole bracket trade: prices in ticks, `exit_index` the bar of the exit, None while it is open."""

    entry: int
    exit_index: int | None
    exit_price: int | None
    reason: str
    ambiguous: bool


def bracket_trade(
    bars: Sequence[TicksBar],
    entry_index: int,
    side: int,
    stop: int | None,
    target: int | None,
    *,
    max_bars: int | None = None,
    liquidation: int | None = None,
    margin_per_unit: int = 0,
    slippage_parts: int = 0,
    policy: Policy = "stop_first",
    gap_target: GapTarget = "limit",
) -> BracketTrade:
    """Gives the trade that enters at the open of `entry_index` and leaves by stop, target, time or liquidation.

    Market and stop fills are worsened by the slippage, limit fills are not; the time stop leaves at the open of bar
    `entry_index + max_bars`, before anything else of that bar; a liquidation loses the whole margin.
    """
    entry = worsened(bars[entry_index].open, side, slippage_parts)
    bankruptcy = entry - side * margin_per_unit
    for index in range(entry_index, len(bars)):
        bar = bars[index]
        if max_bars is not None and index >= entry_index + max_bars:
            return BracketTrade(entry, index, worsened(bar.open, -side, slippage_parts), "time", False)
        touch = touched(
            bar, side, stop, target, entered_here=index == entry_index, liquidation=liquidation,
            bankruptcy=bankruptcy, policy=policy, gap_target=gap_target,
        )  # fmt: skip
        if touch is not None:
            worse = touch.reason in ("stop", "stop_gap")
            price = worsened(touch.price, -side, slippage_parts) if worse else touch.price
            return BracketTrade(entry, index, price, touch.reason, touch.ambiguous)
    return BracketTrade(entry, None, None, "open", False)
