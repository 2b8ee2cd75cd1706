"""The algo service: conditional orders of perpetuals, with ids of their own, that become orders when they trigger."""

from decimal import Decimal
from itertools import count

from engine.matching.units import PART, part
from engine.world.loopback.books.algo_order import AlgoOrder
from engine.world.loopback.books.orders import Order
from engine.world.loopback.books.perp import PerpBooks
from engine.world.loopback.books.perp_algo_events import algo_update
from engine.world.loopback.books.perp_orders import TIMES, Trader, position_side, price_of, qty_of, side_of
from engine.world.loopback.books.refusals import Refusal, missing, no_such_order, unknown_order
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.market.instruments import ALGO_TYPES, Instrument
from engine.world.loopback.market.tape import Print

MAX_OPEN = 200
_PROTECT = part(Decimal("0.05"))


class AlgoBooks:
    """The conditional orders of every account."""

    def __init__(self, books: PerpBooks) -> None:
        """Watches the market of these books."""
        self.books = books
        self.orders: dict[int, AlgoOrder] = {}
        self._open: dict[str, list[AlgoOrder]] = {}
        self._ids = count(2_000_001)
        books.on_end.append(self._order_over)

    def see(self, seen: Print) -> None:
        """Sets off what the last or the mark price has reached."""
        symbol = seen.coin.symbol
        tape = self.books.floor.tapes[symbol]
        for algo in tuple(self._open.get(symbol, ())):
            price = tape.mark if algo.by_mark else tape.last
            if algo.is_open and self._is_touched(algo, price):
                far = abs(tape.mark - tape.last) * PART > tape.mark * _PROTECT
                if not (algo.protect and far):
                    self._set_off(algo)

    def place(self, trader: Trader, wanted: Wanted) -> AlgoOrder:
        """Places a conditional order. Margin and position are looked at only when it triggers."""
        wanted.one_of("algoType", ("CONDITIONAL",), -1130, "Data sent for parameter 'algoType' is not valid.")
        coin = self.books.floor.coin(wanted.must("symbol"))
        algo = self._compose(trader, coin, wanted)
        mine = [one for ones in self._open.values() for one in ones if one.trader is trader]
        if any(one.client_id == algo.client_id for one in mine):
            raise Refusal(-4116, "ClientOrderId is duplicated.")
        if len(mine) >= MAX_OPEN:
            raise Refusal(-4045, "Reach max stop order limit.")
        if algo.close_position and any(
            one.close_position and one.coin is coin and one.side == algo.side and one.type == algo.type for one in mine
        ):
            text = "An open stop or take profit order with GTE and closePosition in the direction is existing."
            raise Refusal(-4130, text)
        tape = self.books.floor.tape(coin.symbol)
        price = tape.mark if algo.by_mark else tape.last
        if algo.callback:
            if algo.activate and algo.side * (algo.activate - price) >= 0:
                raise Refusal(-2021, "Order would immediately trigger.")
        elif self._is_touched(algo, price):
            raise Refusal(-2021, "Order would immediately trigger.")
        self.orders[algo.algo_id] = algo
        self._open.setdefault(coin.symbol, []).append(algo)
        self._tell(algo)
        return algo

    def cancel(self, trader: Trader, wanted: Wanted) -> AlgoOrder:
        """Cancels a conditional order that has not triggered."""
        algo = self._named(trader, wanted)
        if algo is None or not algo.is_open:
            raise unknown_order()
        self._end(algo, "CANCELED")
        return algo

    def cancel_all(self, trader: Trader, symbol: str) -> None:
        """Cancels every conditional order of a symbol."""
        for algo in self.open_of(trader, self.books.floor.coin(symbol).symbol):
            self._end(algo, "CANCELED")

    def find(self, trader: Trader, wanted: Wanted) -> AlgoOrder:
        """Gives the conditional order that a query names."""
        algo = self._named(trader, wanted)
        if algo is None:
            raise no_such_order()
        return algo

    def open_of(self, trader: Trader, symbol: str | None) -> list[AlgoOrder]:
        """Gives the open conditional orders of a symbol, or all."""
        lists = [self._open.get(symbol, [])] if symbol is not None else list(self._open.values())
        return [one for ones in lists for one in ones if one.trader is trader]

    def all_of(self, trader: Trader, symbol: str) -> list[AlgoOrder]:
        """Gives every conditional order of a symbol there ever was."""
        return [one for one in self.orders.values() if one.trader is trader and one.coin.symbol == symbol]

    def _compose(self, trader: Trader, coin: Instrument, wanted: Wanted) -> AlgoOrder:
        kind = wanted.one_of("type", ALGO_TYPES, -1116, "Invalid orderType.")
        close = wanted.flag("closePosition")
        if close and wanted.text("quantity"):
            raise Refusal(-4137, "Quantity must be zero with closePosition equals true.")
        if close and wanted.text("reduceOnly"):
            raise Refusal(-4138, "Reduce only must be true or not sent with closePosition.")
        if close and kind not in ("STOP_MARKET", "TAKE_PROFIT_MARKET"):
            raise Refusal(-4136, "Target strategy invalid for orderType with closePosition.")
        if not close and wanted.text("quantity") is None:
            raise missing("quantity")
        limited = kind in ("STOP", "TAKE_PROFIT")
        if limited:
            wanted.must("price")
        trailing = kind == "TRAILING_STOP_MARKET"
        if not trailing:
            wanted.must("triggerPrice")
        number = next(self._ids)
        algo = AlgoOrder(
            algo_id=number, client_id=wanted.client_id("clientAlgoId", "usdm") or f"hotalgo{number}", trader=trader,
            coin=coin, side=side_of(wanted), type=kind,
            tif=wanted.one_of("timeInForce", (*TIMES, "GTE_GTC"), -1115, "Invalid timeInForce.", "GTC"),
            steps=0 if close else qty_of(coin, wanted, not limited),
            limit=price_of(coin, wanted, "price") if limited else 0,
            trigger=0 if trailing else price_of(coin, wanted, "triggerPrice"), at=self.books.now(),
            position_side=position_side(wanted, trader), reduce_only=wanted.flag("reduceOnly"), close_position=close,
            by_mark=_by_mark(wanted), protect=wanted.flag("priceProtect"), updated_at=self.books.now(),
        )  # fmt: skip
        if trailing:
            rate = wanted.number("callbackRate")
            if rate is None or not Decimal("0.1") <= rate <= 20:
                raise Refusal(-2007, "Invalid callBack rate.")
            algo.callback = part(rate / 100)
            algo.activate = price_of(coin, wanted, "activatePrice")
        return algo

    def _is_touched(self, algo: AlgoOrder, price: int) -> bool:
        if not algo.callback:
            return price >= algo.trigger if algo.rises else price <= algo.trigger
        if not algo.best:
            if algo.activate and algo.side * (algo.activate - price) < 0:
                return False
            algo.best = price
        algo.best = min(algo.best, price) if algo.side > 0 else max(algo.best, price)
        return algo.side * (price - algo.best) * PART >= algo.best * algo.callback

    def _set_off(self, algo: AlgoOrder) -> None:
        """Makes an order of a conditional one; it may be refused only now, and then the position is naked."""
        trader, coin = algo.trader, algo.coin
        algo.status, algo.triggered_at = "TRIGGERING", self.books.now()
        algo.updated_at = algo.triggered_at
        self._open[coin.symbol].remove(algo)
        self._tell(algo)
        steps = abs(trader.position(coin, algo.position_side).steps) if algo.close_position else algo.steps
        order_id = self.books.new_order_id()
        order = Order(
            order_id=order_id, client_id=algo.client_id, account=trader, coin=coin, side=algo.side,
            type="LIMIT" if algo.limit else "MARKET", tif="GTC" if algo.tif == "GTE_GTC" else algo.tif, steps=steps,
            limit=algo.limit, stop=algo.trigger, at=self.books.now(), updated_at=self.books.now(),
            orig_type=algo.type, position_side=algo.position_side, close_position=algo.close_position,
            reduce_only=not trader.dual and (algo.reduce_only or algo.close_position), algo_id=algo.algo_id,
        )  # fmt: skip
        algo.order = order
        try:
            if not steps:
                raise Refusal(-2022, "ReduceOnly Order is rejected.")
            algo.status = "TRIGGERED"
            self.books.accept(order)
        except Refusal as refusal:
            algo.status, algo.refused, algo.order = "REJECTED", refusal.text, None
        if algo.status == "TRIGGERED" or algo.status == "REJECTED":
            self._tell(algo)

    def _order_over(self, order: Order) -> None:
        algo = self.orders.get(order.algo_id)
        if algo is not None and algo.status == "TRIGGERED":
            self._tell(algo)
            algo.status, algo.updated_at = "FINISHED", self.books.now()
            self._tell(algo)

    def _end(self, algo: AlgoOrder, status: str) -> None:
        algo.status, algo.updated_at = status, self.books.now()
        self._open[algo.coin.symbol].remove(algo)
        self._tell(algo)

    def _named(self, trader: Trader, wanted: Wanted) -> AlgoOrder | None:
        number, name = wanted.whole("algoId"), wanted.text("clientAlgoId")
        if number is None and name is None:
            raise Refusal(-1102, "Param 'algoId' or 'clientAlgoId' must be sent, but both were empty/null!")
        if number is not None:
            algo = self.orders.get(number)
            return algo if algo is not None and algo.trader is trader else None
        mine = [one for one in self.orders.values() if one.trader is trader and one.client_id == name]
        return mine[-1] if mine else None

    def _tell(self, algo: AlgoOrder) -> None:
        if algo.trader.listeners:
            algo.trader.emit(algo_update(algo, self.books.now()))


def _by_mark(wanted: Wanted) -> bool:
    kinds = ("CONTRACT_PRICE", "MARK_PRICE")
    return wanted.one_of("workingType", kinds, -1130, "Invalid workingType.", "CONTRACT_PRICE") == "MARK_PRICE"
