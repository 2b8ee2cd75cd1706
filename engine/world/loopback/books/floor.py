"""The trading floor: orders that come in against what the market and other accounts offer, and those that rest."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from engine.matching.fills import limit_filled
from engine.world.loopback.books.orders import Order
from engine.world.loopback.books.refusals import Refusal, bad_symbol
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.tape import Print, PublicTrade, Tape

#: Later than anything that happens, ms.
NEVER = 1 << 62


class Match(NamedTuple):
    """A part of an order that meets somebody: the market (`maker` None) or a resting order.

    No steps means that the maker is the taker's own and expires instead of trading with itself.
    """

    ticks: int
    steps: int
    maker: Order | None


class Plan(NamedTuple):
    """What would happen to an order now; `stopped` says that self-trade prevention ends the taker there."""

    matches: list[Match]
    stopped: bool = False

    @property
    def steps(self) -> int:
        """How much of it would be executed."""
        return sum(match.steps for match in self.matches)


class Settles(Protocol):
    """Who moves the money when the floor has matched."""

    def fill(self, order: Order, trade: PublicTrade, money_e8: int, maker: bool) -> None:
        """Books one execution; `order.done` and `order.quote_e8` already hold it."""
        ...

    def ended(self, order: Order, how: str) -> None:
        """Gives back what an order that is over had reserved; `how` is the exchange's word for the event."""
        ...


