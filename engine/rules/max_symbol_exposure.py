"""Refuse an entry that would make one symbol too much of the equity."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.bounds import Exposure
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class MaxSymbolExposure:
    """`limit_pct` of equity in one symbol, at current prices; on margin it may be over 100."""

    layer: ClassVar[Literal["account"]] = "account"
    limit_pct: Exposure = 25.0

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when what is held, under way and drafted passes the limit."""
        held = desk.holdings[draft.symbol].value if draft.symbol in desk.holdings else Decimal(0)
        total = held + desk.reserved.get(draft.symbol, Decimal(0)) + draft.notional
        limit = desk.equity * Decimal(str(self.limit_pct)) / 100
        if total > limit:
            return No("MAX_SYMBOL_EXPOSURE", f"{total:.8f}", f"{limit:.8f}")
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """A share of the equity, since nothing is held yet."""
        return Bounds(equity_pct=self.limit_pct)
