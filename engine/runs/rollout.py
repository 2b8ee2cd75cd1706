"""The steps in which live trading is rolled out: how much money, how many positions, and how hot a coin must be."""

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from engine.errors import ConfigError
from engine.records.bounds import Count
from engine.runs import catalog

if TYPE_CHECKING:
    from engine.runs.settings import Settings


class GateSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What must have been seen before the first live order, on paper, and at each live step before the next.

    `min_days`: days (UTC) with closed cycles. `min_trades`: trades that were closed, by the strategy that goes on.
    """

    min_days: Count = 7
    min_trades: Count = 20


class Step(NamedTuple):
    """What a step allows at most: equity in the quote asset, positions; and the least heat, where it sets one."""

    equity: Decimal
    positions: int
    heat: float | None


STEPS: dict[int, Step] = {
    1: Step(Decimal(100), 2, 70.0),
    2: Step(Decimal(300), 3, 50.0),
    3: Step(Decimal(500), 5, None),
}


def told(number: int, quote: str) -> str:
    """Gives what a step allows, for people."""
    step = STEPS[number]
    heat = f", heat >= {step.heat:g}" if step.heat is not None else ", the full strategy"
    return f"step {number} (at most {step.equity} {quote}, {step.positions} positions{heat})"


def check_caps(used: "Settings") -> None:
    """Raises ConfigError naming each setting that exceeds what the step in `live.step` allows.

    Values are never lowered in silence: what trades is what the settings say.
    """
    step, number = STEPS[used.live.step], used.live.step
    positions = "rules.max_positions.limit"
    over: list[str] = []
    if used.desk.equity > step.equity:
        over.append(f"desk.equity = {used.desk.equity}, at most {step.equity}")
    if used.values[positions] > step.positions:
        over.append(f"{positions} = {used.values[positions]}, at most {step.positions}")
    if step.heat is not None:
        name = used.signal.strategy
        key = f"{catalog.plug_name(name)}.min_heat"
        heat = used.values.get(key)
        if heat is None:
            over.append(f"signal.strategy = {name}, which knows no min_heat (at least {step.heat:g})")
        elif heat < step.heat:
            over.append(f"{key} = {heat:g}, at least {step.heat:g}")
    if over:
        raise ConfigError(f"live.step = {number} does not allow {'; '.join(over)}: set them within the step")
