"""Refuse a second entry into what is held, or is being bought."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No, Standing
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class PositionOpen:
    """One position a symbol, one order under way a symbol."""

    layer: ClassVar[Literal["account"]] = "account"

    def closed(self, desk: Standing, symbol: str) -> bool:
        """Says whether the symbol is held, or an entry of it is under way."""
        return symbol in desk.held or symbol in desk.reserved

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when the symbol is held or an entry of it is under way."""
        if draft.symbol in desk.holdings:
            return No("POSITION_OPEN", str(desk.holdings[draft.symbol].qty), "0")
        if draft.symbol in desk.reserved:
            return No("ORDER_PENDING", str(desk.reserved[draft.symbol]), "0")
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """None: the coin is not held."""
        return Bounds()
