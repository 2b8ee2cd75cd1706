"""How careful to be: the risk state after losses, and the size and leverage a confidence deserves."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from engine.kernels.thresholds import clip, exceeds, reaches

RiskState = Literal["NORMAL", "CAUTIOUS", "RISK_AVERSE", "SHUTDOWN"]

STATE_MULTIPLIERS: Mapping[RiskState, float] = {"NORMAL": 1.0, "CAUTIOUS": 0.7, "RISK_AVERSE": 0.5, "SHUTDOWN": 0.0}


class Sizing(NamedTuple):
    """The leverage of a position, and its share of the equity as a fraction."""

    leverage: float
    position_fraction: float


def risk_state(
    *,
    consecutive_losses: int,
    drawdown: float,
    breaker_emergency: bool = False,
    losses: tuple[int, int, int] = (3, 5, 8),
    drawdowns: tuple[float, float, float] = (0.05, 0.10, 0.15),
) -> RiskState:
    """Gives the state that the worse of losing streak and drawdown (a fraction) calls for; the limits are inclusive.

    `losses` and `drawdowns` are the limits of CAUTIOUS, RISK_AVERSE and SHUTDOWN, which come with the design.
    """
    if breaker_emergency or consecutive_losses >= losses[2] or reaches(drawdown, drawdowns[2]):
        return "SHUTDOWN"
    if consecutive_losses >= losses[1] or reaches(drawdown, drawdowns[1]):
        return "RISK_AVERSE"
    if consecutive_losses >= losses[0] or reaches(drawdown, drawdowns[0]):
        return "CAUTIOUS"
    return "NORMAL"


def confidence_sizing(
    *,
    confidence: float,
    vol_ratio: float,
    state: RiskState,
    leverage_min: float = 3.0,
    leverage_max: float = 20.0,
    leverage_volatile: float = 5.0,
    volatile_ratio: float = 2.0,
    fraction_min: float = 0.03,
    fraction_max: float = 0.13,
    multipliers: Mapping[RiskState, float] = STATE_MULTIPLIERS,
) -> Sizing:
    """Gives leverage and share of equity, both growing with the confidence (0 to 1).

    Leverage is at most `leverage_volatile` while volatility, as a ratio to normal, is above `volatile_ratio`; the
    share shrinks with the risk state. The numbers come with the design.
    """
    sure = clip(confidence)
    leverage = clip(leverage_min + (leverage_max - leverage_min) * sure, leverage_min, leverage_max)
    if exceeds(vol_ratio, volatile_ratio):
        leverage = min(leverage, leverage_volatile)
    fraction = (fraction_min + (fraction_max - fraction_min) * sure) * multipliers[state]
    return Sizing(leverage, fraction)
