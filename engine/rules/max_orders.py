"""Refuse one order more than the exchange keeps open on a symbol (MAX_NUM_ORDERS)."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class MaxOrders:
    """MAX_NUM_ORDERS: open orders on the symbol. Source: Binance spot API, filters."""

    layer: ClassVar[Literal["exchange"]] = "exchange"

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when as many are open as may be."""
        open_orders = desk.open_orders.get(draft.symbol, 0)
        if rules.max_orders > 0 and open_orders >= rules.max_orders:
            return No(f"{draft.side.upper()}_MAX_ORDERS", open_orders, rules.max_orders)
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """None: no order of a coin is open that is neither held nor being bought."""
        return Bounds()
