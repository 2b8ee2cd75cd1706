"""The blotter: fills and positions folded into closed trades, open positions and what they realised."""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from engine.errors import BadRecord
from engine.matching.margin import funding_times
from engine.records.base import figure
from engine.records.market import is_perp
from engine.records.trades import Fill, FundingPayment, Position

#: Digits behind the point of an average price.
PRICE_DIGITS = 12
# Bounded before it is converted: `1e999999` would be a megabyte of digits.
_MONEY = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?", re.ASCII)
_NOTHING = Decimal(0)


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A closed position. `opened_at` is its first fill, `closed_at` its last, `known_at` when the close was known.

    `qty` is what was bought, `exit_price` the average over all exits, `pnl` net of fees and funding in the quote asset,
    `return_pct` that of what was paid, `reasons` why it was left, in their order. `heat` is that of the entry;
    `ambiguous` says that a bar touched both sides of the bracket. `funding` is what a perpetual brought (below zero,
    cost) by funding; `funding_missing` counts the funding times, every eight hours, that no rate was known for.
    """

    symbol: str
    venue: str
    strategy: str
    opened_at: int
    closed_at: int
    known_at: int
    hold_s: float
    qty: Decimal
    entry_price: Decimal
    exit_price: Decimal | None
    pnl: Decimal
    return_pct: float | None
    fees: Decimal
    funding: Decimal
    funding_missing: int
    reasons: tuple[str, ...]
    heat: float | None
    ambiguous: bool
    dust: Decimal


class OpenPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position that is held. `price` is the last one that a record told, at `priced_at`.

    `realised` is net of fees and funding. On margin, `margin` is what is tied up in it, and its venue closes it at
    `liquidation_price`.
    """

    symbol: str
    venue: str
    strategy: str
    opened_at: int
    hold_s: float
    qty: Decimal
    entry_price: Decimal
    price: Decimal
    priced_at: int
    value: Decimal
    unrealised: Decimal
    unrealised_pct: float | None
    realised: Decimal
    fees: Decimal
    funding: Decimal
    funding_missing: int
    margin: Decimal | None
    liquidation_price: Decimal | None
    heat: float | None


class Holding(msgspec.Struct, kw_only=True):
    """A position under way: what was bought and sold so far, and what its last record said."""

    symbol: str
    venue: str
    opened_at: int
    last_at: int
    price: Decimal
    priced_at: int
    strategy: str = ""
    bought: Decimal = _NOTHING
    paid: Decimal = _NOTHING
    sold: Decimal = _NOTHING
    received: Decimal = _NOTHING
    qty: Decimal = _NOTHING
    entry_price: Decimal = _NOTHING
    realised: Decimal = _NOTHING
    fees: Decimal = _NOTHING
    funding: Decimal = _NOTHING
    paid_rounds: int = 0
    margin: Decimal | None = None
    liquidation_price: Decimal | None = None
    reasons: list[str] = []
    heat: float | None = None
    ambiguous: bool = False

    @property
    def unrealised(self) -> Decimal:
        """What selling all at the last known price would add, before fees."""
        return self.qty * (self.price - self.entry_price)

    def unpaid_rounds(self, until: int) -> int:
        """Gives how many funding times passed up to a time without funding; exchanges that pay oftener pay then too."""
        due = len(funding_times(self.opened_at, until)) if is_perp(self.venue) else 0
        return max(0, due - self.paid_rounds)


