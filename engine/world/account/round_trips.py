"""Round trips: executions and income of past days grouped into positions, from their opening to their close."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec

from engine.records.trades import Side
from engine.world.account.account import IncomeNews, TradeNews
from engine.world.account.fills import in_order

#: A profit below this, in the quote asset, is none: the execution opened.
NO_PROFIT = Decimal("0.000001")


class RoundTrip(msgspec.Struct, frozen=True, kw_only=True):
    """A position from its opening to its close. `side` is that of its entry: `buy` is long.

    `opened_at_ms` and `entry_price` are None where it was opened before the first execution, `closed_at_ms` is None
    while it is open. `qty` is what was closed of it. `realised` is the profit before fees, `funding` is signed, `fees`
    by asset. `trip_id` follows from its first execution.
    """

    trip_id: str
    symbol: str
    side: Side
    opened_at_ms: int | None
    closed_at_ms: int | None
    qty: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    realised: Decimal
    funding: Decimal
    fees: Mapping[str, Decimal]
    trade_ids: tuple[str, ...]


def round_trips(trades: Iterable[TradeNews], income: Iterable[IncomeNews]) -> list[RoundTrip]:
    """Gives the round trips of futures positions, by symbol and time; the last of a symbol may be open.

    Within a position its own quantities say what closes it. The first execution of all that realised a profit closed
    something older than the list. Where no income tells of a trip's profit it is worked out of its prices.
    """
    rows = {one.income_id: one for one in income}.values()
    profits: dict[tuple[str, str], Decimal] = {}
    for row in rows:
        if row.kind == "realised" and row.trade_id:
            at = row.symbol, row.trade_id
            profits[at] = profits.get(at, Decimal(0)) + row.amount
    by_symbol: dict[str, list[TradeNews]] = {}
    for trade in in_order(trades):
        by_symbol.setdefault(trade.symbol, []).append(trade)
    found: list[RoundTrip] = []
    for symbol in sorted(by_symbol):
        fundings = [row for row in rows if row.kind == "funding" and row.symbol == symbol]
        found += [trip.told(fundings) for trip in _trips(by_symbol[symbol], profits)]
    return found


@dataclass
class _Trip:
    """A position while its executions are gathered. `held` is None where nobody knows what was there before."""

    symbol: str
    side: Side
    opened_at: int | None
    held: Decimal | None
    closed_at: int | None = None
    entry: Decimal = Decimal(0)
    entry_cost: Decimal = Decimal(0)
    #: What is still held has cost so much, and what was closed has brought so much, by the prices.
    cost: Decimal = Decimal(0)
    brought: Decimal = Decimal(0)
    closed: Decimal = Decimal(0)
    closed_cost: Decimal = Decimal(0)
    profit: Decimal | None = None
    fees: dict[str, Decimal] = field(default_factory=dict)
    trade_ids: list[str] = field(default_factory=list)

    def enter(self, trade: TradeNews, qty: Decimal) -> None:
        self._note(trade, qty)
        self.entry += qty
        self.entry_cost += qty * trade.price
        self.cost += qty * trade.price
        self.held = (self.held or Decimal(0)) + qty

    def leave(self, trade: TradeNews, qty: Decimal, profit: Decimal | None) -> None:
        self._note(trade, qty)
        self.closed += qty
        self.closed_cost += qty * trade.price
        if profit is not None:
            self.profit = (self.profit or Decimal(0)) + profit
        if self.held:
            share = self.cost * qty / self.held
            self.brought += (qty * trade.price - share) * (1 if self.side == "buy" else -1)
            self.cost -= share
            self.held -= qty
        if not self.held:
            # Of an older one the last execution that is known of is taken for its end.
            self.closed_at = trade.venue_at

    def told(self, fundings: list[IncomeNews]) -> RoundTrip:
        entry = self.entry_cost / self.entry if self.entry else None
        leaving = self.closed_cost / self.closed if self.closed else None
        return RoundTrip(
            trip_id=f"{self.symbol}:{self.trade_ids[0]}", symbol=self.symbol, side=self.side,
            opened_at_ms=self.opened_at, closed_at_ms=self.closed_at, qty=self.closed, entry_price=entry,
            exit_price=leaving, realised=self.profit if self.profit is not None else self.brought,
            funding=sum((row.amount for row in fundings if self._is_within(row.venue_at)), Decimal(0)),
            fees=self.fees, trade_ids=tuple(self.trade_ids),
        )  # fmt: skip

    def _is_within(self, at: int) -> bool:
        return (self.opened_at or 0) <= at and (self.closed_at is None or at <= self.closed_at)

    def _note(self, trade: TradeNews, qty: Decimal) -> None:
        """Notes the execution and its share of the fee: one that turns a position round belongs to two trips."""
        self.trade_ids.append(trade.trade_id)
        if trade.fee:
            self.fees[trade.fee_asset] = self.fees.get(trade.fee_asset, Decimal(0)) + trade.fee * qty / trade.qty


def _trips(fills: list[TradeNews], profits: Mapping[tuple[str, str], Decimal]) -> list[_Trip]:
    """Gives the trips of one symbol."""
    trips: list[_Trip] = []
    now: _Trip | None = None
    for fill in fills:
        profit = profits.get((fill.symbol, fill.trade_id))
        closes = profit is not None and abs(profit) >= NO_PROFIT
        left = fill.qty
        if now is not None and now.held is None and not closes:
            now = None
        if now is None and closes:
            now = _Trip(fill.symbol, "sell" if fill.side == "buy" else "buy", None, None)
            trips.append(now)
        if now is not None and now.side != fill.side:
            part = left if now.held is None else min(left, now.held)
            now.leave(fill, part, profit)
            left -= part
            if now.held is not None and not now.held:
                now = None
        if left:
            if now is None:
                now = _Trip(fill.symbol, fill.side, fill.venue_at, Decimal(0))
                trips.append(now)
            now.enter(fill, left)
    return trips
