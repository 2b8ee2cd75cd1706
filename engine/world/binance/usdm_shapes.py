"""Futures orders, positions and income: tickets that go out and answers that come back. Money is Decimal."""

from decimal import Decimal

from msgspec import field

from engine.records.base import Moment
from engine.world.binance.shape import Shape, Ticket


class UsdmTicket(Ticket, frozen=True, kw_only=True):
    """A market or limit order as it is asked for; conditional ones are `AlgoTicket`s.

    `position_side` is LONG or SHORT in hedge mode; `reduce_only` belongs to one-way mode.
    """

    symbol: str
    side: str
    type: str
    new_client_order_id: str
    quantity: Decimal
    position_side: str | None = None
    time_in_force: str | None = None
    price: Decimal | None = None
    reduce_only: bool | None = None
    self_trade_prevention_mode: str | None = None
    good_till_date: int | None = None
    new_order_resp_type: str = "RESULT"


class AlgoTicket(Ticket, frozen=True, kw_only=True):
    """A conditional order: STOP, STOP_MARKET, TAKE_PROFIT, TAKE_PROFIT_MARKET or TRAILING_STOP_MARKET.

    `close_position` closes whatever is held, without quantity and `reduce_only`; `callback_rate` is in percent.
    """

    symbol: str
    side: str
    type: str
    client_algo_id: str
    algo_type: str = "CONDITIONAL"
    position_side: str | None = None
    time_in_force: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    working_type: str | None = None
    price_protect: bool | None = None
    close_position: bool | None = None
    reduce_only: bool | None = None
    activate_price: Decimal | None = None
    callback_rate: Decimal | None = None


class UsdmOrder(Shape, frozen=True, kw_only=True):
    """An order as the exchange tells it; what is None was not told.

    Since July 2026 the answers to placing and cancelling tell neither average price nor quote: query the order.
    """

    symbol: str
    order_id: int
    client_order_id: str
    status: str
    orig_qty: Decimal
    executed_qty: Decimal
    side: str
    type: str
    price: Decimal
    avg_price: Decimal | None = None
    cum_quote: Decimal | None = None
    time_in_force: str | None = None
    position_side: str | None = None
    reduce_only: bool | None = None
    close_position: bool | None = None
    orig_type: str | None = None
    stop_price: Decimal | None = None
    time: Moment | None = None
    update_time: Moment | None = None

    def is_about(self, client_id: str) -> bool:
        """Says whether it speaks of the order with this id."""
        return client_id == self.client_order_id

    @property
    def average(self) -> Decimal | None:
        """The average price of what was executed; None while there is none, or where it is not told."""
        return self.avg_price or None


class AlgoOrder(Shape, frozen=True, kw_only=True):
    """A conditional order; once it triggered, `actual_order_id` is the order that it became ("" before)."""

    algo_id: int
    client_algo_id: str
    symbol: str
    side: str
    order_type: str
    algo_status: str
    position_side: str | None = None
    time_in_force: str | None = None
    quantity: Decimal | None = None
    trigger_price: Decimal | None = None
    price: Decimal | None = None
    working_type: str | None = None
    close_position: bool | None = None
    reduce_only: bool | None = None
    actual_order_id: str | int | None = None
    actual_price: Decimal | None = None
    actual_qty: Decimal | None = None
    create_time: Moment | None = None
    update_time: Moment | None = None
    trigger_time: Moment | None = None

    def is_about(self, client_id: str) -> bool:
        """Says whether it speaks of the order with this id."""
        return client_id == self.client_algo_id


class AlgoCancelled(Shape, frozen=True, kw_only=True):
    """The answer to cancelling a conditional order."""

    algo_id: int
    client_algo_id: str

    def is_about(self, client_id: str) -> bool:
        """Says whether it speaks of the order with this id."""
        return client_id == self.client_algo_id


class Done(Shape, frozen=True, kw_only=True):
    """A yes without content: code 200."""

    code: int
    msg: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError for any other code."""
        if self.code != 200:
            raise ValueError(f"code {self.code} is no yes")


class Position(Shape, frozen=True, kw_only=True):
    """A position: `position_amt` is signed. Only symbols with a position or open orders are told."""

    symbol: str
    position_side: str
    position_amt: Decimal
    entry_price: Decimal
    mark_price: Decimal
    un_realized_profit: Decimal = field(name="unRealizedProfit")
    liquidation_price: Decimal
    notional: Decimal
    isolated_wallet: Decimal = Decimal(0)
    break_even_price: Decimal | None = None
    margin_asset: str | None = None
    update_time: Moment | None = None


class UsdmBalance(Shape, frozen=True, kw_only=True):
    """An asset in the futures wallet."""

    asset: str
    balance: Decimal
    cross_wallet_balance: Decimal
    cross_un_pnl: Decimal
    available_balance: Decimal
    update_time: Moment | None = None


class UsdmSums(Shape, frozen=True, kw_only=True):
    """The futures account in sums, in USD."""

    total_wallet_balance: Decimal
    total_unrealized_profit: Decimal
    total_margin_balance: Decimal
    total_initial_margin: Decimal
    total_maint_margin: Decimal
    available_balance: Decimal


class AccountConfig(Shape, frozen=True, kw_only=True):
    """How the account trades; `dual_side_position` is hedge mode."""

    can_trade: bool
    dual_side_position: bool
    multi_assets_margin: bool
    fee_tier: int | None = None


class SymbolConfig(Shape, frozen=True, kw_only=True):
    """A symbol's leverage and margin type (CROSSED or ISOLATED) for this account."""

    symbol: str
    margin_type: str
    leverage: int


class LeverageSet(Shape, frozen=True, kw_only=True):
    """The leverage that holds now."""

    symbol: str
    leverage: int


class Bracket(Shape, frozen=True, kw_only=True):
    """The leverage and maintenance margin of positions between two values, in the quote asset."""

    bracket: int
    initial_leverage: int
    notional_floor: Decimal
    notional_cap: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal = Decimal(0)


class Brackets(Shape, frozen=True, kw_only=True):
    """A symbol's leverage brackets."""

    symbol: str
    brackets: list[Bracket]


class UsdmTrade(Shape, frozen=True, kw_only=True):
    """One execution of ours; it carries no client id, so it is joined by `order_id`."""

    symbol: str
    id: int
    order_id: int
    side: str
    price: Decimal
    qty: Decimal
    quote_qty: Decimal
    realized_pnl: Decimal
    commission: Decimal
    commission_asset: str
    time: Moment
    position_side: str
    buyer: bool
    maker: bool


class Income(Shape, frozen=True, kw_only=True):
    """Money that came or went: FUNDING_FEE, REALIZED_PNL, COMMISSION and others; `income` is signed."""

    income_type: str
    income: Decimal
    asset: str
    time: Moment
    tran_id: int
    symbol: str = ""
    info: str = ""
    trade_id: str | int = ""


class UsdmFees(Shape, frozen=True, kw_only=True):
    """A symbol's fees for this account, as fractions."""

    symbol: str
    maker_commission_rate: Decimal
    taker_commission_rate: Decimal


class PositionMode(Shape, frozen=True, kw_only=True):
    """Whether long and short are held apart (hedge mode)."""

    dual_side_position: bool


class Countdown(Shape, frozen=True, kw_only=True):
    """The dead-man switch: in so many ms all orders of the symbol are cancelled; 0 is off."""

    symbol: str
    countdown_time: Moment


class ListenKey(Shape, frozen=True, kw_only=True):
    """The name of the account's private stream: a secret."""

    listen_key: str
