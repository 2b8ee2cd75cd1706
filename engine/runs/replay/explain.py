"""The chain of each trade, from what was seen to what came of it, and why other candidates were not entered."""

from decimal import Decimal
from typing import Any, NamedTuple

from engine.records.base import Record
from engine.records.ideas import Cycle, Refusal
from engine.records.trades import Fill, FundingPayment, OrderAttempt, OrderResult, Position
from engine.runs.trail import Trail, as_rows
from engine.stages.report_trades import seconds, share_pct

_DEEDS = (OrderAttempt, OrderResult, Fill, FundingPayment, Position)


class Chosen(NamedTuple):
    """Which cycles are told: those with entries of these symbols in [since, until), or the last one up to `at`."""

    symbols: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None
    at: int | None = None


class Told(NamedTuple):
    """One cycle: what was entered (or, asked for by name, was not), the refusals, and how many ended by each code."""

    at: int
    trails: list[Trail]
    refusals: list[Refusal]
    codes: dict[str, int]


class Explainer:
    """Hears decisions in their order and keeps the chains that were asked for."""

    def __init__(self, chosen: Chosen) -> None:
        """Keeps what is chosen."""
        self._chosen = chosen
        self.told: list[Told] = []
        self._open: dict[str, Trail] = {}
        self._said: dict[str, list[Record]] = {}
        self._codes: dict[str, tuple[str, ...]] = {}
        self._over: set[str] = set()

    def hear(self, record: Record) -> None:
        """Takes note of a decision."""
        if isinstance(record, Cycle):
            self._codes = record.codes
        elif isinstance(record, OrderAttempt) and record.purpose == "entry":
            self._forget(record.symbol)
            self._said.setdefault(record.symbol, []).append(record)
        elif record.kind == "tick":
            self._close(record.at)
            self._said, self._codes = {}, {}
        elif isinstance(record, _DEEDS) and record.symbol in self._open:
            self._open[record.symbol].outcome.append(record)
            if isinstance(record, Position) and record.status == "closed":
                self._over.add(record.symbol)
        else:
            symbol = getattr(record, "symbol", None)
            if symbol is not None:
                self._said.setdefault(symbol, []).append(record)

    def _close(self, at: int) -> None:
        for symbol in tuple(self._over):
            self._forget(symbol)
        entered = [symbol for symbol, said in sorted(self._said.items()) if any(map(_is_entry, said))]
        trails = {symbol: Trail(symbol, at, self._code(symbol), self._said[symbol], [], {}, "") for symbol in entered}
        self._open.update(trails)
        if not self._is_wanted(at, entered):
            return
        wanted = self._chosen.symbols
        for symbol in sorted(wanted - trails.keys()) if self._chosen.at is not None else ():
            trails[symbol] = Trail(symbol, at, self._code(symbol), self._said.get(symbol, []), [], {}, "")
        shown = [trail for symbol, trail in trails.items() if not wanted or symbol in wanted]
        refusals = [r for said in self._said.values() for r in said if isinstance(r, Refusal)]
        one = Told(at, shown, refusals, {code: len(symbols) for code, symbols in self._codes.items()})
        if self._chosen.at is not None:
            self.told.clear()  # the last cycle up to then is the one
        self.told.append(one)

    def _forget(self, symbol: str) -> None:
        """The trade of a symbol is over: what is done from here on belongs to another one."""
        self._over.discard(symbol)
        self._open.pop(symbol, None)

    def _is_wanted(self, at: int, entered: list[str]) -> bool:
        symbols, since, until, limit = self._chosen
        if limit is not None:
            return at <= limit
        within = (since is None or at >= since) and (until is None or at < until)
        return within and any(not symbols or symbol in symbols for symbol in entered)

    def _code(self, symbol: str) -> str:
        return next((code for code, symbols in self._codes.items() if symbol in symbols), "NOT_SCANNED")


def _is_entry(record: Record) -> bool:
    return isinstance(record, OrderAttempt) and record.purpose == "entry"


def result_of(trail: Trail) -> dict[str, Any]:
    """Gives what a trade came to: open or closed, what it earned net of fees, also in percent of what was paid, the
    fees, how long it was held, and why it was left.
    """
    deeds = [*trail.records, *trail.outcome]
    positions = [record for record in deeds if isinstance(record, Position)]
    if not positions:
        return {}
    last, fills = positions[-1], [record for record in deeds if isinstance(record, Fill)]
    is_over = bool(fills) and last.status == "closed"
    paid = sum((Decimal(fill.notional) for fill in fills if fill.purpose == "entry"), Decimal(0))
    return {
        "status": last.status, "pnl": last.realised_pnl, "return_pct": share_pct(Decimal(last.realised_pnl), paid),
        "fees": last.fees_quote, "held_s": seconds(fills[-1].venue_at - last.opened_at) if is_over else None,
        "reasons": list(dict.fromkeys(fill.reason for fill in fills if fill.purpose != "entry")),
    }  # fmt: skip


def told_rows(told: Told) -> list[dict[str, Any]]:
    """Gives a cycle as plain JSON objects, one a trade (one without a trade where nothing was entered)."""
    others = [
        {
            "symbol": refusal.symbol, "stage": refusal.stage, "code": refusal.code,
            "precheck_code": refusal.precheck_code, "value": refusal.value, "limit": refusal.limit,
        }
        for refusal in told.refusals
    ]  # fmt: skip
    if not told.trails:
        return [{"symbol": None, "at": told.at, "others": others, "codes": told.codes}]
    return [
        {
            **as_rows(trail), "result": result_of(trail),
            "others": [other for other in others if other["symbol"] != trail.symbol], "codes": told.codes,
        }
        for trail in told.trails
    ]  # fmt: skip
