"""Intake: what must stand before a fact: the ticks that are due, and the rules of a symbol not seen yet."""

from collections.abc import Mapping

import msgspec

from engine.errors import BadRecord
from engine.records.base import Record
from engine.records.market import Bar, BookTop, SymbolRules, Ticker, Trade, check_price, check_symbol
from engine.records.tickers import Tickers
from engine.stages.clock import PRICED, Clock, ClockState

QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "EUR", "TRY", "BTC", "ETH", "BNB")
INFERRED_MIN_NOTIONAL = "10"
#: What shows prices and quantities.
Priced = Bar | Ticker | BookTop | Trade


class Decimals(msgspec.Struct, kw_only=True):
    """The finest decimals seen of a symbol's prices and quantities."""

    price: int = 0
    qty: int = 0


class IntakeState(msgspec.Struct, kw_only=True):
    """What passed: the clock's state, the symbols that have rules, and the decimals of those that are inferred."""

    clock: ClockState
    ruled: dict[str, bool] = {}
    inferred: dict[str, Decimals] = {}


class Intake:
    """Gives the ticks and rules that stand before each fact."""

    def __init__(self, cycle_s: int, snapshot: Mapping[str, SymbolRules], state: IntakeState | None = None) -> None:
        """Ticks every `cycle_s`; `snapshot` holds the bundled rules for symbols whose market gives none."""
        self.clock = Clock(cycle_s, state.clock if state is not None else None)
        self.state = state if state is not None else IntakeState(clock=self.clock.state)
        self.snapshot = snapshot

    def before(self, fact: Record) -> list[Record]:
        """Gives what stands before a fact, and takes note of it; of tickers that came together it has to know all."""
        made = self.clock.before(fact)
        if isinstance(fact, PRICED) and not isinstance(fact, Tickers):
            if fact.symbol not in self.state.ruled or fact.symbol in self.state.inferred:
                rules = self._rules(fact)
                if rules is not None:
                    made.append(rules)
        elif isinstance(fact, SymbolRules):
            self.state.ruled[fact.symbol] = True
            self.state.inferred.pop(fact.symbol, None)
        return made

    def knows(self, tickers: Tickers) -> bool:
        """Says whether each symbol of some tickers has rules that no ticker changes."""
        ruled, inferred = self.state.ruled, self.state.inferred
        symbols = tickers.symbols
        return all(map(ruled.__contains__, symbols)) and not (inferred and any(map(inferred.__contains__, symbols)))

    def _rules(self, fact: Priced) -> SymbolRules | None:
        symbol, state = fact.symbol, self.state
        try:
            check_price(fact)
            check_symbol(symbol)
        except BadRecord:
            return None
        if symbol not in state.ruled:
            state.ruled[symbol] = True
            known = self.snapshot.get(symbol)
            if known is not None:
                return msgspec.structs.replace(known, at=fact.at, venue=fact.venue)
            state.inferred[symbol] = Decimals()
            self._finer(state.inferred[symbol], fact)
            return _inferred(fact, state.inferred[symbol])
        seen = state.inferred.get(symbol)
        if seen is not None and self._finer(seen, fact):
            return _inferred(fact, seen)
        return None

    def _finer(self, seen: Decimals, fact: Priced) -> bool:
        if not is_finer(seen, fact):
            return False
        prices, quantities = _texts(fact)
        price = max(map(_decimals, prices), default=0)
        qty = max(map(_decimals, quantities), default=0)
        seen.price, seen.qty = max(price, seen.price), max(qty, seen.qty)
        return True


def is_finer(seen: Decimals, fact: Priced) -> bool:
    """Says whether a fact shows more decimals than any price or quantity before it."""
    prices, quantities = _texts(fact)
    return _beyond(prices, seen.price) or _beyond(quantities, seen.qty)


def _beyond(texts: tuple[str, ...], digits: int) -> bool:
    # Most have no more decimals even with their trailing zeros.
    return any(len(text) - text.find(".") > digits + 1 and _decimals(text) > digits for text in texts)


def _texts(fact: Priced) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(fact, Bar):
        return (fact.open, fact.high, fact.low, fact.close), (fact.volume,)
    if isinstance(fact, Ticker):
        return (fact.last,), (fact.volume_24h,)
    if isinstance(fact, BookTop):
        return (fact.bid, fact.ask), (fact.bid_qty, fact.ask_qty)
    return (fact.price,), (fact.qty,)


def _decimals(text: str) -> int:
    whole, _, fraction = text.partition(".")
    return len(fraction.rstrip("0")) if whole else 0


def _inferred(fact: Priced, seen: Decimals) -> SymbolRules:
    quote = next((q for q in QUOTES if fact.symbol.endswith(q) and len(fact.symbol) > len(q)), "")
    base = fact.symbol[: len(fact.symbol) - len(quote)]
    return SymbolRules(
        at=fact.at, venue=fact.venue, symbol=fact.symbol, base=base, quote=quote, tick=_grid(seen.price),
        step=_grid(seen.qty), min_notional=INFERRED_MIN_NOTIONAL, rules="inferred",
    )  # fmt: skip


def _grid(decimals: int) -> str:
    return "1" if decimals == 0 else f"0.{'0' * (decimals - 1)}1"
