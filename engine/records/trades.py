"""Trades: the intent, what was sent, what the venue answered, and what the fills add up to."""

from typing import ClassVar, Literal

from engine.records.base import Figure, Moment, Record, Whole
from engine.records.ideas import ExitPlan
from engine.records.market import Plain

Side = Literal["buy", "sell"]
Purpose = Literal["entry", "exit", "protect"]
OrderType = Literal["market", "limit", "stop", "trailing_stop"]
OrderStatus = Literal[
    "working", "part_filled", "filled", "cancelled", "expired", "rejected", "in_doubt", "never_executed"
]
Apart = Literal["adopted", "closed_elsewhere", "changed", "balance", "dust"]
#: The reason of a fill that is none: coins that an earlier position left, which join one now.
DUST = "DUST"


class Deed(Record, frozen=True, kw_only=True):
    """Something done, or meant to be done, about one symbol at one venue."""

    venue: str
    symbol: str


class Intent(Deed, frozen=True, kw_only=True):
    """A judged wish to trade: it passed every filter and rule and may be sent.

    `qty` is in the base asset, `price` the price it was judged at, `limit_price` that of a limit order.
    `intent_key` follows from what is wanted, not from how much (`trade_ids`).
    """

    OWNER: ClassVar[str] = "precheck"

    strategy: str
    side: Side
    purpose: Purpose
    leg: str
    order_type: OrderType
    qty: Plain
    price: Plain
    limit_price: Plain | None = None
    notional: Plain
    intent_key: str
    risk_level: str
    plan: ExitPlan | None = None


class OrderAttempt(Deed, frozen=True, kw_only=True):
    """An order on its way to the venue; committed before its first byte leaves.

    `reason` says why (ENTRY, STOP, BREAK_EVEN, TIER_1, TRAIL, TIME, BLACK_SWAN, LIQUIDATION ...), `reference_price` is
    what the decision saw. Of purpose `protect` are orders that rest at an exchange for a position.
    """

    OWNER: ClassVar[str] = "order"

    strategy: str
    client_id: str
    intent_key: str
    attempt: Whole = 1
    side: Side
    purpose: Purpose
    reason: str
    order_type: OrderType
    qty: str
    limit_price: str | None = None
    reference_price: str


class OrderResult(Deed, frozen=True, kw_only=True):
    """What became of an order. `code` names the reason of a rejection or an expiry."""

    OWNER: ClassVar[str] = "order"

    client_id: str
    status: OrderStatus
    filled_qty: str
    code: str | None = None


class Fill(Deed, frozen=True, kw_only=True):
    """One execution. `venue_at` is when it happened, `at` when it could be known.

    `notional` is price x qty in the quote asset; `fee` is in `fee_asset`; `ambiguous` marks a bar that touched both
    sides of a bracket.
    """

    OWNER: ClassVar[str] = "order"

    venue_at: Moment
    client_id: str
    trade_id: str
    side: Side
    purpose: Purpose
    reason: str
    qty: str
    price: str
    notional: str
    fee: str
    fee_asset: str
    fee_quote: str
    liquidity: Literal["maker", "taker"]
    ambiguous: bool = False


class Position(Deed, frozen=True, kw_only=True):
    """What the fills of one holding add up to, after the fill before it.

    `entry_price` is the average paid, `realised_pnl` is net of fees and funding in the quote asset, `dust` the
    remainder too small to sell when the position closed. `margin` is what is tied up in an isolated position, in
    quote, where it is not all of its cost; at `liquidation_price` the venue closes it.
    """

    OWNER: ClassVar[str] = "order"

    strategy: str
    status: Literal["open", "closed"]
    qty: str
    entry_price: str
    opened_at: Moment
    realised_pnl: str
    fees_quote: str
    reason: str
    dust: str
    margin: str | None = None
    liquidation_price: str | None = None


class FundingPayment(Deed, frozen=True, kw_only=True):
    """What a perpetual brought (or, below zero, cost) its holder at the funding time `due_at`.

    `amount` is -qty x price x rate in the quote asset, rounded against us, and never more than the margin that it is
    taken from; `price` is the mark price that came with the rate, else the last price.
    """

    OWNER: ClassVar[str] = "order"

    due_at: Moment
    rate: str
    price: str
    qty: str
    amount: str


class ReconcileDiff(Deed, frozen=True, kw_only=True):
    """Where the exchange's books and ours differed; ours follow. Quantities in the base asset (`balance`: of an asset).

    `adopted` is a holding that we did not know, `closed_elsewhere` one that is gone or smaller, `changed` one that is
    larger, `balance` an asset of which there is less than we count on, `dust` what closed positions left and is gone.
    """

    OWNER: ClassVar[str] = "order"

    what: Apart
    ours: str
    theirs: str


class PastTrade(Deed, frozen=True, kw_only=True):
    """A position that was opened and closed on the account without this ledger, kept by `hot sync --history`.

    `at` is when it was closed, `opened_at` None where that was before what the exchange told. `side` is that of its
    entry. `realised` is the profit before fees, `funding` signed, `fees` by asset; `net_profit` counts the fees that
    were paid in the quote asset. It is no trade of a strategy, and never compared.
    """

    OWNER: ClassVar[str] = "run"

    trip_id: str
    side: Side
    opened_at: Moment | None = None
    qty: str
    entry_price: str | None = None
    exit_price: str | None = None
    realised: str
    funding: str
    fees: dict[str, str] = {}
    net_profit: str
    trade_ids: tuple[str, ...]


class StateChange(Record, frozen=True, kw_only=True):
    """A change of the engine's state or risk level, or of an open position that is stuck.

    `until` is when it ends by itself. A position of `symbol` is stuck while its symbol is not traded.
    """

    OWNER: ClassVar[str] = "order"

    scope: Literal["engine", "risk", "position"]
    symbol: str | None = None
    was: str
    now: str
    reason: str
    value: Figure | None = None
    limit: Figure | None = None
    until: Moment | None = None
