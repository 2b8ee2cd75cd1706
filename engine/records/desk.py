"""The desk: whose run it is, what it holds, and what a rule may look at."""

from collections.abc import Mapping, Set
from decimal import Decimal
from typing import Any, ClassVar, Literal, NamedTuple

import msgspec

from engine.records.base import Record
from engine.records.trades import OrderType, Side

EngineState = Literal["tradeable", "degraded", "blocked"]


class Run(Record, frozen=True, kw_only=True):
    """The manifest of a run, written by its first stage: what was run, over which facts, starting from which desk.

    `settings` holds every value in force; `market` names the facts (path and sha256 of a file); `sources` the inputs
    that count for heat (announcement, social, sentiment). `desk` and `exchange` are what an older run on the same
    ledger left; empty for a fresh start. `after_facts` counts the facts that were recorded before it; of those that a
    killed live pipe recorded after them it `repeats` so many. `way_back` is where the last stage of a live pipe hands
    its first one what the account tells.
    """

    OWNER: ClassVar[str] = "run"

    run_id: str
    version: str
    mode: Literal["paper", "live"] = "paper"
    settings_hash: str
    settings: dict[str, Any]
    market: dict[str, Any] = {}
    sources: tuple[str, ...] = ()
    rules_snapshot: str = ""
    platform: str = ""
    seed: int = 0
    ledger_head: str = ""
    start_equity: str = "0"
    desk: dict[str, Any] = {}
    exchange: dict[str, Any] = {}
    after_facts: int = 0
    repeats: int = 0
    way_back: str = ""


class Judged(Record, frozen=True, kw_only=True):
    """Which ledger head a precheck judged with (live only; never compared)."""

    OWNER: ClassVar[str] = "precheck"

    ledger_head: str


class Operator(Record, frozen=True, kw_only=True):
    """An order of the operator, in force from the tick after it: halt or resume."""

    OWNER: ClassVar[str] = "operator"

    action: Literal["halt", "resume"]
    reason: str = ""


class Recording(Record, frozen=True, kw_only=True):
    """A closed chunk of the recording beside the ledger: with its hash in the chain, the facts are proven too."""

    OWNER: ClassVar[str] = "run"

    chunk: str
    sha256: str


class EmergencyClose(Record, frozen=True, kw_only=True):
    """An order of an emergency close, written before it is sent; never compared."""

    OWNER: ClassVar[str] = "run"

    venue: str
    symbol: str
    client_id: str
    intent_key: str
    side: Side
    qty: str


class EmergencyResult(Record, frozen=True, kw_only=True):
    """What came of an emergency close: whether all is flat, and what is left by symbol."""

    OWNER: ClassVar[str] = "run"

    venue: str
    flat: bool
    closed: tuple[str, ...] = ()
    remainder: dict[str, str] = {}


class LiveStep(Record, frozen=True, kw_only=True):
    """A step of the live roll-out begins; `skipped` is the operator's reason where its evidence was not there."""

    OWNER: ClassVar[str] = "run"

    step: int
    skipped: str = ""


class Alert(Record, frozen=True, kw_only=True):
    """Something a person should hear about; never compared."""

    OWNER: ClassVar[str] = "run"

    level: Literal["info", "warning", "error"]
    code: str
    text: str
    symbol: str | None = None


class End(Record, frozen=True, kw_only=True):
    """The trailer of a stream: how many records its writer wrote and how many lines it skipped."""

    OWNER: ClassVar[str] = "run"

    stage: str
    records: int
    skipped: int = 0
    complete: bool = True


class Holding(msgspec.Struct, frozen=True):
    """An open position as a rule sees it: quantity, average entry and value at the last price."""

    symbol: str
    qty: Decimal
    entry_price: Decimal
    value: Decimal


class Standing(NamedTuple):
    """What of a desk does not move with prices: symbols held and reserved, level, state, and entries of the day."""

    held: Set[str]
    reserved: Set[str]
    risk_level: str
    engine_state: EngineState
    engine_reason: str
    day_entries: int


class DeskView(msgspec.Struct, frozen=True):
    """What a rule may look at, at one instant: money in the quote asset, percentages of equity.

    `reserved` is the notional of entries sent or about to be sent and not yet filled, by symbol. `leverages` names the
    symbols that are bought on margin: so many times what an entry takes of the cash.
    """

    at: int
    equity: Decimal
    cash: Decimal
    holdings: dict[str, Holding]
    reserved: dict[str, Decimal]
    drawdown_pct: float
    day_loss_pct: float
    risk_level: str
    engine_state: EngineState
    engine_reason: str
    day_entries: int = 0
    open_orders: dict[str, int] = {}
    leverages: Mapping[str, int] = {}

    def leverage(self, symbol: str) -> int:
        """Gives how many times its margin an entry may be; 1 where all of it is paid."""
        return self.leverages.get(symbol, 1)

    @property
    def standing(self) -> Standing:
        """What of it does not move with prices."""
        return Standing(
            self.holdings.keys(), self.reserved.keys(), self.risk_level, self.engine_state, self.engine_reason,
            self.day_entries,
        )  # fmt: skip

    @property
    def in_use(self) -> Decimal:
        """Capital already at work: holdings at current prices and reservations."""
        total = Decimal(0)
        for symbol in sorted(self.holdings):
            total += self.holdings[symbol].value
        for symbol in sorted(self.reserved):
            total += self.reserved[symbol]
        return total


class Draft(msgspec.Struct, frozen=True):
    """An order that is being judged: what would be sent, before any rule said yes.

    `reference_price` is the price a market order is measured with (average price, else the last).
    """

    symbol: str
    side: Side
    order_type: OrderType
    qty: Decimal
    price: Decimal
    reference_price: Decimal
    heat: float = 0.0
    decided_at: int = 0

    @property
    def notional(self) -> Decimal:
        """Price times quantity, in the quote asset."""
        return self.qty * (self.price if self.order_type == "limit" else self.reference_price)


class No(msgspec.Struct, frozen=True, gc=False):
    """A rule's refusal: its code, the value it looked at and the limit that value broke."""

    code: str
    value: float | str | None = None
    limit: float | str | None = None
