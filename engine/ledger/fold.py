"""The fold: what fills and funding add up to, so that a position can be compared with them; exact to the last digit."""

from dataclasses import dataclass
from decimal import Decimal

from engine.matching.margin import funding_amount
from engine.matching.units import E8, ceil_div, e8, plain
from engine.records.market import is_perp
from engine.records.trades import DUST, Fill, FundingPayment, Position

#: Digits behind the point of an average entry price on the wire.
PRICE_DIGITS = 12


@dataclass(slots=True)
class Holding:
    """One open position. Money in whole 1e-8 of the quote asset: what is paid goes up, what is received down.

    `owed` is what of its cost the venue lent, with the funding that was paid out of the margin.
    """

    opened_at: int
    qty: Decimal = Decimal(0)
    cost: int = 0
    owed: int = 0
    realised: int = 0
    fees: int = 0

    @property
    def entry_price(self) -> Decimal:
        """The average paid per unit, in the quote asset."""
        return round(Decimal(self.cost) / E8 / self.qty, PRICE_DIGITS) if self.qty else Decimal(0)


class Holdings:
    """All open positions, by venue and symbol, folded from fills and funding in their order.

    `leverage` is that of the run whose records follow: so many times its margin is an entry on perpetuals.
    """

    def __init__(self) -> None:
        """Starts flat."""
        self.leverage = 1
        self._open: dict[tuple[str, str], Holding] = {}
        self._trades: set[tuple[str, str, str]] = set()
        self._dust: dict[tuple[str, str], Decimal] = {}

    def add(self, fill: Fill) -> str | None:
        """Adds a fill; gives what is wrong with it, or None."""
        trade = (fill.venue, fill.symbol, fill.trade_id)
        if trade in self._trades:
            return f"trade {fill.trade_id} of {fill.symbol} is booked twice"
        self._trades.add(trade)
        key = (fill.venue, fill.symbol)
        if fill.reason == DUST:
            return self._find(key, fill)
        if fill.side == "buy":
            leverage = self.leverage if is_perp(fill.venue) else 1
            _buy(self._open.setdefault(key, Holding(fill.venue_at)), fill, leverage)
        elif key not in self._open:
            return f"a sale of {fill.symbol}, of which nothing was held"
        else:
            _sell(self._open[key], fill)
        return None

    def _find(self, key: tuple[str, str], fill: Fill) -> str | None:
        """Adds coins that earlier positions left, as what they are worth now; there are no more than they left."""
        holding, qty, worth = self._open.get(key), Decimal(fill.qty), e8(Decimal(fill.notional))
        left = self._dust.pop(key, Decimal(0))
        if holding is None or qty > left:
            return f"dust of {fill.qty} {fill.symbol} joins a position, where {plain(left)} was left"
        holding.qty += qty
        holding.cost += worth
        holding.realised += worth
        return None

    def fund(self, payment: FundingPayment) -> str | None:
        """Adds a funding payment; gives what is wrong with it, or None."""
        holding = self._open.get((payment.venue, payment.symbol))
        if holding is None:
            return f"funding of {payment.symbol}, of which nothing was held"
        if Decimal(payment.qty) != holding.qty:
            return f"funding of {payment.qty} {payment.symbol}, where {plain(holding.qty)} was held"
        due = e8(funding_amount(1, holding.qty, Decimal(payment.price), Decimal(payment.rate)))
        amount = max(due, holding.owed - holding.cost)  # never more than its margin
        if Decimal(payment.amount) * E8 != amount:
            return f"funding of {payment.symbol} says {payment.amount}, its rate makes {plain(Decimal(amount) / E8)}"
        holding.owed -= amount
        holding.realised += amount
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
            holding.realised -= holding.cost - holding.owed
            holding.qty, holding.cost, holding.owed = Decimal(0), 0, 0
            del self._open[key]
            self._dust[key] = self._dust.get(key, Decimal(0)) + dust
        return _difference(position, holding, dust)


def _buy(holding: Holding, fill: Fill, leverage: int) -> None:
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
    holding.owed += notional - ceil_div(notional, leverage)
    holding.fees += fee


def _sell(holding: Holding, fill: Fill) -> None:
    qty, notional, fee = Decimal(fill.qty), e8(Decimal(fill.notional)), e8(Decimal(fill.fee_quote), up=True)
    cost = holding.cost if qty >= holding.qty else int(holding.cost * qty / holding.qty)
    holding.owed -= holding.owed if qty >= holding.qty else int(holding.owed * qty / holding.qty)
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
        ("margin", position.margin or plain(Decimal(holding.cost) / E8), Decimal(holding.cost - holding.owed) / E8),
    ):
        if Decimal(told) != folded:
            return f"{position.symbol} says {name} {told}, its fills and funding add up to {plain(folded)}"
    return None