class Blotter:
    """Folds fills and positions in their order; holds only what is open."""

    def __init__(self) -> None:
        """Starts flat."""
        self.open: dict[tuple[str, str], Holding] = {}
        self.realised = _NOTHING
        self.fees = _NOTHING
        self.funding = _NOTHING

    def fill(self, fill: Fill) -> bool:
        """Takes a fill; says whether it opened a position. Raises BadRecord for money that is none."""
        key = (fill.venue, fill.symbol)
        holding = self.open.get(key)
        opens = holding is None
        price, qty, notional = money(fill.price), money(fill.qty), money(fill.notional)
        if holding is None:
            holding = self.open[key] = Holding(
                symbol=fill.symbol, venue=fill.venue, opened_at=fill.venue_at, last_at=fill.venue_at, price=price,
                priced_at=fill.at,
            )  # fmt: skip
        if fill.side == "buy":
            holding.bought += qty
            holding.paid += notional
        else:
            holding.sold += qty
            holding.received += notional
            if fill.reason not in holding.reasons:
                holding.reasons.append(fill.reason)
        holding.last_at, holding.price, holding.priced_at = fill.venue_at, price, fill.at
        holding.ambiguous = holding.ambiguous or fill.ambiguous
        return opens

    def fund(self, payment: FundingPayment) -> None:
        """Takes what funding cost or brought; the position after it tells what was realised. Raises BadRecord."""
        holding = self.open.get((payment.venue, payment.symbol))
        if holding is None:
            raise BadRecord(f"funding of {payment.symbol[:40]!r}, of which nothing is held")
        amount = money(payment.amount)
        self.funding += amount
        holding.funding += amount
        holding.paid_rounds += payment.due_at in funding_times(payment.due_at - 1, payment.due_at)
        holding.price, holding.priced_at = money(payment.price), payment.at

    def position(self, position: Position) -> Trade | None:
        """Takes what a position says after a fill; gives the trade when it is closed. Raises BadRecord."""
        key = (position.venue, position.symbol)
        holding = self.open.get(key)
        if holding is None:
            raise BadRecord(f"a position in {position.symbol[:40]!r} without fills")
        realised, fees = money(position.realised_pnl), money(position.fees_quote)
        self.realised += realised - holding.realised
        self.fees += fees - holding.fees
        holding.realised, holding.fees = realised, fees
        holding.strategy, holding.opened_at = position.strategy, position.opened_at
        holding.qty, holding.entry_price = money(position.qty), money(position.entry_price)
        holding.margin, holding.liquidation_price = _maybe(position.margin), _maybe(position.liquidation_price)
        if position.status == "open":
            return None
        del self.open[key]
        if position.reason not in holding.reasons:
            holding.reasons.append(position.reason)
        return _trade(holding, position)

    def mark(self, venue: str, symbol: str, price: str, at: int) -> None:
        """Takes note of a price of something held; other prices are passed over."""
        holding = self.open.get((venue, symbol))
        if holding is not None:
            holding.price, holding.priced_at = money(price), at

    def price(self, prices: Mapping[tuple[str, str], tuple[str, int]]) -> None:
        """Takes the price of each (venue, symbol) and when that was, where nothing newer was told."""
        for key, (price, at) in prices.items():
            holding = self.open.get(key)
            if holding is not None and at >= holding.priced_at:
                self.mark(*key, price, at)

    @property
    def unrealised(self) -> Decimal:
        """What all open positions would add at the last known prices, before fees."""
        total = _NOTHING
        for holding in self.open.values():
            total += holding.unrealised
        return total

    def open_positions(self, now: int) -> Iterator[OpenPosition]:
        """Gives what is held, oldest first."""
        for holding in sorted(self.open.values(), key=lambda h: (h.opened_at, h.symbol)):
            yield _open_position(holding, now)


def _trade(holding: Holding, position: Position) -> Trade:
    # A position that is closed as dust has no last fill of its own.
    closed_at = position.at if position.reason == "DUST" else holding.last_at
    return Trade(
        symbol=holding.symbol, venue=holding.venue, strategy=position.strategy, opened_at=position.opened_at,
        closed_at=closed_at, known_at=position.at, hold_s=seconds(closed_at - position.opened_at),
        qty=holding.bought, entry_price=_average(holding.paid, holding.bought) or _NOTHING,
        exit_price=_average(holding.received, holding.sold), pnl=holding.realised,
        return_pct=share_pct(holding.realised, holding.paid), fees=holding.fees, funding=holding.funding,
        funding_missing=holding.unpaid_rounds(closed_at), reasons=tuple(holding.reasons), heat=holding.heat,
        ambiguous=holding.ambiguous, dust=money(position.dust),
    )  # fmt: skip


def _open_position(holding: Holding, now: int) -> OpenPosition:
    return OpenPosition(
        symbol=holding.symbol, venue=holding.venue, strategy=holding.strategy, opened_at=holding.opened_at,
        hold_s=seconds(max(0, now - holding.opened_at)), qty=holding.qty, entry_price=holding.entry_price,
        price=holding.price, priced_at=holding.priced_at, value=holding.qty * holding.price,
        unrealised=holding.unrealised, unrealised_pct=share_pct(holding.unrealised, holding.qty * holding.entry_price),
        realised=holding.realised, fees=holding.fees, funding=holding.funding,
        funding_missing=holding.unpaid_rounds(now), margin=holding.margin, liquidation_price=holding.liquidation_price,
        heat=holding.heat,
    )  # fmt: skip


def money(text: str) -> Decimal:
    """Reads a decimal string; raises BadRecord for anything but bounded plain digits with an optional sign."""
    if not _MONEY.fullmatch(text):
        raise BadRecord(f"not a plain decimal: {text[:40]!r}")
    return Decimal(text)


def _maybe(text: str | None) -> Decimal | None:
    return money(text) if text is not None else None


def share_pct(part: Decimal, whole: Decimal) -> float | None:
    """Gives a part as percent of a whole; None of nothing."""
    return figure(float(part / whole * 100)) if whole > 0 else None


def seconds(ms: int) -> float:
    """Gives milliseconds as seconds, a whole number where it is one."""
    return figure(ms / 1000) or 0


def _average(notional: Decimal, qty: Decimal) -> Decimal | None:
    return round(notional / qty, PRICE_DIGITS) if qty else None
