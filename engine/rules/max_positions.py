"""Refuse one position more than the desk may hold."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.bounds import Count
from engine.records.desk import DeskView, Draft, No, Standing
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class MaxPositions:
    """`limit`: positions held and entries under way, together."""

    layer: ClassVar[Literal["account"]] = "account"
    limit: Count = 5

    def closed(self, desk: Standing, symbol: str) -> bool:
        """Says whether as many are held or under way as may be."""
        return _taken(desk) >= self.limit

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when as many are held or under way as may be."""
        taken = _taken(desk.standing)
        return No("MAX_POSITIONS", taken, self.limit) if taken >= self.limit else None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """As many as may be held."""
        return Bounds(positions=self.limit)


def _taken(desk: Standing) -> int:
    return len(desk.held | desk.reserved)
