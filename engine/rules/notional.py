"""Refuse an order worth too little or too much (MIN_NOTIONAL, NOTIONAL)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class Notional:
    """MIN_NOTIONAL and NOTIONAL: price times quantity; a market order is measured with the average price, else the
    last, and only where the filter applies to market orders.

    Source: Binance spot API, filters, MIN_NOTIONAL and NOTIONAL.
    """

    layer: ClassVar[Literal["exchange"]] = "exchange"

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no below the minimum or above the maximum."""
        market = draft.order_type == "market"
        low, high = Decimal(rules.min_notional), Decimal(rules.max_notional)
        notional = draft.qty * (draft.reference_price if market else draft.price)
        if low > 0 and notional < low and (rules.min_notional_market or not market):
            return No(f"{draft.side.upper()}_MIN_NOTIONAL", f"{notional:.8f}", rules.min_notional)
        if high > 0 and notional > high and (rules.max_notional_market or not market):
            return No(f"{draft.side.upper()}_MAX_NOTIONAL", f"{notional:.8f}", rules.max_notional)
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """Those of the filter that apply to market orders."""
        least = float(rules.min_notional) if rules.min_notional_market else 0.0
        capped = rules.max_notional_market and Decimal(rules.max_notional) > 0
        return Bounds(least_worth=least, most_worth=float(rules.max_notional)) if capped else Bounds(least_worth=least)
