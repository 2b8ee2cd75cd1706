"""The life of symbols: which are traded, which are new, halted or about to go, from one exchangeInfo to the next."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import msgspec

from engine.records.desk import Alert
from engine.records.market import SymbolRules
from engine.world.streams.rest import Listing

TRADING = "TRADING"
#: The status of a symbol that is no longer listed at all.
GONE = "DELISTED"


class Changes(NamedTuple):
    """What is different: rules to tell, symbols that are traded from now on or no more, and what people should hear."""

    rules: list[SymbolRules]
    opened: list[str]
    closed: list[str]
    alerts: list[Alert]


class Symbols:
    """The symbols of a market, as they were told last. Only those quoted in the wanted assets are followed."""

    def __init__(self, quotes: Iterable[str], only: Iterable[str] = ()) -> None:
        """Follows symbols quoted in `quotes`; with `only`, no others than these."""
        self._quotes, self._only = frozenset(quotes), frozenset(only)
        self._rules: dict[str, SymbolRules] = {}
        self._delisted_at: dict[str, int] = {}
        self._listed_at: dict[str, int] = {}
        self.known: set[str] = set()

    def update(self, listings: Iterable[Listing], at: int) -> Changes:
        """Takes a new list of symbols, told at `at`; gives what changed. The first list is no news to people."""
        first = not self._rules
        changes = Changes([], [], [], [])
        told: set[str] = set()
        for listing in listings:
            symbol = listing.rules.symbol
            self.known.add(symbol)
            if not self._follows(listing):
                continue
            told.add(symbol)
            self._take(listing, at, first, changes)
        for symbol in sorted(self._rules.keys() - told):
            if self._rules[symbol].status != GONE:
                self._changed(msgspec.structs.replace(self._rules[symbol], at=at, status=GONE), at, first, changes)
        return changes

    def aged(self, symbol: str, listed_at: int) -> SymbolRules | None:
        """Takes when a symbol was listed; gives its rules with that, where they are known."""
        self._listed_at[symbol] = listed_at
        rules = self._rules.get(symbol)
        if rules is None:
            return None
        self._rules[symbol] = msgspec.structs.replace(rules, onboard_at=listed_at)
        return self._rules[symbol]

    def trading(self) -> list[str]:
        """Gives the symbols that are traded, sorted."""
        return sorted(symbol for symbol, rules in self._rules.items() if rules.status == TRADING)

    def ageless(self) -> list[str]:
        """Gives the traded symbols whose first day is not known, sorted."""
        return [symbol for symbol in self.trading() if self._rules[symbol].onboard_at is None]

    def _follows(self, listing: Listing) -> bool:
        rules = listing.rules
        if not listing.ours or rules.quote not in self._quotes or (self._only and rules.symbol not in self._only):
            return False
        # What has been closed for years is told by the exchange too; it is followed from its opening on.
        return rules.status == TRADING or rules.symbol in self._rules

    def _take(self, listing: Listing, at: int, first: bool, changes: Changes) -> None:
        rules = listing.rules
        symbol = rules.symbol
        if rules.onboard_at is None and symbol in self._listed_at:
            rules = msgspec.structs.replace(rules, onboard_at=self._listed_at[symbol])
        rules = msgspec.structs.replace(rules, at=at)
        before = self._rules.get(symbol)
        if before is None or msgspec.structs.replace(before, at=at) != rules:
            self._changed(rules, at, first, changes)
        if listing.delisted_at is not None and self._delisted_at.get(symbol) != listing.delisted_at:
            self._delisted_at[symbol] = listing.delisted_at
            changes.alerts.append(_alert(at, "warning", "SYMBOL_DELISTING", symbol, f"ends at {listing.delisted_at}"))

    def _changed(self, rules: SymbolRules, at: int, first: bool, changes: Changes) -> None:
        symbol = rules.symbol
        before = self._rules.get(symbol)
        self._rules[symbol] = rules
        changes.rules.append(rules)
        was, now = before is not None and before.status == TRADING, rules.status == TRADING
        if now and not was:
            changes.opened.append(symbol)
        elif was and not now:
            changes.closed.append(symbol)
        if first:
            return
        if before is None:
            changes.alerts.append(_alert(at, "info", "SYMBOL_LISTED", symbol, f"{symbol} is traded now"))
        elif before.status != rules.status:
            text = f"{symbol}: {before.status} -> {rules.status}"
            changes.alerts.append(_alert(at, "info" if now else "warning", "SYMBOL_STATUS", symbol, text))


def _alert(at: int, level: Literal["info", "warning"], code: str, symbol: str, text: str) -> Alert:
    return Alert(at=at, level=level, code=code, symbol=symbol, text=text)
