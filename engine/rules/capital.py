"""Refuse a buy that the capital not in use cannot pay."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.bounds import Percent
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class Capital:
    """Cash less what is reserved must reach; `buffer_pct` of the order is kept for fees and slippage.

    On margin an order takes its share of the leverage.
    """

    layer: ClassVar[Literal["account"]] = "account"
    buffer_pct: Percent = 0.5

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when the draft with its buffer costs more than is free."""
        if draft.side != "buy":
            return None
        free = desk.cash
        for symbol in sorted(desk.reserved):
            free -= desk.reserved[symbol] / desk.leverage(symbol)
        needed = draft.notional * (Decimal(100) / desk.leverage(draft.symbol) + Decimal(str(self.buffer_pct))) / 100
        if needed > free:
            return No("NO_CAPITAL", f"{needed:.8f}", f"{free:.8f}")
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """The buffer stands on top of what the cash pays."""
        return Bounds(cash_pct=100.0 + self.buffer_pct)
