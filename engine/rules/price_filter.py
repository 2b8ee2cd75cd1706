"""Refuse a limit price off the exchange's grid or outside its bounds (PRICE_FILTER)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.matching.units import on_grid
from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class PriceFilter:
    """PRICE_FILTER: minimum, maximum and tick of a price; each part is off when it is 0. Market orders have none.

    Source: Binance spot API, filters, PRICE_FILTER.
    """

    layer: ClassVar[Literal["exchange"]] = "exchange"

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no below the minimum, above the maximum, or between two ticks."""
        if draft.order_type != "limit":
            return None
        side, price = draft.side.upper(), draft.price
        low, high, tick = Decimal(rules.min_price), Decimal(rules.max_price), Decimal(rules.tick)
        if low > 0 and price < low:
            return No(f"{side}_MIN_PRICE", str(price), rules.min_price)
        if high > 0 and price > high:
            return No(f"{side}_MAX_PRICE", str(price), rules.max_price)
        if tick > 0 and not on_grid(price, tick):
            return No(f"{side}_TICK_SIZE", str(price), rules.tick)
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """None: a market order has no limit price."""
        return Bounds()
