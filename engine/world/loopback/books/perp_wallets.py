"""What is behind positions: wallets, margin that is bound, and what is left to open more with."""

from engine.matching.units import ceil_div
from engine.world.loopback.books.orders import Order
from engine.world.loopback.books.perp_margin import Position, maintenance
from engine.world.loopback.books.perp_orders import Trader
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.tape import Tape


class Wallets:
    """Looks at accounts of perpetuals at the mark prices of the moment; changes nothing."""

    def __init__(self, tapes: dict[str, Tape]) -> None:
        """Marks by these tapes."""
        self._tapes = tapes

    def mark(self, coin: Instrument) -> int:
        """Gives a mark price in ticks."""
        return self._tapes[coin.symbol].mark

    def paper_profit(self, position: Position) -> int:
        """Gives a position's profit at the mark price."""
        return position.paper_profit(self.mark(position.coin))

    def initial(self, trader: Trader, position: Position) -> int:
        """Gives the initial margin that a position takes at the mark price."""
        return ceil_div(position.notional(self.mark(position.coin)), trader.leverage(position.coin.symbol))

    def order_margin(self, trader: Trader, symbol: str | None = None) -> int:
        """Gives the initial margin that open orders hold back; orders that only reduce hold nothing."""
        total = 0
        for order in trader.open_of(symbol):
            opening = order.left if order.reduce_only else max(0, order.left - self.reducible(order))
            if opening and not order.reduce_only:
                total += ceil_div(order.coin.money(order.limit, opening), trader.leverage(order.coin.symbol))
        return total

    def cross_wallet(self, trader: Trader) -> int:
        """Gives what of the wallet is in no isolated position."""
        return trader.wallet_e8 - sum(position.wallet_e8 for position in trader.held())

    def cross_profit(self, trader: Trader) -> int:
        """Gives the profit on paper of cross positions."""
        return sum(self.paper_profit(one) for one in trader.held() if one.coin.symbol not in trader.isolated)

    def available(self, trader: Trader) -> int:
        """Gives what is free to open positions with."""
        crossed = [one for one in trader.held() if one.coin.symbol not in trader.isolated]
        used = sum(self.initial(trader, one) for one in crossed) + self.order_margin(trader)
        return max(0, self.cross_wallet(trader) + self.cross_profit(trader) - used)

    def wallet_behind(self, trader: Trader, position: Position) -> int:
        """Gives the wallet that bears a position: its own, or the cross wallet less what the others need."""
        if position.coin.symbol in trader.isolated:
            return position.wallet_e8
        others = [one for one in trader.held() if one is not position and one.coin.symbol not in trader.isolated]
        needs = sum(maintenance(one.notional(self.mark(one.coin))) - self.paper_profit(one) for one in others)
        return self.cross_wallet(trader) - needs

    def reducible(self, order: Order) -> int:
        """Gives how many steps of a position this order's side could close."""
        position = trader_of(order).position(order.coin, order.position_side)
        return abs(position.steps) if position.side == -order.side else 0

    def needs(self, position: Position) -> int:
        return maintenance(position.notional(self.mark(position.coin)))


def trader_of(order: Order) -> Trader:
    """Gives whose order it is."""
    assert isinstance(order.account, Trader)
    return order.account
