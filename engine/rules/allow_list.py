"""Refuse symbols that are not on the operator's list."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.desk import DeskView, Draft, No
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class AllowList:
    """`symbols`: what may be traded; empty allows all."""

    layer: ClassVar[Literal["risk"]] = "risk"
    symbols: tuple[str, ...] = ()

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no to a symbol that is not listed."""
        if self.symbols and draft.symbol not in self.symbols:
            return No("SYMBOL_NOT_ALLOWED", draft.symbol, f"{len(self.symbols)} symbols")
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """Nothing of a symbol that is not listed."""
        return Bounds() if not self.symbols or rules.symbol in self.symbols else Bounds.nothing()
