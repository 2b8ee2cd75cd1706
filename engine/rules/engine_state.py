"""Refuse entries while the engine is degraded or blocked."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class EngineState:
    """Entries need a tradeable engine; a risk level that blocks it is named by `risk_level` instead."""

    layer: ClassVar[Literal["account"]] = "account"

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when degraded, or blocked by anything but the risk level."""
        if desk.engine_state == "degraded":
            return No("ENGINE_DEGRADED", desk.engine_reason, "tradeable")
        if desk.engine_state == "blocked" and desk.engine_reason != "risk_L5":
            return No("ENGINE_BLOCKED", desk.engine_reason, "tradeable")
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """None while the engine is tradeable."""
        return Bounds()
