"""Refuse an order type that the symbol does not take."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class OrderType:
    """ORDER_TYPE: the symbol's list of order types, where the exchange gives one."""

    layer: ClassVar[Literal["exchange"]] = "exchange"

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when the list names other types only."""
        wanted = draft.order_type.upper()
        if rules.order_types and wanted not in rules.order_types:
            return No(f"{draft.side.upper()}_ORDER_TYPE", wanted, ",".join(rules.order_types))
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """None where market orders are taken."""
        return Bounds() if not rules.order_types or "MARKET" in rules.order_types else Bounds.nothing()
