"""The filters of spot symbols, in the order in which the exchange names them."""

from decimal import Decimal

from engine.world.loopback.books.orders import Order
from engine.world.loopback.books.refusals import Refusal, filter_failure
from engine.world.loopback.books.wanted import Wanted, check_digits, on_steps, on_ticks
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.tape import Tape

MARKET_TYPES = ("MARKET", "STOP_LOSS", "TAKE_PROFIT")
ALGO_TYPES = ("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")


def price_of(coin: Instrument, wanted: Wanted, name: str) -> int:
    """Gives a price parameter in ticks, 0 where it was not sent; raises Refusal where PRICE_FILTER says no."""
    price = wanted.number(name)
    if price is None:
        return 0
    check_digits(price)
    filters, ticks = coin.filters, on_ticks(coin, price)
    if not ticks or price < filters.min_price or 0 < filters.max_price < price:
        raise filter_failure("PRICE_FILTER")
    return ticks


def qty_of(coin: Instrument, qty: Decimal, market: bool) -> int:
    """Gives a quantity in steps; raises Refusal where LOT_SIZE or, for market orders, MARKET_LOT_SIZE says no."""
    check_digits(qty)
    filters, steps = coin.filters, on_steps(coin, qty)
    if not steps or qty < filters.min_qty or 0 < filters.max_qty < qty:
        raise filter_failure("LOT_SIZE")
    if market and (
        qty < filters.market_min_qty
        or 0 < filters.market_max_qty < qty
        or (filters.market_step and qty % filters.market_step)
    ):
        raise filter_failure("MARKET_LOT_SIZE")
    return steps


def check_filters(order: Order, tape: Tape) -> None:
    """Refuses an order whose price, notional or company breaks a filter; its own grid was held before."""
    coin, rules = order.coin, order.coin.rules
    average = tape.average(rules.avg_price_mins)
    if order.limit:
        low, high = coin.bounds(average, order.side)
        if order.limit < low or (high and order.limit > high):
            raise filter_failure("PERCENT_PRICE_BY_SIDE")
    market = order.type in MARKET_TYPES
    notional = order.quote_qty_e8 or coin.money(order.limit or order.stop or average, order.steps)
    least, most = coin.filters.min_notional_e8, coin.filters.max_notional_e8
    if (not market or rules.min_notional_market) and notional < least:
        raise filter_failure("NOTIONAL")
    if most and (not market or rules.max_notional_market) and notional > most:
        raise filter_failure("NOTIONAL")
    _check_company(order)


def _check_company(order: Order) -> None:
    rules, symbol, account = order.coin.rules, order.coin.symbol, order.account
    others = [one for one in account.open.values() if one.coin is order.coin or one.coin.symbol == symbol]
    if rules.max_orders and len(others) >= rules.max_orders:
        raise filter_failure("MAX_NUM_ORDERS")
    if order.type in ALGO_TYPES and rules.max_algo_orders:
        algos = sum(one.type in ALGO_TYPES for one in others)
        if algos >= rules.max_algo_orders:
            raise filter_failure("MAX_NUM_ALGO_ORDERS")
    most = order.coin.filters.max_position_e8
    if most and order.side > 0:
        coin = order.coin
        held = account.free.get(coin.base, 0) + account.locked.get(coin.base, 0)
        bought = sum(one.left for one in others if one.side > 0) + order.steps
        if held + bought * coin.step_e8 > most:
            raise filter_failure("MAX_POSITION")


def check_open(coin: Instrument) -> None:
    """Refuses orders of a symbol that does not trade (cancelling stays possible)."""
    if coin.status != "TRADING":
        raise Refusal(-2010, "Market is closed.")
