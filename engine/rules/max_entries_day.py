"""Refuse one entry more than a UTC day may have."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from engine.plugs import Bounds
from engine.records.bounds import DayCount
from engine.records.desk import DeskView, Draft, No, Standing
from engine.records.market import SymbolRules


@dataclass(frozen=True, slots=True)
class MaxEntriesDay:
    """`limit`: entries sent in the UTC calendar day; a runaway strategy ends here."""

    layer: ClassVar[Literal["account"]] = "account"
    limit: DayCount = 200

    def closed(self, desk: Standing, symbol: str) -> bool:
        """Says whether as many were sent today as may be."""
        return desk.day_entries >= self.limit

    def check(self, draft: Draft, desk: DeskView, rules: SymbolRules) -> No | None:
        """Says no when as many were sent today as may be."""
        if self.closed(desk.standing, draft.symbol):
            return No("MAX_ENTRIES_DAY", desk.day_entries, self.limit)
        return None

    def bounds(self, rules: SymbolRules) -> Bounds:
        """As many as may be sent in a day."""
        return Bounds(entries_day=self.limit)
