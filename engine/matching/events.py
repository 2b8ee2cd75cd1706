"""What is said to a venue, and what it answers: the same on paper, on loopback and live."""

from decimal import Decimal
from typing import Literal

import msgspec

from engine.records.trades import OrderType, Side

#: Types of orders that an exchange sets off by itself.
STOPS: frozenset[OrderType] = frozenset({"stop", "trailing_stop"})


class VenueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as a venue gets it. `qty` is in the base asset, prices in the quote asset.

    `at_price` is set when the fact in hand triggers an exit: a venue that trades on recordings fills it there, against
    what that fact can bear; `resting` says that it had been waiting on the book, so it pays the maker's fee.
    `liquidates` says that a position's margin is used up: such a venue takes it over whole, at `at_price`, and keeps
    what is left of the margin as its fee. `callback_pct` says how far price comes back from its best before a trailing
    stop sells. `listed_with` names the order that this one is in a list with: they go to the exchange together, and one
    ends the other.
    """

    client_id: str
    symbol: str
    side: Side
    order_type: OrderType
    qty: Decimal
    sent_at: int
    limit_price: Decimal | None = None
    at_price: Decimal | None = None
    resting: bool = False
    ambiguous: bool = False
    liquidates: bool = False
    stop_price: Decimal | None = None
    closes: bool = False
    callback_pct: Decimal | None = None
    listed_with: str | None = None


class Accepted(msgspec.Struct, frozen=True):
    """The venue has the order."""

    client_id: str


class Rejected(msgspec.Struct, frozen=True):
    """The venue does not want the order, definitely."""

    client_id: str
    code: str


class Executed(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. `fee_base` is the part of the fee that was taken out of the bought quantity."""

    client_id: str
    trade_id: str
    venue_at: int
    qty: Decimal
    price: Decimal
    notional: Decimal
    fee: Decimal
    fee_asset: str
    fee_quote: Decimal
    fee_base: Decimal
    liquidity: Literal["maker", "taker"]
    ambiguous: bool = False


class Ended(msgspec.Struct, frozen=True):
    """The order is over; what was executed before stays executed."""

    client_id: str
    status: Literal["filled", "cancelled", "expired"]
    code: str | None = None


Event = Accepted | Rejected | Executed | Ended
