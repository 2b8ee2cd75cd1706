"""The books of USDT-M perpetuals: positions, margin, funding and liquidation. Pure: no sockets, the clock is given."""

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import count

from engine.matching.fees import fee_of
from engine.matching.units import PART, ceil_div, e8, part
from engine.world.loopback.books.floor import Floor
from engine.world.loopback.books.orders import Fees, Fill, Order
from engine.world.loopback.books.perp_events import account_update, order_update
from engine.world.loopback.books.perp_margin import Position, most_notional
from engine.world.loopback.books.perp_orders import Trader, check_filters, compose, market_limit, price_of, qty_of
from engine.world.loopback.books.perp_wallets import Wallets, trader_of
from engine.world.loopback.books.refusals import Refusal, no_such_order, unknown_order
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.tape import MINUTE, Print, PublicTrade

KEPT_FUNDING = 100_000
FUNDING_MS = 8 * 60 * MINUTE
_WOULD_TAKE = "Due to the order could not be executed as maker, the Post Only order will be rejected."
_NOT_FILLABLE = (
    "Due to the order could not be filled immediately, the FOK order has been rejected. The order will not be recorded "
    "in the order history"
)
#: Binance's first fee tier of USDT-M futures.
PERP_FEES = Fees(Decimal("0.0002"), Decimal("0.0005"))


