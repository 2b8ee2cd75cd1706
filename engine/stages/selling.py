"""How much one market order may sell: what an exchange's grid, minimum and maximum leave of a leg of a position."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from engine.matching.units import Scale
from engine.plugs import Rule
from engine.records.desk import DeskView, Draft
from engine.records.market import MAX_AMOUNT, SymbolRules
from engine.stages.size import floor_to, step_of

#: Any other no is the venue's to give: an exit is tried.
TOO_SMALL = frozenset({"SELL_MIN_QTY", "SELL_MIN_NOTIONAL"})


class Selling(NamedTuple):
    """One sale: the symbol's grid and rules, the exchange's filters, and the price it is measured with."""

    scale: Scale
    rules: SymbolRules
    filters: Sequence[Rule]
    view: DeskView
    price: Decimal

    def of_leg(self, wanted: int, left: int) -> int:
        """Gives the steps to sell: the leg, or all when the leg or the rest would be too small for the exchange.

        `wanted` is the leg and `left` all there is, in steps. What is more than one order may be goes with the facts
        that follow. 0 says that there is too little to sell.
        """
        held = self._on_grid(left)
        steps = self._on_grid(min(wanted, held))
        rest = held - steps
        if self._too_small(steps) or (rest and self._too_small(rest)):
            steps = held if not self._too_small(held) else 0
        return self.at_once(steps)

    def at_once(self, steps: int) -> int:
        """Gives how many of these steps one market order may sell."""
        return min(self._on_grid(steps), self._most())

    def may_rest(self, steps: int) -> bool:
        """Says whether a limit order of so many steps, at the price, is one that the exchange's filters let pass."""
        draft = Draft(
            symbol=self.rules.symbol, side="sell", order_type="limit", qty=self.scale.qty(steps), price=self.price,
            reference_price=self.price,
        )  # fmt: skip
        return all(rule.check(draft, self.view, self.rules) is None for rule in self.filters)

    def _on_grid(self, steps: int) -> int:
        """Rounds down to what a market order may be: MARKET_LOT_SIZE can be coarser than LOT_SIZE."""
        return self.scale.steps(floor_to(self.scale.qty(steps), step_of(self.rules, "market")))

    def _most(self) -> int:
        rules, scale = self.rules, self.scale
        limits = [scale.steps(limit) for limit in (rules.max_qty, rules.market_max_qty) if Decimal(limit) > 0]
        if rules.max_notional_market and Decimal(rules.max_notional) > 0 and self.price > 0:
            limits.append(scale.steps(Decimal(rules.max_notional) / self.price))
        return self._on_grid(min(limits)) if limits else scale.steps(Decimal(MAX_AMOUNT))

    def _too_small(self, steps: int) -> bool:
        if steps <= 0:
            return True
        draft = Draft(
            symbol=self.rules.symbol, side="sell", order_type="market", qty=self.scale.qty(steps), price=self.price,
            reference_price=self.price,
        )  # fmt: skip
        for rule in self.filters:
            no = rule.check(draft, self.view, self.rules)
            if no is not None and no.code in TOO_SMALL:
                return True
        return False
