"""Spot orders, trades and balances: tickets that go out and answers that come back. Money is Decimal."""

from decimal import Decimal

from engine.records.base import Moment
from engine.world.binance.shape import Shape, Ticket


class SpotTicket(Ticket, frozen=True, kw_only=True):
    """An order as it is asked for. Which fields a type needs stands in the exchange's manual; FULL tells the fills."""

    symbol: str
    side: str
    type: str
    new_client_order_id: str
    time_in_force: str | None = None
    quantity: Decimal | None = None
    quote_order_qty: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    trailing_delta: int | None = None
    self_trade_prevention_mode: str | None = None
    new_order_resp_type: str = "FULL"


class OcoTicket(Ticket, frozen=True, kw_only=True):
    """Two orders of which one cancels the other. Selling: `above` takes profit, `below` is the stop."""

    symbol: str
    side: str
    quantity: Decimal
    list_client_order_id: str
    above_type: str
    above_client_order_id: str
    below_type: str
    below_client_order_id: str
    above_price: Decimal | None = None
    above_stop_price: Decimal | None = None
    above_time_in_force: str | None = None
    below_price: Decimal | None = None
    below_stop_price: Decimal | None = None
    below_time_in_force: str | None = None
    self_trade_prevention_mode: str | None = None
    new_order_resp_type: str = "RESULT"


class SpotFill(Shape, frozen=True, kw_only=True):
    """One execution inside an order's answer."""

    price: Decimal
    qty: Decimal
    commission: Decimal
    commission_asset: str
    trade_id: int | None = None


class SpotOrder(Shape, frozen=True, kw_only=True):
    """An order as the exchange tells it. After an ACK only ids are there; what is None was not told.

    In the answer to a cancel `client_order_id` is the cancel's own, `orig_client_order_id` the order's.
    """

    symbol: str
    order_id: int
    client_order_id: str
    order_list_id: int = -1
    orig_client_order_id: str | None = None
    transact_time: Moment | None = None
    time: Moment | None = None
    update_time: Moment | None = None
    status: str | None = None
    side: str | None = None
    type: str | None = None
    time_in_force: str | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    orig_qty: Decimal | None = None
    orig_quote_order_qty: Decimal | None = None
    executed_qty: Decimal | None = None
    cummulative_quote_qty: Decimal | None = None
    is_working: bool | None = None
    expiry_reason: str | None = None
    fills: list[SpotFill] | None = None

    def is_about(self, client_id: str) -> bool:
        """Says whether it speaks of the order with this id."""
        return client_id == (self.orig_client_order_id or self.client_order_id)

    @property
    def average(self) -> Decimal | None:
        """The average price of what was executed; None while there is none, or where it is not told."""
        quote, done = self.cummulative_quote_qty, self.executed_qty
        return quote / done if quote and done and quote > 0 else None


class ListedOrder(Shape, frozen=True, kw_only=True):
    """An order of a list, by its ids."""

    symbol: str
    order_id: int
    client_order_id: str


class OrderList(Shape, frozen=True, kw_only=True):
    """Orders that belong together."""

    order_list_id: int
    list_client_order_id: str
    contingency_type: str
    list_status_type: str
    list_order_status: str
    symbol: str
    transaction_time: Moment
    orders: list[ListedOrder]
    order_reports: list[SpotOrder] = []

    def is_about(self, client_id: str) -> bool:
        """Says whether it speaks of the list with this id."""
        return client_id == self.list_client_order_id


class Cancelled(SpotOrder, frozen=True, kw_only=True):
    """What answers a cancel: the order, or the list that it was in and that went with it."""

    order_id: int = 0
    client_order_id: str = ""
    order_reports: list[SpotOrder] = []

    def is_about(self, client_id: str) -> bool:
        """Says whether it speaks of the order with this id."""
        return super().is_about(client_id) or any(one.is_about(client_id) for one in self.order_reports)

    def of(self, client_id: str) -> SpotOrder:
        """Gives the order with this id."""
        return next((one for one in self.order_reports if one.is_about(client_id)), self)


class SpotTrade(Shape, frozen=True, kw_only=True):
    """One execution of ours. The fee is in its own asset: a buy pays in what it bought, or in BNB."""

    symbol: str
    id: int
    order_id: int
    price: Decimal
    qty: Decimal
    quote_qty: Decimal
    commission: Decimal
    commission_asset: str
    time: Moment
    is_buyer: bool
    is_maker: bool


class Balance(Shape, frozen=True, kw_only=True):
    """An asset: what is free, and what open orders lock."""

    asset: str
    free: Decimal
    locked: Decimal


class FeeRates(Shape, frozen=True, kw_only=True):
    """Fees, as fractions."""

    maker: Decimal
    taker: Decimal


class SpotAccount(Shape, frozen=True, kw_only=True):
    """The account: what it may do, and its balances."""

    can_trade: bool
    can_withdraw: bool
    balances: list[Balance]
    update_time: Moment | None = None
    account_type: str | None = None
    commission_rates: FeeRates | None = None


class Discount(Shape, frozen=True, kw_only=True):
    """The discount for fees paid in another asset."""

    enabled_for_account: bool
    enabled_for_symbol: bool
    discount_asset: str
    discount: Decimal


class SpotFees(Shape, frozen=True, kw_only=True):
    """A symbol's fees for this account; tax comes on top."""

    symbol: str
    standard_commission: FeeRates
    tax_commission: FeeRates
    discount: Discount


class KeyRights(Shape, frozen=True, kw_only=True):
    """What a key may do."""

    enable_withdrawals: bool
    enable_reading: bool
    enable_spot_and_margin_trading: bool
    enable_futures: bool
    ip_restrict: bool = False
    enable_internal_transfer: bool = False
    permits_universal_transfer: bool = False
