"""Refuse a quantity outside the exchange's bounds or off its step (MARKET_LOT_SIZE, LOT_SIZE)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.matching.units import on_grid
from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import MAX_AMOUNT, SymbolRules


@dataclass(frozen=True, slots=True)
class LotSize:
    """LOT_SIZE for every order; MARKET_LOT_SIZE comes first for market orders, part by part, where a part is set.

    The exchange applies LOT_SIZE to market orders too, so both must hold.
    Source: Binance spot API, filters, LOT_SIZE and MARKET_LOT_SIZE.
    """

    layer: ClassVar[Literal["exchange"]] = "exchange"

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no below a minimum, above a maximum, or between two steps."""
        grids = [(rules.min_qty, rules.max_qty, rules.step)]
        if draft.order_type == "market":
            grids.insert(0, (rules.market_min_qty, rules.market_max_qty, rules.market_step))
        side, qty = draft.side.upper(), draft.qty
        if qty <= 0:
            return No(f"{side}_MIN_QTY", str(qty), grids[-1][0])
        if qty > MAX_AMOUNT:
            return No(f"{side}_MAX_QTY", str(qty), f"{MAX_AMOUNT:.0f}")
        for low, high, step in grids:
            if Decimal(low) > 0 and qty < Decimal(low):
                return No(f"{side}_MIN_QTY", str(qty), low)
            if Decimal(high) > 0 and qty > Decimal(high):
                return No(f"{side}_MAX_QTY", str(qty), high)
            if Decimal(step) > 0 and not on_grid(qty, Decimal(step)):
                return No(f"{side}_STEP_SIZE", str(qty), step)
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """The narrower of both filters, where a market order's step is on the grid of both."""
        market, step = Decimal(rules.market_step), Decimal(rules.step)
        if market > 0 and not on_grid(market, step):
            return Bounds.nothing()
        most = [float(limit) for limit in (rules.max_qty, rules.market_max_qty) if Decimal(limit) > 0]
        least = max(float(rules.min_qty), float(rules.market_min_qty))
        return Bounds(least_qty=least, most_qty=min(most, default=MAX_AMOUNT))
