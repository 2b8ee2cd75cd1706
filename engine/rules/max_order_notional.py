"""Refuse an order larger than a single one may be."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.bounds import Money
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class MaxOrderNotional:
    """`limit_quote`: price times quantity of one entry, in the quote asset."""

    layer: ClassVar[Literal["risk"]] = "risk"
    limit_quote: Money = Decimal(100_000)

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no above the limit."""
        if draft.notional > self.limit_quote:
            return No("MAX_ORDER_NOTIONAL", f"{draft.notional:.8f}", str(self.limit_quote))
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """The limit."""
        return Bounds(most_worth=float(self.limit_quote))
