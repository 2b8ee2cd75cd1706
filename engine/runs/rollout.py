"""The steps in which live trading is rolled out: how much money, how many positions, and how hot a coin must be."""

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from engine.errors import ConfigError
from engine.runs import catalog
from engine.runs.governor import GovernorSettings

if TYPE_CHECKING:
    from engine.runs.settings import Settings


class Step(NamedTuple):
    """What a step allows at most: equity in the quote asset, positions, leverage; and the least heat, if it sets one.

    No entry is larger than the step's equity, whatever leverage makes of it.
    """

    equity: Decimal
    positions: int
    leverage: int
    heat: float | None


STEPS: dict[int, Step] = {
    1: Step(Decimal(100), 2, 6, 70.0),
    2: Step(Decimal(300), 3, 6, 50.0),
    3: Step(Decimal(500), 5, 10, None),
}
#: From here on a strategy that knows no heat may trade.
HEATLESS = min(number for number, step in STEPS.items() if step.heat is None)


def told(number: int, quote: str) -> str:
    """Gives what a step allows, for people."""
    step = STEPS[number]
    heat = f", heat >= {step.heat:g}" if step.heat is not None else ", the full strategy"
    return f"step {number} (at most {step.equity} {quote}, {step.positions} positions{heat})"


def within_step(used: "Settings") -> GovernorSettings:
    """Gives the governor's caps within the step: no single entry is larger than all of its equity."""
    most = min(used.governor.order_notional, STEPS[used.live.step].equity)
    return msgspec.structs.replace(used.governor, order_notional=most)


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
    if used.desk.leverage > step.leverage:
        over.append(f"desk.leverage = {used.desk.leverage}, at most {step.leverage}")
    if step.heat is not None:
        name = used.signal.strategy
        key = f"{catalog.plug_name(name)}.min_heat"
        heat = used.values.get(key)
        if heat is None:
            over.append(
                f"signal.strategy = {name}, which knows no least heat (here {step.heat:g}): it can go live at "
                f"live.step = {HEATLESS} only"
            )
        elif heat < step.heat:
            over.append(f"{key} = {heat:g}, at least {step.heat:g}")
    if over:
        raise ConfigError(f"live.step = {number} does not allow {'; '.join(over)}: set them within the step")
