"""Refuse entries at risk levels L4 and L5."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No, Standing
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class RiskLevel:
    """L4 stops entries, L5 stops them for the cool-down; the desk decides the level from drawdown and day loss."""

    layer: ClassVar[Literal["account"]] = "account"

    def closed(self, desk: Standing, symbol: str) -> bool:
        """Says whether the level stops entries."""
        return desk.risk_level in ("L4", "L5")

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no at L4 and L5, with the worse of the two percentages."""
        if self.closed(desk.standing, draft.symbol):
            return No(f"RISK_{desk.risk_level}", max(desk.drawdown_pct, desk.day_loss_pct), desk.risk_level)
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """None while the level is open."""
        return Bounds()