class PerpBooks:
    """What every account has, ordered and traded in perpetuals."""

    def __init__(self, coins: Iterable[Instrument], now: Callable[[], int], fees: Fees = PERP_FEES) -> None:
        """`now` gives venue time in ms."""
        self.now, self.fees = now, fees
        self.floor = Floor({coin.symbol: coin for coin in coins}, self, now)
        self.wallets = Wallets(self.floor.tapes)
        self.traders: dict[str, Trader] = {}
        self.rates: dict[str, Decimal] = {}
        self.funded: deque[tuple[int, str, Decimal, int]] = deque(maxlen=KEPT_FUNDING)
        self.on_end: list[Callable[[Order], None]] = []
        self.on_liquidation: list[Callable[[Order], None]] = []
        self.hide_ms = 0
        self._funded_at = now() // FUNDING_MS
        self._order_ids = count(8_000_001)
        self._transfer_ids = count(1)

    def see(self, seen: Print) -> None:
        """Takes a print of the market: fills what it reaches, and liquidates whom it ruins."""
        self.fund()
        self.floor.see(seen)
        symbol = seen.coin.symbol
        for order in tuple(self.floor.resting.get(symbol, ())):
            if order.good_till and order.good_till <= self.now():
                self.floor.end(order, "EXPIRED", "EXPIRED")
        for trader in tuple(self.traders.values()):
            if any(position.coin.symbol == symbol for position in trader.held()):
                self._watch(trader)

    def place(self, trader: Trader, wanted: Wanted) -> Order:
        """Places an order and gives it, as it stands after matching."""
        order = self.compose(trader, wanted)
        self.accept(order)
        return order

    def compose(self, trader: Trader, wanted: Wanted) -> Order:
        """Reads an order and holds it against the filters."""
        coin = self.floor.coin(wanted.must("symbol"))
        order = compose(wanted, coin, trader, self.now(), lambda: next(self._order_ids))
        check_filters(order, self.floor.tape(coin.symbol))
        return order

    def new_order_id(self) -> int:
        """Gives the number of the next order."""
        return next(self._order_ids)

    def accept(self, order: Order) -> None:
        """Holds an order against margin and position, matches it, and rests or ends what is left of it."""
        self._check(order)
        plan = self.floor.plan(order, worst=market_limit(order, self.floor.tapes[order.coin.symbol]))
        if order.tif == "FOK" and plan.steps < order.steps:
            raise Refusal(-5021, _NOT_FILLABLE)
        self._admit(order)
        self.floor.take(order, plan)
        if not order.is_open:
            return
        if plan.stopped:
            self.floor.end(order, "EXPIRED_IN_MATCH", "EXPIRED")
        elif not order.limit or order.tif in ("IOC", "FOK"):
            self.floor.end(order, "EXPIRED", "EXPIRED")
        else:
            self.floor.rest(order)

    def cancel(self, trader: Trader, wanted: Wanted) -> Order:
        """Cancels an open order; raises Refusal for one that is not open."""
        order = self._named(trader, wanted)
        if order is None or not order.is_open:
            raise unknown_order()
        self.floor.end(order, "CANCELED", "CANCELED")
        return order

    def amend(self, trader: Trader, wanted: Wanted) -> Order:
        """Changes price and quantity of an open limit order, which loses its place in the queue."""
        order = self._named(trader, wanted)
        if order is None or not order.is_open:
            raise no_such_order()
        limit, steps = price_of(order.coin, wanted, "price"), qty_of(order.coin, wanted, market=False)
        if (limit or order.limit, steps) == (order.limit, order.steps):
            raise Refusal(-5027, "No need to modify the order.")
        if steps <= order.done:
            self.floor.end(order, "CANCELED", "CANCELED")
            return order
        self.floor.resting[order.coin.symbol].remove(order)
        order.limit, order.steps, order.updated_at = limit or order.limit, steps, self.now()
        if order.account.listeners:
            order.account.emit(order_update(order, "AMENDMENT", self.now()))
        self.floor.take(order, self.floor.plan(order))
        if order.is_open:
            self.floor.rest(order)
        return order

    def cancel_all(self, trader: Trader, symbol: str) -> None:
        """Cancels every open order of a symbol; conditional orders stay."""
        for order in trader.open_of(self.floor.coin(symbol).symbol):
            self.floor.end(order, "CANCELED", "CANCELED")

    def find(self, trader: Trader, wanted: Wanted) -> Order:
        """Gives the order that a query names; raises Refusal where there is none, or where it is still hidden."""
        order = self._named(trader, wanted)
        if order is None or order.hidden_until > self.now():
            raise no_such_order()
        return order

    def fund(self) -> None:
        """Pays funding where an interval has ended: longs pay shorts a positive rate, on the mark price."""
        interval = self.now() // FUNDING_MS
        if interval <= self._funded_at:
            return
        self._funded_at = interval
        at = interval * FUNDING_MS
        for symbol, tape in self.floor.tapes.items():
            rate = self.rates.get(symbol, Decimal("0.0001"))
            self.funded.append((at, symbol, rate, tape.mark))
            for trader in self.traders.values():
                for position in trader.held():
                    if position.coin.symbol == symbol:
                        self._pay_funding(trader, position, rate)

    def count_down(self) -> None:
        """Cancels the open orders of a symbol whose dead man's switch has run out; conditional ones stay."""
        for trader in self.traders.values():
            for symbol, at in tuple(trader.countdowns.items()):
                if at <= self.now():
                    del trader.countdowns[symbol]
                    self.cancel_all(trader, symbol)

    def liquidate(self, trader: Trader, position: Position, prefix: str = "autoclose-") -> None:
        """Takes a position away at its bankruptcy price: an isolated one costs its whole margin."""
        coin, side = position.coin, -position.side
        for order in trader.open_of(coin.symbol):
            self.floor.end(order, "CANCELED", "CANCELED")
        isolated = coin.symbol in trader.isolated
        ticks = self._bankruptcy(position) if isolated else self.wallets.mark(coin)
        order_id = self.new_order_id()
        order = Order(
            order_id=order_id, client_id=f"{prefix}{order_id}", account=trader, coin=coin, side=side, type="LIMIT",
            tif="IOC", steps=abs(position.steps), limit=ticks, at=self.now(), orig_type="LIQUIDATION",
            position_side=position.side_name, reduce_only=True,
        )  # fmt: skip
        trader.keep(order)
        lost = position.wallet_e8
        before = trader.wallet_e8
        trade = self.floor.tapes[coin.symbol].trade(self.now(), ticks, order.steps, side)
        money = coin.money(ticks, order.steps)
        order.done, order.quote_e8, order.status, order.updated_at = order.steps, money, "FILLED", trade.at
        self.fill(order, trade, money, maker=False, forced=True)
        left_over = before - lost - trader.wallet_e8  # by the price's grid
        if isolated and left_over:
            self._earn(trader, "INSURANCE_CLEAR", left_over, coin.symbol)
        self._clear_debt(trader, coin.symbol)
        for listener in self.on_liquidation:
            listener(order)

    def fill(self, order: Order, trade: PublicTrade, money_e8: int, maker: bool, forced: bool = False) -> None:
        """Books one execution: the position, the profit it closes, the fee."""
        trader, coin = trader_of(order), order.coin
        position = trader.position(coin, order.position_side)
        rate = part(self.fees.maker if maker else self.fees.taker) if not forced else 0
        fee = fee_of(
            coin.scale, order.side, trade.ticks, trade.steps, rate, fee_in="quote", base=coin.base, quote=coin.quote
        )
        fee_e8 = e8(fee.amount, up=True)
        realized = self._move(trader, position, order.side, trade.ticks, trade.steps)
        position.updated_at = trade.at
        done = Fill(
            trade.trade_id, order.order_id, trade.ticks, trade.steps, money_e8, fee_e8, coin.quote, maker, trade.at,
            realized,
        )  # fmt: skip
        order.fills.append(done)
        if realized:
            self._earn(trader, "REALIZED_PNL", realized, coin.symbol, trade.trade_id)
        if fee_e8:
            self._earn(trader, "COMMISSION", -fee_e8, coin.symbol, trade.trade_id)
        if not forced:
            self._clear_debt(trader, coin.symbol)
        if trader.listeners:
            trader.emit(account_update(self, trader, "ORDER", [position], 0))
            trader.emit(order_update(order, "CALCULATED" if forced else "TRADE", trade.at, done))
        self._shrink(trader, position)
        if not order.is_open:
            self._over(order)

    def ended(self, order: Order, how: str) -> None:
        """Tells that an order is over; a perpetual's order has nothing locked to give back."""
        if order.account.listeners:
            order.account.emit(order_update(order, how, self.now()))
        self._over(order)

    def _named(self, trader: Trader, wanted: Wanted) -> Order | None:
        symbol = self.floor.coin(wanted.must("symbol")).symbol
        order_id, client_id = wanted.whole("orderId"), wanted.text("origClientOrderId")
        if order_id is None and client_id is None:
            raise Refusal(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        return trader.find(symbol, order_id, client_id)

    def _check(self, order: Order) -> None:
        trader = trader_of(order)
        same = trader.by_client.get((order.coin.symbol, order.client_id))
        if same is not None and same.is_open:
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        if trader.dual and (order.side > 0) != (order.position_side == "LONG"):
            order.reduce_only = True  # what closes a side of a hedge can do nothing else
        reducible = self.wallets.reducible(order)
        if order.coin.status != "TRADING" and not (order.reduce_only and reducible):
            raise Refusal(-4140, "Invalid symbol status for opening position.")
        if order.reduce_only and (not reducible or (trader.dual and order.steps > reducible)):
            raise Refusal(-2022, "ReduceOnly Order is rejected.")
        if order.tif == "GTX" and self.floor.crosses(order):
            raise Refusal(-5022, _WOULD_TAKE)
        if order.reduce_only:
            order.steps = min(order.steps, reducible)
        self._check_margin(order, reducible)

    def _check_margin(self, order: Order, reducible: int) -> None:
        opening = 0 if order.reduce_only else max(0, order.steps - reducible)
        if not opening:
            return
        trader, coin = trader_of(order), order.coin
        tape = self.floor.tapes[coin.symbol]
        ticks = order.limit or (tape.ask if order.side > 0 else tape.bid)
        notional, leverage = coin.money(ticks, opening), trader.leverage(coin.symbol)
        fee = ceil_div(notional * part(self.fees.taker), PART)
        if ceil_div(notional, leverage) + fee > self.wallets.available(trader):
            raise Refusal(-2019, "Margin is insufficient.")
        held = trader.position(coin, order.position_side).notional(tape.mark) if not reducible else 0
        if held + notional > most_notional(leverage):
            raise Refusal(-2027, "Exceeded the maximum allowable position at current leverage.")

    def _admit(self, order: Order) -> None:
        order.account.keep(order)
        order.account.open[order.order_id] = order
        order.hidden_until = self.now() + self.hide_ms if self.hide_ms else 0
        if order.account.listeners:
            order.account.emit(order_update(order, "NEW", self.now()))

    def _move(self, trader: Trader, position: Position, side: int, ticks: int, steps: int) -> int:
        """Moves a position by an execution and gives the profit that it closes."""
        coin, realized = position.coin, 0
        isolated = coin.symbol in trader.isolated
        if position.side == -side:
            closing = min(steps, abs(position.steps))
            share = position.cost_e8 * closing // abs(position.steps)
            realized = position.side * (coin.money(ticks, closing) - share)
            position.wallet_e8 -= position.wallet_e8 * closing // abs(position.steps)
            position.cost_e8 -= share
            position.steps += side * closing
            position.realized_e8 += realized
            steps -= closing
        if steps:
            money = coin.money(ticks, steps)
            position.steps += side * steps
            position.cost_e8 += money
            if isolated:
                position.wallet_e8 += ceil_div(money, trader.leverage(coin.symbol))
        return realized

    def _earn(self, trader: Trader, kind: str, units: int, symbol: str, trade_id: int | None = None) -> None:
        trader.wallet_e8 += units
        trader.income.append(
            {"symbol": symbol, "incomeType": kind, "income": units, "asset": "USDT", "info": kind, "time": self.now(),
             "tranId": next(self._transfer_ids), "tradeId": str(trade_id or "")}
        )  # fmt: skip

    def _pay_funding(self, trader: Trader, position: Position, rate: Decimal) -> None:
        notional = position.notional(self.wallets.mark(position.coin))
        payment = -position.side * int(notional * rate)
        self._earn(trader, "FUNDING_FEE", payment, position.coin.symbol)
        isolated = position.coin.symbol in trader.isolated
        if isolated:
            position.wallet_e8 += payment
        trader.emit(account_update(self, trader, "FUNDING_FEE", [position] if isolated else [], payment))

    def _watch(self, trader: Trader) -> None:
        """Liquidates what its margin no longer bears: an isolated position alone, the cross ones together."""
        crossed = []
        for position in trader.held():
            if position.coin.symbol not in trader.isolated:
                crossed.append(position)
            elif position.wallet_e8 + self.wallets.paper_profit(position) <= self.wallets.needs(position):
                self.liquidate(trader, position)
        if crossed:
            equity = self.wallets.cross_wallet(trader) + sum(self.wallets.paper_profit(one) for one in crossed)
            if equity <= sum(self.wallets.needs(one) for one in crossed):
                for position in crossed:
                    self.liquidate(trader, position)

    def _clear_debt(self, trader: Trader, symbol: str) -> None:
        """The insurance fund pays what an account without cross positions cannot."""
        crossed = any(position.coin.symbol not in trader.isolated for position in trader.held())
        debt = -self.wallets.cross_wallet(trader)
        if debt > 0 and not crossed:
            self._earn(trader, "INSURANCE_CLEAR", debt, symbol)

    def _bankruptcy(self, position: Position) -> int:
        """The price in ticks at which the margin is just gone, on the side that does not leave a debt."""
        coin = position.coin
        value = position.cost_e8 - position.side * position.wallet_e8
        ticks = coin.average(max(value, 0), abs(position.steps)) // coin.tick_e8
        return max(1, ticks + (1 if position.side > 0 else 0))

    def _shrink(self, trader: Trader, position: Position) -> None:
        """Orders that only reduce never do more: they get smaller with the position, and end with it."""
        for order in trader.open_of(position.coin.symbol):
            if not order.reduce_only or order.position_side != position.side_name:
                continue
            room = abs(position.steps) if position.side == -order.side else 0
            if not room:
                self.floor.end(order, "EXPIRED", "EXPIRED")
            elif order.left > room:
                order.steps = order.done + room

    def _over(self, order: Order) -> None:
        for listener in self.on_end:
            listener(order)
