"""The fold: what fills add up to, so that a position can be compared with them; pure, and exact to the last digit."""

from dataclasses import dataclass
from decimal import Decimal

from engine.matching.units import E8, e8, plain
from engine.records.trades import Fill, Position

#: Digits behind the point of an average entry price on the wire.
PRICE_DIGITS = 12


@dataclass(slots=True)
class Holding:
    """One open position. Money in whole 1e-8 of the quote asset: what is paid goes up, what is received down."""

    opened_at: int
    qty: Decimal = Decimal(0)
    cost: int = 0
    realised: int = 0
    fees: int = 0

    @property
    def entry_price(self) -> Decimal:
        """The average paid per unit, in the quote asset."""
        return round(Decimal(self.cost) / E8 / self.qty, PRICE_DIGITS) if self.qty else Decimal(0)


class Holdings:
    """All open positions, by venue and symbol, folded from fills in their order."""

    def __init__(self) -> None:
        """Starts flat."""
        self._open: dict[tuple[str, str], Holding] = {}
        self._trades: set[tuple[str, str, str]] = set()

    def add(self, fill: Fill) -> str | None:
        """Adds a fill; gives what is wrong with it, or None."""
        trade = (fill.venue, fill.symbol, fill.trade_id)
        if trade in self._trades:
            return f"trade {fill.trade_id} of {fill.symbol} is booked twice"
        self._trades.add(trade)
        key = (fill.venue, fill.symbol)
        if fill.side == "buy":
            _buy(self._open.setdefault(key, Holding(fill.venue_at)), fill)
        elif key not in self._open:
            return f"a sale of {fill.symbol}, of which nothing was held"
        else:
            _sell(self._open[key], fill)
        return None

    def check(self, position: Position) -> str | None:
        """Compares a position with the fills before it; gives the first field that differs, or None."""
        key = (position.venue, position.symbol)
        holding = self._open.get(key)
        if holding is None:
            return f"a position in {position.symbol} without fills"
        dust = Decimal(0)
        if position.status == "closed":
            dust = holding.qty
            # What is too small to sell counts as lost.
            holding.realised -= holding.cost
            holding.qty, holding.cost = Decimal(0), 0
            del self._open[key]
        return _difference(position, holding, dust)


def _buy(holding: Holding, fill: Fill) -> None:
    qty, notional, fee = Decimal(fill.qty), e8(Decimal(fill.notional), up=True), e8(Decimal(fill.fee_quote), up=True)
    kept = notional
    if _in_base(fill) and Decimal(fill.fee):
        # A fee in the bought coin leaves less of it: the rest is held, and costed for.
        net = qty - Decimal(fill.fee)
        kept = int(notional * net / qty)
        qty = net
        holding.realised -= notional - kept
    else:
        holding.realised -= fee
    holding.qty += qty
    holding.cost += kept
    holding.fees += fee


def _sell(holding: Holding, fill: Fill) -> None:
    qty, notional, fee = Decimal(fill.qty), e8(Decimal(fill.notional)), e8(Decimal(fill.fee_quote), up=True)
    cost = holding.cost if qty >= holding.qty else int(holding.cost * qty / holding.qty)
    holding.qty -= qty
    holding.cost -= cost
    holding.fees += fee
    holding.realised += notional - cost - fee


def _in_base(fill: Fill) -> bool:
    return bool(fill.fee_asset) and fill.symbol.startswith(fill.fee_asset)


def _difference(position: Position, holding: Holding, dust: Decimal) -> str | None:
    for name, told, folded in (
        ("qty", position.qty, holding.qty),
        ("entry_price", position.entry_price, holding.entry_price),
        ("realised_pnl", position.realised_pnl, Decimal(holding.realised) / E8),
        ("fees_quote", position.fees_quote, Decimal(holding.fees) / E8),
        ("dust", position.dust, dust),
    ):
        if Decimal(told) != folded:
            return f"{position.symbol} says {name} {told}, its fills add up to {plain(folded)}"
    return None