class Floor:
    """The tapes of a market, and the orders that rest beside them."""

    def __init__(
        self, coins: dict[str, Instrument], settles: Settles, now: Callable[[], int],
        no_such: Callable[[str], Refusal] = lambda symbol: bad_symbol(),
    ) -> None:  # fmt: skip
        """`now` gives venue time in ms, `no_such` what is said to a symbol that is not listed."""
        self.coins, self._no_such = coins, no_such
        self.tapes = {symbol: Tape(coin) for symbol, coin in coins.items()}
        self.resting: dict[str, list[Order]] = {}
        self.on_trade: list[Callable[[Tape, PublicTrade], None]] = []
        self.now = now
        #: When the next thing happens on the market; until it has, no candle that it may belong to is over.
        self.due_at = NEVER
        self._settles = settles

    def coin(self, symbol: str) -> Instrument:
        """Gives an instrument; raises Refusal for a symbol that is not listed."""
        coin = self.coins.get(symbol)
        if coin is None:
            raise self._no_such(symbol)
        return coin

    def listed(self, symbol: str | None) -> str | None:
        """Gives a symbol that may be named back; raises Refusal for one that is not listed."""
        return symbol if symbol is None else self.coin(symbol).symbol

    def tape(self, symbol: str) -> Tape:
        """Gives a symbol's market; raises Refusal for one that is not listed or has no price yet."""
        tape = self.tapes.get(symbol)
        if tape is None or tape.last == 0:
            raise self._no_such(symbol)
        return tape

    def list_coin(self, coin: Instrument) -> None:
        """Lists a symbol that is not listed yet."""
        if coin.symbol not in self.coins:
            self.coins[coin.symbol] = coin
            self.tapes[coin.symbol] = Tape(coin)

    def plan(self, order: Order, money_e8: int = 0, worst: int = 0) -> Plan:
        """Gives what an order would meet, best price first.

        `money_e8` bounds what it spends instead of its steps; `worst` is the last price for one without a limit.
        """
        matches: list[Match] = []
        left, limit, side = order.left, order.limit or worst, order.side
        for ticks, steps, maker in self._offers(order.coin.symbol, side):
            if limit and side * (ticks - limit) > 0:
                break
            if maker is not None and maker.account is order.account and order.stp != "NONE":
                if order.stp != "EXPIRE_TAKER":
                    matches.append(Match(ticks, 0, maker))
                if order.stp != "EXPIRE_MAKER":
                    return Plan(matches, stopped=True)
                continue
            if money_e8:
                left = _steps_for(order.coin, money_e8, ticks)
            taken = min(left, steps)
            if taken <= 0:
                break
            matches.append(Match(ticks, taken, maker))
            left -= taken
            if money_e8:
                money_e8 -= order.coin.money(ticks, taken, up=True)
                if money_e8 <= 0 or taken < steps:
                    break
            elif not left:
                break  # who is next is not met: an own order there goes on resting
        return Plan(matches)

    def crosses(self, order: Order) -> bool:
        """Says whether a limit order would trade at once."""
        best = next(self._offers(order.coin.symbol, order.side), None)
        return best is not None and order.side * (best[0] - order.limit) <= 0

    def take(self, order: Order, plan: Plan) -> None:
        """Carries out a plan."""
        tape = self.tapes[order.coin.symbol]
        for match in plan.matches:
            if match.steps == 0 and match.maker is not None:
                self.end(match.maker, "EXPIRED_IN_MATCH", "TRADE_PREVENTION")
                continue
            steps = min(match.steps, order.left, match.maker.left if match.maker is not None else match.steps)
            if not steps or not order.is_open or (match.maker is not None and not match.maker.is_open):
                continue  # an execution before it ended or shrank one of the two
            trade = self._trade(tape, match.ticks, steps, order.side)
            if match.maker is None:
                tape.take(order.side, steps)
            else:
                self._fill(match.maker, trade, maker=True)
            self._fill(order, trade, maker=False)

    def rest(self, order: Order) -> None:
        """Puts an order on the book."""
        self.resting.setdefault(order.coin.symbol, []).append(order)
        self.tapes[order.coin.symbol].update_id += 1

    def end(self, order: Order, status: str, how: str, reason: str = "") -> None:
        """Ends an order that is not filled; what was executed stays executed."""
        order.status, order.reason, order.updated_at = status, reason, self.now()
        self._leave(order)
        self._settles.ended(order, how)

    def see(self, seen: Print) -> None:
        """Takes a print of the market and fills the resting orders that it reaches, best price first."""
        tape = self.tapes[seen.coin.symbol]
        trade = tape.see(seen)
        if trade is not None:
            for listener in self.on_trade:
                listener(tape, trade)
        resting = self.resting.get(seen.coin.symbol)
        if resting:
            for order in sorted(resting, key=_priority):
                if order.is_open:
                    self._reach(order, tape, seen)

    def depth(self, symbol: str, limit: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Gives bids and asks, best first, the resting orders among them."""
        sides = []
        for side in (-1, 1):
            levels: dict[int, int] = {}
            for ticks, steps, _ in self._offers(symbol, side):
                if len(levels) == limit and ticks not in levels:
                    break
                levels[ticks] = levels.get(ticks, 0) + steps
            sides.append(list(levels.items()))
        return sides[0], sides[1]

    def _reach(self, order: Order, tape: Tape, seen: Print) -> None:
        # The market came to the order: it is hit at its own price, with what the market brings to that price.
        brought = 0
        for ticks, steps in tape.offers(order.side):
            if order.side * (ticks - order.limit) > 0:
                break
            brought += steps
        if not brought and limit_filled(order.side, order.limit, seen.ticks, seen.ticks):
            brought = seen.steps
        if brought:
            steps = min(brought, order.left)
            tape.take(order.side, steps)
            self._fill(order, self._trade(tape, order.limit, steps, -order.side), maker=True)

    def _offers(self, symbol: str, side: int) -> Iterator[tuple[int, int, Order | None]]:
        """What a taker of `side` meets: resting orders of accounts stand before the market at the same price."""
        resting = self.resting.get(symbol)
        if not resting:
            for ticks, steps in self.tapes[symbol].offers(side):
                yield ticks, steps, None
            return
        others = [one for one in resting if one.side == -side]
        others.sort(key=_priority, reverse=True)
        for ticks, steps in self.tapes[symbol].offers(side):
            while others and side * (others[-1].limit - ticks) <= 0:
                maker = others.pop()
                yield maker.limit, maker.left, maker
            yield ticks, steps, None
        while others:
            maker = others.pop()
            yield maker.limit, maker.left, maker

    def _trade(self, tape: Tape, ticks: int, steps: int, side: int) -> PublicTrade:
        trade = tape.trade(self.now(), ticks, steps, side)
        for listener in self.on_trade:
            listener(tape, trade)
        return trade

    def _fill(self, order: Order, trade: PublicTrade, maker: bool) -> None:
        money = order.coin.money(trade.ticks, trade.steps, up=order.side > 0)
        order.done += trade.steps
        order.quote_e8 += money
        order.updated_at = trade.at
        order.status = "FILLED" if order.left == 0 else "PARTIALLY_FILLED"
        if order.left == 0:
            self._leave(order)
        self._settles.fill(order, trade, money, maker)

    def _leave(self, order: Order) -> None:
        order.account.open.pop(order.order_id, None)
        resting = self.resting.get(order.coin.symbol)
        if resting and order in resting:
            resting.remove(order)
            self.tapes[order.coin.symbol].update_id += 1


def _priority(order: Order) -> tuple[int, int]:
    """Best price first, then who came first."""
    return -order.side * order.limit, order.order_id


def _steps_for(coin: Instrument, money_e8: int, ticks: int) -> int:
    scale = coin.scale
    return money_e8 * scale.worth_den // (ticks * scale.worth_num)
