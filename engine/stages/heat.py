"""Heat of a candidate from the inputs in its record: one function for the pool's life cycle and for the ranking."""

from typing import NamedTuple

import msgspec

from engine.kernels.heat import HEAT_WEIGHTS, heat_score
from engine.records.base import figure
from engine.records.bounds import Weight
from engine.records.ideas import HeatInputs


class HeatSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights of the six dimensions of heat; they need not sum to one.

    `announcement`: weight of listings and campaigns. `social`: weight of mentions. `sentiment`: weight of how friendly
    they are. `momentum`: weight of the rise and the volume surge. `liquidity`: weight of volume and spread. `safety`:
    weight of age, calm and cheap funding. `two_sided`: a fall counts as momentum too.
    """

    announcement: Weight = HEAT_WEIGHTS["announcement"]
    social: Weight = HEAT_WEIGHTS["social"]
    sentiment: Weight = HEAT_WEIGHTS["sentiment"]
    momentum: Weight = HEAT_WEIGHTS["momentum"]
    liquidity: Weight = HEAT_WEIGHTS["liquidity"]
    safety: Weight = HEAT_WEIGHTS["safety"]
    two_sided: bool = False


class WrittenHeat(NamedTuple):
    """Heat as it stands on the wire, rounded; None where no dimension has an input."""

    heat: float | None
    coverage: float
    dimensions: dict[str, float]
    missing: tuple[str, ...]


#: So many heats wait to be asked for again.
MOST_KEPT = 1024
_last: dict[int, tuple[HeatInputs, HeatSettings, WrittenHeat]] = {}


def heat_of(inputs: HeatInputs, settings: HeatSettings) -> WrittenHeat:
    """Gives the heat of a candidate, 0 to 100, with its dimensions, each from the inputs as written.

    In one process the scan asks for its pool and the ranking asks again: it is worked out once.
    """
    worked_out = _last.pop(id(inputs), None)
    if worked_out is not None and worked_out[0] is inputs and worked_out[1] is settings:
        return worked_out[2]
    heat = _heat_of(inputs, settings)
    if len(_last) >= MOST_KEPT:
        _last.clear()
    _last[id(inputs)] = inputs, settings, heat
    return heat


def _heat_of(inputs: HeatInputs, settings: HeatSettings) -> WrittenHeat:
    weights = {name: getattr(settings, name) for name in HEAT_WEIGHTS}
    got = heat_score(
        announcement=inputs.announcement, announcement_hours=inputs.announcement_hours,
        mentions_1h=inputs.mentions_1h, mentions_baseline_1h=inputs.mentions_baseline_1h,
        sentiment=inputs.sentiment, sentiment_samples=inputs.sentiment_samples,
        change_1h_pct=inputs.change_1h_pct, volume_surge=inputs.volume_surge,
        quote_volume_24h=inputs.quote_volume_24h, spread_bps=inputs.spread_bps,
        age_days=inputs.age_days, change_5m_pct=inputs.change_5m_pct, funding_pct=inputs.funding_pct,
        two_sided=settings.two_sided, weights=weights,
    )  # fmt: skip
    dimensions = {name: figure(score) or 0 for name, score in got.dimensions.items()}
    return WrittenHeat(figure(got.heat), figure(got.coverage) or 0, dimensions, got.missing)
