"""Refuse a buy that would hold more of the base asset than the exchange allows (MAX_POSITION)."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class MaxPosition:
    """MAX_POSITION: what is held plus what is being bought. Source: Binance spot API, filters."""

    layer: ClassVar[Literal["exchange"]] = "exchange"

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no to a buy above the limit."""
        limit = Decimal(rules.max_position)
        if limit <= 0 or draft.side != "buy":
            return None
        held = desk.holdings[draft.symbol].qty if draft.symbol in desk.holdings else Decimal(0)
        if held + draft.qty > limit:
            return No("BUY_MAX_POSITION", str(held + draft.qty), rules.max_position)
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """The limit, since nothing is held yet."""
        return Bounds(most_qty=float(rules.max_position)) if Decimal(rules.max_position) > 0 else Bounds()
