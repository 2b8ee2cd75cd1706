"""Facts of the account: what the exchange said of our orders, what we hold there, and what keeps entries back.

They enter like facts of the market and are recorded with them, so that a live run can be thought again without the
exchange. Paper has none.
"""

from typing import ClassVar, Literal

from engine.records.base import Moment, Record
from engine.records.trades import Side

ReportStatus = Literal["working", "in_doubt", "filled", "cancelled", "expired", "rejected", "never_executed"]
ConditionState = Literal["ok", "degraded", "blocked"]
#: The code of an order in doubt of which nothing is to be seen: no such id, none open, no coin locked.
UNSEEN = "UNSEEN"


class Told(Record, frozen=True, kw_only=True):
    """Something an exchange told of an account."""

    OWNER: ClassVar[str] = "account"

    venue: str


class OrderReport(Told, frozen=True, kw_only=True):
    """What became of an order of ours: told once for each status, and an end only after all its executions.

    `in_doubt` says that nobody knows yet; `never_executed` that it was proven not to exist. `code` is the exchange's
    reason. `in_doubt` with the code UNSEEN may be told often: nothing is to be seen of the order, which may still come.
    """

    symbol: str
    client_id: str
    status: ReportStatus
    code: str | None = None


class Execution(Told, frozen=True, kw_only=True):
    """One execution on the account, told once. `client_id` is None for one that was not ours.

    `notional` is price x qty in the quote asset; `fee` is in `fee_asset`.
    """

    symbol: str
    client_id: str | None = None
    trade_id: str
    venue_at: Moment
    side: Side
    qty: str
    price: str
    notional: str
    fee: str
    fee_asset: str
    liquidity: Literal["maker", "taker"]


class AccountHolding(Told, frozen=True, kw_only=True):
    """What is held of a symbol at a moment when no order of ours was open on it; `entry_price` where it is told."""

    symbol: str
    qty: str
    entry_price: str | None = None
    opened_at: Moment = 0


class BoundCoins(Told, frozen=True, kw_only=True):
    """How many of the coins that we hold of a symbol are in sell orders of others on the account (spot).

    Told when it changes: `qty` is "0" when they are free again.
    """

    symbol: str
    qty: str


class AccountBalance(Told, frozen=True, kw_only=True):
    """An asset in the wallet, free and locked."""

    asset: str
    free: str
    locked: str


class Condition(Told, frozen=True, kw_only=True):
    """Something beside market and risk that entries hang on: the account's stream, a ban, a recovery, a governor.

    Live sources tell of their own, too. `ok` ends it. `until` is when it ends by itself; one with `needs_resume` ends
    by `hot resume` only.
    """

    scope: str
    state: ConditionState
    reason: str
    until: Moment = 0
    needs_resume: bool = False
    mono_ms: Moment | None = None
