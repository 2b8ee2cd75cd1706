"""The spot books: accounts, orders and fills by the exchange's rules. Pure: no sockets, and the clock is given."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import count

from engine.matching.fees import Fee, fee_of
from engine.matching.units import E8, e8, part
from engine.world.loopback.books.floor import Floor, Plan
from engine.world.loopback.books.orders import Account, Fees, Fill, Order, OrderList
from engine.world.loopback.books.refusals import Refusal, no_such_order, no_such_pair, rejected, unknown_order
from engine.world.loopback.books.spot_events import account_position, execution_report, list_status
from engine.world.loopback.books.spot_filters import check_filters, check_open
from engine.world.loopback.books.spot_orders import STOPS, compose
from engine.world.loopback.books.spot_stops import is_through, is_touched
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.tape import Print, PublicTrade

_POOR = "Account has insufficient balance for requested action."
_DUPLICATE = "Duplicate order sent."
#: Paying fees in BNB costs a quarter less (Binance's fee page).
_BNB_DISCOUNT = Decimal("0.75")


class SpotBooks:
    """What every account has, ordered and traded on spot."""

    def __init__(self, coins: Iterable[Instrument], now: Callable[[], int], fees: Fees | None = None) -> None:
        """`now` gives venue time in ms."""
        self.now = now
        self.fees = fees if fees is not None else Fees()
        self._rates = {True: part(self.fees.maker), False: part(self.fees.taker)}
        self._rates_in_bnb = {True: part(self.fees.maker * _BNB_DISCOUNT), False: part(self.fees.taker * _BNB_DISCOUNT)}
        self.floor = Floor({coin.symbol: coin for coin in coins}, self, now, no_such_pair)
        self.accounts: dict[str, Account] = {}
        self.waiting: dict[str, list[Order]] = {}
        self.lists: dict[int, OrderList] = {}
        self.hide_ms = 0
        self._order_ids = count(1001)
        self._list_ids = count(1)

    def see(self, seen: Print) -> None:
        """Takes a print of the market: fills what it reaches, sets off the stops that it touches."""
        self.floor.see(seen)
        self._trigger(seen.coin.symbol)

    def compose(self, account: Account, wanted: Wanted, prefix: str = "") -> Order:
        """Reads an order and holds it against the filters; nothing is reserved or matched yet."""
        coin = self.floor.coin(wanted.must("symbol"))
        order = compose(wanted, coin, account, self.now(), lambda: next(self._order_ids), prefix)
        tape = self.floor.tape(coin.symbol)
        check_open(coin)
        if order.quote_qty_e8:
            order.steps = self.floor.plan(order, order.quote_qty_e8).steps
        check_filters(order, tape)
        if order.type in STOPS and is_through(order, tape.last):
            raise rejected("Stop price would trigger immediately.")
        if order.type == "LIMIT_MAKER" and self.floor.crosses(order):
            raise rejected("Order would immediately match and take.")
        return order

    def place(self, account: Account, wanted: Wanted) -> Order:
        """Places an order and gives it, as it stands after matching."""
        order = self.compose(account, wanted)
        self.accept(order)
        self._trigger(order.coin.symbol)
        return order

    def place_pair(self, account: Account, wanted: Wanted) -> OrderList:
        """Places two orders of which one cancels the other (OCO): one above the market, one below."""
        above, below = self.compose(account, wanted, "above"), self.compose(account, wanted, "below")
        pair = OrderList(next(self._list_ids), wanted.text("listClientOrderId") or "", self.now(), [above, below])
        pair.client_id = pair.client_id or f"hotlist{pair.list_id}"
        resting = [order for order in pair.orders if order.type == "LIMIT_MAKER"]
        if any(order.type in ("LIMIT", "MARKET") for order in pair.orders) or len(resting) == 2:
            raise Refusal(-1158, "An order of the list rests on the book at most; the other must be a stop.")
        if above.limit and below.limit and above.limit <= below.limit:
            raise Refusal(-1165, "The relationship of the prices for the orders is not correct.")
        if above.client_id == below.client_id:
            raise rejected(_DUPLICATE)
        for order in pair.orders:
            self._check_id(order)
        # One reservation serves both legs: only one of them can ever be executed.
        holder = resting[0] if resting else above
        self._reserve(holder)
        self.lists[pair.list_id] = pair
        for order in pair.orders:
            order.list_id = pair.list_id
            self._admit(order)
        if resting:
            self.floor.rest(holder)
        account.emit(list_status(pair, self.now()))
        return pair

    def accept(self, order: Order) -> None:
        """Reserves what an order needs, and matches it or puts it where it waits."""
        self._check_id(order)
        if order.type in STOPS:
            self._reserve(order)
            self._admit(order)
            return
        plan = self.floor.plan(order)
        self._reserve(order, plan)
        self._admit(order)
        self._work(order, plan)

    def cancel(self, account: Account, wanted: Wanted) -> Order:
        """Cancels an open order (and with it the other leg of its list); raises Refusal for one that is not open."""
        symbol = self.floor.coin(wanted.must("symbol")).symbol
        order = account.find(symbol, wanted.whole("orderId"), wanted.text("origClientOrderId"))
        if order is None or not order.is_open:
            raise unknown_order()
        only = wanted.text("cancelRestrictions")
        if (only == "ONLY_NEW" and order.done) or (only == "ONLY_PARTIALLY_FILLED" and not order.done):
            raise Refusal(-2011, "Order was not canceled due to cancel restrictions.")
        order.cancel_id = wanted.client_id("newClientOrderId", "spot") or f"hotcancel{order.order_id}"
        self.withdraw(order)
        return order

    def withdraw(self, order: Order) -> None:
        """Takes an open order off the book, and the other leg of its list with it."""
        for one in self._legs(order):
            if one.is_open:
                one.cancel_id = one.cancel_id or order.cancel_id
                self.floor.end(one, "CANCELED", "CANCELED")
        self._end_list(order)

    def cancel_all(self, account: Account, symbol: str) -> list[Order]:
        """Cancels every open order of a symbol; raises Refusal where there is none."""
        orders = account.open_of(self.floor.coin(symbol).symbol)
        if not orders:
            raise unknown_order()
        for order in orders:
            order.cancel_id = f"hotcancel{order.order_id}"
            if order.is_open:
                self.withdraw(order)
        return orders

    def find(self, account: Account, wanted: Wanted) -> Order:
        """Gives the order that a query names; raises Refusal where there is none, or where it is still hidden."""
        symbol = self.floor.coin(wanted.must("symbol")).symbol
        order_id, client_id = wanted.whole("orderId"), wanted.text("origClientOrderId")
        if order_id is None and client_id is None:
            raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        order = account.find(symbol, order_id, client_id)
        if order is None or order.hidden_until > self.now():
            raise no_such_order()
        return order

    def fill(self, order: Order, trade: PublicTrade, money_e8: int, maker: bool) -> None:
        """Books one execution: what was bought, what was paid, and the fee in whatever it is taken in."""
        account, coin = order.account, order.coin
        fee = self._fee(order, trade, maker)
        qty_e8 = trade.steps * coin.step_e8
        paid, paid_e8, got, got_e8 = (
            (coin.quote, money_e8, coin.base, qty_e8) if order.side > 0 else (coin.base, qty_e8, coin.quote, money_e8)
        )
        self._pay(order, paid, paid_e8)
        account.free[got] = account.free.get(got, 0) + got_e8
        fee_e8 = e8(fee.amount, up=True)
        account.free[fee.asset] = account.free.get(fee.asset, 0) - fee_e8
        account.updated_at = trade.at
        done = Fill(
            trade.trade_id, order.order_id, trade.ticks, trade.steps, money_e8, fee_e8, fee.asset, maker, trade.at
        )
        order.fills.append(done)
        if account.listeners:
            account.emit(execution_report(order, "TRADE", trade.at, done))
            account.emit(account_position(account, trade.at, {paid, got, fee.asset}))
        if order.list_id >= 0:
            self._one_of_two(order)

    def ended(self, order: Order, how: str) -> None:
        """Gives back what an order that is over had reserved."""
        account = order.account
        asset = order.coin.quote if order.side > 0 else order.coin.base
        self._unlock(order, asset, order.locked_e8)
        waiting = self.waiting.get(order.coin.symbol)
        if waiting and order in waiting:
            waiting.remove(order)
        if account.listeners:
            account.emit(execution_report(order, how, self.now()))
            account.emit(account_position(account, self.now(), {asset}))

    def _check_id(self, order: Order) -> None:
        """Ids are unique among open orders only."""
        same = order.account.by_client.get((order.coin.symbol, order.client_id))
        if same is not None and same.is_open:
            raise rejected(_DUPLICATE)

    def _admit(self, order: Order) -> None:
        order.account.keep(order)
        order.account.open[order.order_id] = order
        order.hidden_until = self.now() + self.hide_ms if self.hide_ms else 0
        if order.type in STOPS:
            order.trail_best = 0
            self.waiting.setdefault(order.coin.symbol, []).append(order)
        else:
            order.working_at = order.at
        if order.account.listeners:
            order.account.emit(execution_report(order, "NEW", self.now()))
            asset = order.coin.quote if order.side > 0 else order.coin.base
            order.account.emit(account_position(order.account, self.now(), {asset}))

    def _work(self, order: Order, plan: Plan) -> None:
        """Matches an order against the book, and rests or ends what is left by its time in force."""
        if order.tif == "FOK" and plan.steps < order.steps:
            self.floor.end(order, "EXPIRED", "EXPIRED", "UNFILLED_FOK_ORDER_EXPIRED")
            return
        self.floor.take(order, plan)
        if not order.is_open:
            return
        if plan.stopped:
            self.floor.end(order, "EXPIRED_IN_MATCH", "TRADE_PREVENTION")
        elif not order.limit:
            self.floor.end(order, "EXPIRED", "EXPIRED", "INSUFFICIENT_LIQUIDITY")
        elif order.tif != "GTC":
            self.floor.end(order, "EXPIRED", "EXPIRED", "UNFILLED_IOC_QUANTITY_EXPIRED")
        else:
            self.floor.rest(order)

    def _reserve(self, order: Order, plan: Plan | None = None) -> None:
        """Locks what an order can cost; a market order is paid as it goes, but must be payable as a whole.

        `plan` is what happens to an order that is to be matched now.
        """
        account, coin = order.account, order.coin
        at_market = not order.limit and plan is not None
        asset = coin.base if order.side < 0 else coin.quote
        if order.side < 0:
            need = order.steps * coin.step_e8
        elif plan is not None and at_market:
            need = sum([coin.money(one.ticks, one.steps, up=True) for one in plan.matches])
        else:
            ticks = order.limit or order.stop or self.floor.tapes[coin.symbol].last
            need = coin.money(ticks, order.steps, up=True)
        if account.free.get(asset, 0) < need:
            raise rejected(_POOR)
        if not at_market:
            account.free[asset] -= need
            account.locked[asset] = account.locked.get(asset, 0) + need
            order.locked_e8 = need

    def _pay(self, order: Order, asset: str, cost_e8: int) -> None:
        """Takes a payment from what the order has reserved, or from what is free, and gives back the rest."""
        account = order.account
        if not order.locked_e8:
            account.free[asset] = account.free.get(asset, 0) - cost_e8
            return
        if order.side < 0:
            still = order.left * order.coin.step_e8
        else:
            still = order.coin.money(order.limit, order.left, up=True) if order.limit else 0
        still = min(still, order.locked_e8)
        self._unlock(order, asset, order.locked_e8 - still)
        account.free[asset] -= cost_e8

    def _unlock(self, order: Order, asset: str, units: int) -> None:
        account = order.account
        if units:
            account.locked[asset] -= units
            account.free[asset] = account.free.get(asset, 0) + units
            order.locked_e8 -= units

    def _fee(self, order: Order, trade: PublicTrade, maker: bool) -> Fee:
        """Gives the fee of an execution: in what it brings in, or in BNB where the account wants that and has it."""
        coin, account = order.coin, order.account
        bnb = self.floor.tapes.get("BNBUSDT") if account.burns else None
        if bnb is not None and bnb.last:
            price = Decimal(bnb.last * bnb.coin.tick_e8) / E8
            fee = _fee_in("BNB", coin, order.side, trade, self._rates_in_bnb[maker], price)
            if e8(fee.amount, up=True) <= account.free.get("BNB", 0):
                return fee
        return _fee_in("received", coin, order.side, trade, self._rates[maker], None)

    def _trigger(self, symbol: str) -> None:
        for order in tuple(self.waiting.get(symbol, ())):
            if order.is_open and is_touched(order, self.floor.tapes[symbol].last):
                self._set_off(order)

    def _set_off(self, order: Order) -> None:
        self.waiting[order.coin.symbol].remove(order)
        order.working_at = self.now()
        for other in self._legs(order):
            if other is not order and other.is_open:
                self.floor.end(other, "EXPIRED", "EXPIRED", "OCO_TRIGGER")
        self._unlock(order, order.coin.quote if order.side > 0 else order.coin.base, order.locked_e8)
        plan = self.floor.plan(order)
        try:
            self._reserve(order, plan)
        except Refusal:
            self.floor.end(order, "EXPIRED", "EXPIRED", "REJECTED")
            self._end_list(order)
            return
        if order.account.listeners:
            order.account.emit(execution_report(order, "NEW", self.now()))
        self._work(order, plan)
        self._end_list(order)

    def _legs(self, order: Order) -> list[Order]:
        pair = self.lists.get(order.list_id)
        return pair.orders if pair is not None else [order]

    def _one_of_two(self, order: Order) -> None:
        """The first execution of a leg ends the other one."""
        for other in self._legs(order):
            if other is not order and other.is_open:
                self.floor.end(other, "EXPIRED", "EXPIRED", "OCO_TRIGGER")
        self._end_list(order)

    def _end_list(self, order: Order) -> None:
        pair = self.lists.get(order.list_id)
        if pair is not None and pair.is_open and not any(one.is_open for one in pair.orders):
            pair.status = "ALL_DONE"
            order.account.emit(list_status(pair, self.now()))


def _fee_in(asset: str, coin: Instrument, side: int, trade: PublicTrade, rate: int, asset_price: Decimal | None) -> Fee:
    return fee_of(
        coin.scale, side, trade.ticks, trade.steps, rate, fee_in=asset, base=coin.base, quote=coin.quote,
        asset_price=asset_price,
    )  # fmt: skip
