"""Refuse an entry that would put too much of the equity to work at once."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.bounds import Exposure
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class MaxExposure:
    """`limit_pct` of equity in all positions and entries under way, at current prices; on margin it may be over 100."""

    layer: ClassVar[Literal["account"]] = "account"
    limit_pct: Exposure = 80.0

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when what is at work and the draft pass the limit."""
        total = desk.in_use + draft.notional
        limit = desk.equity * Decimal(str(self.limit_pct)) / 100
        if total > limit:
            return No("MAX_EXPOSURE", f"{total:.8f}", f"{limit:.8f}")
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """A share of the equity."""
        return Bounds(exposure_pct=self.limit_pct)
