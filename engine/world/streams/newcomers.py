"""Newcomers: symbols that open for trading for the first time, which is more certain than any title says it."""

from collections.abc import Iterable
from typing import Literal

from engine.records.market import Announcement, SymbolRules

#: So long after its first trade a symbol counts as new; where only the day is known, it began up to a day before.
FRESH_MS = 2 * 86_400_000
Category = Literal["spot_listing", "perp_listing"]


class Newcomers:
    """Tells of each new symbol once. One that was halted and goes on is not new."""

    def __init__(self, category: Category) -> None:
        """`category` is what a new symbol of this market is."""
        self._category: Category = category
        self._known: set[str] = set()
        self._told: set[str] = set()

    def opened(
        self, rules: Iterable[SymbolRules], opened: Iterable[str], known: set[str], at: int
    ) -> list[Announcement]:
        """Gives what is new among symbols that opened; `known` are all that the exchange lists, also what rests.

        Of the first list only what is young by its rules is new; later on, what was not listed before.
        """
        by_symbol = {one.symbol: one for one in rules}
        made: list[Announcement] = []
        for symbol in opened:
            one = by_symbol[symbol]
            if one.onboard_at is not None:
                made += self.aged(one, at)
            elif self._known and symbol not in self._known:
                made += self._tell(one, at, at)
        self._known |= known
        return made

    def aged(self, rules: SymbolRules, at: int) -> list[Announcement]:
        """Gives what is new of a symbol whose first day is known now."""
        first = rules.onboard_at
        return self._tell(rules, first, at) if first is not None and at - first < FRESH_MS else []

    def _tell(self, rules: SymbolRules, opens_at: int, at: int) -> list[Announcement]:
        if rules.symbol in self._told:
            return []
        self._told.add(rules.symbol)
        news = Announcement(
            at=at, source="exchangeInfo", announcement_id=f"{rules.venue} {rules.symbol}", category=self._category,
            symbols=(rules.symbol,), title=f"{rules.symbol} is traded at {rules.venue}", opens_at=opens_at,
        )  # fmt: skip
        return [news]
