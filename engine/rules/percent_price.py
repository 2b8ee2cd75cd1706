"""Refuse a limit price too far from the average price (PERCENT_PRICE, PERCENT_PRICE_BY_SIDE)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class PercentPrice:
    """PERCENT_PRICE(_BY_SIDE): the average price times the side's multipliers bounds a limit price.

    Source: Binance spot API, filters, PERCENT_PRICE_BY_SIDE. A multiplier of 0 is off.
    """

    layer: ClassVar[Literal["exchange"]] = "exchange"

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no above or below the band."""
        if draft.order_type != "limit":
            return None
        buying = draft.side == "buy"
        up = Decimal(rules.bid_multiplier_up if buying else rules.ask_multiplier_up)
        down = Decimal(rules.bid_multiplier_down if buying else rules.ask_multiplier_down)
        high, low = draft.reference_price * up, draft.reference_price * down
        if up > 0 and draft.price > high:
            return No(f"{draft.side.upper()}_PERCENT_PRICE", str(draft.price), str(high))
        if down > 0 and draft.price < low:
            return No(f"{draft.side.upper()}_PERCENT_PRICE", str(draft.price), str(low))
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """None: a market order has no limit price."""
        return Bounds()
