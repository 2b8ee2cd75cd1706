"""An exchange on paper: working orders matched against the facts that pass, a pure fold without clock or chance."""

from decimal import Decimal
from typing import Literal, Protocol

import msgspec

from engine.errors import BadRecord
from engine.matching.bracket import worsened
from engine.matching.events import Accepted, Ended, Event, Executed, Rejected, VenueOrder
from engine.matching.fees import Fee, fee_of
from engine.matching.fills import bearable, limit_filled
from engine.matching.units import PART, Scale, ceil_div, from_e8, part
from engine.records.base import Record
from engine.records.bounds import Amount, Bps, Fraction, Milliseconds, Rate, Seconds, check_asset
from engine.records.market import Bar, BookTop, SymbolRules, Ticker, Trade, amount, check_price, check_rules, price

MINUTES_A_DAY = 1440
Price = Bar | Ticker | BookTop | Trade


class PaperSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How paper fills.

    `taker_fee_rate`: fee of an order that takes, a fraction. `maker_fee_rate`: fee of one that rested on the book.
    `fee_in`: what fees are paid in: quote, received (as spot exchanges charge), or an asset's name. `fee_asset_price`:
    what a unit of that asset costs in quote. `bar_spread_bps`: the spread taken where only bars are known.
    `slippage_bps`: how much worse a market order fills. `participation`: the share of a bar's volume that one order may
    be. `latency_ms`: from decision to exchange. `market_ttl_s`: a market order that finds no liquidity ends after this.
    `limit_fill`: through (price must trade past a resting limit) or touch (optimistic).
    """

    taker_fee_rate: Rate = 0.001
    maker_fee_rate: Rate = 0.001
    fee_in: str = "quote"
    fee_asset_price: Amount = 0.0
    bar_spread_bps: Bps = 5.0
    slippage_bps: Bps = 5.0
    participation: Fraction = 0.1
    latency_ms: Milliseconds = 0
    market_ttl_s: Seconds = 300
    limit_fill: Literal["through", "touch"] = "through"

    def __post_init__(self) -> None:
        """Raises ValueError for fees in what is no asset: they would be paid in nothing."""
        check_asset("fee_in", self.fee_in, ("quote", "received"))


class Working(msgspec.Struct, kw_only=True):
    """An order on the book: what is left of it, in steps, and how many executions it had.

    `rested` says that a fact passed since it came, so that it waits on the book and is hit at its own price.
    """

    order: VenueOrder
    left: int
    executions: int = 0
    rested: bool = False


class Liquidity(msgspec.Struct, kw_only=True):
    """What the last fact of a symbol can still bear: steps left on either side, and when it was."""

    at: int
    venue_at: int
    buy: int
    sell: int


class ExchangeState(msgspec.Struct, kw_only=True):
    """Everything a paper exchange remembers: rules, working orders, each symbol's last fact and what is left of it.

    `closed_at` is when each symbol's last bar closed.
    """

    rules: dict[str, SymbolRules] = {}
    working: dict[str, list[Working]] = {}
    last: dict[str, Price] = {}
    liquidity: dict[str, Liquidity] = {}
    closed_at: dict[str, int] = {}


class Account(Protocol):
    """Whose orders they are, as an exchange knows it. Money in 1e-8 quote."""

    def affords(self, symbol: str, notional_e8: int, fee_e8: int) -> bool:
        """Says whether a buy can be paid."""
        ...

    def owes_e8(self, symbol: str, qty: Decimal) -> int:
        """Gives what is owed for coins that are held: a venue liquidates before they bring less."""
        ...


class PaperExchange:
    """Takes orders, sees facts, and answers with events."""

    def __init__(
        self, settings: PaperSettings, state: ExchangeState | None = None, account: Account | None = None
    ) -> None:
        """Starts empty, or where `state` left off.

        A buy that `account` cannot pay expires, and no sale brings less than what it owes. Without one all is paid, and
        nothing owed.
        """
        self.settings = settings
        self.account = account
        self.state = state if state is not None else ExchangeState()
        self._half_spread = part(Decimal(str(settings.bar_spread_bps)) / 20_000)
        self._slippage = part(Decimal(str(settings.slippage_bps)) / 10_000)
        self._participation = part(settings.participation)
        self._fees = {"taker": part(settings.taker_fee_rate), "maker": part(settings.maker_fee_rate)}
        self._scales: dict[str, Scale] = {}

    def scale(self, symbol: str) -> Scale:
        """Gives the grid of a symbol whose rules have been seen; raises KeyError otherwise."""
        scale = self._scales.get(symbol)
        if scale is None:
            rules = self.state.rules[symbol]
            scale = self._scales[symbol] = Scale.of(rules.tick, rules.step)
        return scale

    def send(self, order: VenueOrder) -> list[Event]:
        """Takes an order. One with `at_price` is filled at once, as far as the fact in hand can bear it."""
        if order.symbol not in self.state.rules:
            return [Rejected(order.client_id, "UNKNOWN_SYMBOL")]
        left = self.scale(order.symbol).steps(order.qty)
        if left <= 0:
            return [Rejected(order.client_id, "ZERO_QTY")]
        working = Working(order=order, left=left, rested=order.resting)
        self.state.working.setdefault(order.symbol, []).append(working)
        events: list[Event] = [Accepted(order.client_id)]
        if order.at_price is not None and order.symbol in self.state.last:
            events += self._fill_at(working, order.at_price, self._liquidity(order.symbol))
        self._sweep(order.symbol)
        return events

    def recall(self, order: VenueOrder) -> list[Event]:
        """Takes an order that was sent in an earlier life of the run: on paper it is played again."""
        return self.send(order)

    def refuse(self, order: VenueOrder, code: str) -> list[Event]:
        """Says of an order that may not be sent that it is rejected."""
        return [Rejected(order.client_id, code)]

    def cancel(self, client_id: str) -> list[Event]:
        """Takes an order off the book; an order that is not there is no event."""
        for symbol, orders in self.state.working.items():
            for working in orders:
                if working.order.client_id == client_id:
                    working.left = 0
                    self._sweep(symbol)
                    return [Ended(client_id, "cancelled")]
        return []

    def see(self, fact: Record) -> list[Event]:
        """Takes a fact and gives what it does to the orders of its symbol. Facts that make no sense do nothing."""
        try:
            if isinstance(fact, SymbolRules):
                return self._new_rules(fact)
            if isinstance(fact, Price):
                check_price(fact)
                if self.pass_by(fact) and fact.symbol in self.state.working and fact.symbol in self.state.rules:
                    return self._see(fact)
        except BadRecord:
            pass
        return []

    def pass_by(self, fact: Price) -> bool:
        """Takes the last of several facts of a symbol, which `check_price` believes; says whether it is news.

        A bar whose span was seen trades nothing: its volume was borne before.
        """
        state, symbol = self.state, fact.symbol
        if isinstance(fact, Bar):
            if fact.open_at < state.closed_at.get(symbol, 0):
                return False
            state.closed_at[symbol] = fact.open_at + 1000 * fact.step_s
        state.last[symbol] = fact
        state.liquidity.pop(symbol, None)
        return True

    def _new_rules(self, rules: SymbolRules) -> list[Event]:
        check_rules(rules)
        symbol = rules.symbol
        before = self.scale(symbol) if symbol in self.state.working else None
        self.state.rules[symbol] = rules
        self._scales.pop(symbol, None)
        self.state.liquidity.pop(symbol, None)
        if before is None:
            return []
        events: list[Event] = []
        for working in self.state.working[symbol]:
            working.left = self.scale(symbol).steps(before.qty(working.left))
            if working.left == 0:  # what remains is less than the new step: nobody may wait for it for ever
                events.append(Ended(working.order.client_id, "expired", "STEP_SIZE"))
        self._sweep(symbol)
        return events

    def _see(self, fact: Price) -> list[Event]:
        scale, liquidity = self.scale(fact.symbol), self._liquidity(fact.symbol)
        if isinstance(fact, Bar):
            return self._match_bar(fact, scale, liquidity)
        if isinstance(fact, BookTop):
            bid, ask = scale.ticks(fact.bid, up=False), scale.ticks(fact.ask, up=True)
        elif isinstance(fact, Ticker):
            bid, ask = self._quotes(scale, fact)
        else:
            bid, ask = self._around(scale, fact.price)
        return self._match_quotes(fact.symbol, scale, liquidity, bid, ask)

    def _liquidity(self, symbol: str) -> Liquidity:
        liquidity = self.state.liquidity.get(symbol)
        if liquidity is None:
            liquidity = self.state.liquidity[symbol] = self._borne_by(self.state.last[symbol], self.scale(symbol))
        return liquidity

    def _borne_by(self, fact: Price, scale: Scale) -> Liquidity:
        if isinstance(fact, BookTop):
            buy, sell = scale.steps(fact.ask_qty), scale.steps(fact.bid_qty)
            return Liquidity(at=fact.at, venue_at=fact.at, buy=buy, sell=sell)
        venue_at = fact.at
        if isinstance(fact, Bar):
            venue_at, traded = fact.open_at, fact.volume
        elif isinstance(fact, Ticker):
            # A ticker shows no sizes: it bears a share of an average minute of its last 24 hours.
            day = amount(fact.volume_24h) or amount(fact.quote_volume_24h) / price(fact.last)
            traded = f"{day / MINUTES_A_DAY:.8f}"
        else:
            traded = fact.qty
        room = bearable(scale.steps(traded), self._participation)
        return Liquidity(at=fact.at, venue_at=venue_at, buy=room, sell=room)

    def _match_bar(self, bar: Bar, scale: Scale, liquidity: Liquidity) -> list[Event]:
        events: list[Event] = []
        for working in self.state.working[bar.symbol]:
            if not self._arrived(working, bar.open_at):
                continue
            side = 1 if working.order.side == "buy" else -1
            crossing = worsened(scale.ticks(bar.open, up=side > 0), side, self._half_spread + self._slippage)
            limit = self._limit(working, scale)
            low, high = scale.ticks(bar.low, up=True), scale.ticks(bar.high, up=False)
            opens_past = limit is not None and side * (limit - crossing) >= 0
            if limit is None or (opens_past and not working.rested):
                events += self._execute(working, crossing, liquidity, "taker")
            elif opens_past or limit_filled(side, limit, low, high, self.settings.limit_fill):
                events += self._execute(working, limit, liquidity, "maker")
            working.rested = limit is not None
            events += self._expire(working, bar.at)
        self._sweep(bar.symbol)
        return events

    def _match_quotes(self, symbol: str, scale: Scale, liquidity: Liquidity, bid: int, ask: int) -> list[Event]:
        events: list[Event] = []
        for working in self.state.working[symbol]:
            if not self._arrived(working, liquidity.at):
                continue
            side = 1 if working.order.side == "buy" else -1
            quote = ask if side > 0 else bid
            limit = self._limit(working, scale)
            if limit is None:
                events += self._execute(working, worsened(quote, side, self._slippage), liquidity, "taker")
            elif side * (limit - quote) >= 0:
                # What rested on the book is hit at its own price; what has just come takes the better one.
                if working.rested:
                    events += self._execute(working, limit, liquidity, "maker")
                else:
                    events += self._execute(working, quote, liquidity, "taker")
            working.rested = limit is not None
            events += self._expire(working, liquidity.at)
        self._sweep(symbol)
        return events

    def _quotes(self, scale: Scale, ticker: Ticker) -> tuple[int, int]:
        if ticker.bid is not None and ticker.ask is not None:
            return scale.ticks(ticker.bid, up=False), scale.ticks(ticker.ask, up=True)
        return self._around(scale, ticker.last)

    def _around(self, scale: Scale, last: str) -> tuple[int, int]:
        bid = worsened(scale.ticks(last, up=False), -1, self._half_spread)
        return bid, worsened(scale.ticks(last, up=True), 1, self._half_spread)

    def _fill_at(self, working: Working, at_price: Decimal, liquidity: Liquidity) -> list[Event]:
        order = working.order
        scale = self.scale(order.symbol)
        buying = order.side == "buy"
        ticks = scale.ticks(at_price, up=buying)
        if order.liquidates:
            # A mark price may tell it, long after the last trade.
            venue_at = liquidity.venue_at if liquidity.at == order.sent_at else order.sent_at
            whole = Liquidity(at=order.sent_at, venue_at=venue_at, buy=working.left, sell=working.left)
            return self._execute(working, ticks, whole, "taker")
        if not order.resting:
            ticks = worsened(ticks, 1 if buying else -1, self._half_spread + self._slippage)
        return self._execute(working, ticks, liquidity, "maker" if order.resting else "taker")

    def _execute(
        self, working: Working, ticks: int, liquidity: Liquidity, role: Literal["maker", "taker"]
    ) -> list[Event]:
        order, symbol = working.order, working.order.symbol
        buying = order.side == "buy"
        ticks = max(ticks, 1)
        steps = min(working.left, liquidity.buy if buying else liquidity.sell)
        if steps <= 0:
            return []
        if buying and not self._affordable(symbol, ticks, steps, role):
            working.left = 0
            return [Ended(order.client_id, "expired", "INSUFFICIENT_BALANCE")]
        if buying:
            liquidity.buy -= steps
        else:
            liquidity.sell -= steps
        working.left -= steps
        working.executions += 1
        events: list[Event] = [self._executed(working, symbol, ticks, steps, liquidity.venue_at, role)]
        if working.left == 0:
            events.append(Ended(order.client_id, "filled"))
        return events

    def _affordable(self, symbol: str, ticks: int, steps: int, role: Literal["maker", "taker"]) -> bool:
        if self.account is None:
            return True
        notional = self.scale(symbol).money(ticks, steps, up=True)
        return self.account.affords(symbol, notional, ceil_div(notional * self._fees[role], PART))

    def _executed(
        self, working: Working, symbol: str, ticks: int, steps: int, venue_at: int, role: Literal["maker", "taker"]
    ) -> Executed:
        order, rules, scale = working.order, self.state.rules[symbol], self.scale(symbol)
        buying = order.side == "buy"
        owed = self.account.owes_e8(symbol, scale.qty(steps)) if self.account is not None and not buying else 0
        if owed > 0:
            ticks = max(ticks, scale.least_price(owed, steps))
        asset_price = Decimal(str(self.settings.fee_asset_price)) or None
        fee = fee_of(
            scale, 1 if buying else -1, ticks, steps, self._fees[role], fee_in=self.settings.fee_in,
            base=rules.base, quote=rules.quote, asset_price=asset_price,
        )  # fmt: skip
        left = scale.money(ticks, steps, up=False) - owed
        if order.liquidates or (owed > 0 and fee.quote_e8 > left):
            fee = Fee(from_e8(left), rules.quote, left, Decimal(0))
        return Executed(
            client_id=order.client_id, trade_id=f"{order.client_id}-{working.executions}", venue_at=venue_at,
            qty=scale.qty(steps), price=scale.price(ticks), notional=from_e8(scale.money(ticks, steps, up=buying)),
            fee=fee.amount, fee_asset=fee.asset, fee_quote=from_e8(fee.quote_e8), fee_base=fee.of_base,
            liquidity=role, ambiguous=order.ambiguous,
        )  # fmt: skip

    def _arrived(self, working: Working, at: int) -> bool:
        return working.left > 0 and at >= working.order.sent_at + self.settings.latency_ms

    def _limit(self, working: Working, scale: Scale) -> int | None:
        order = working.order
        if order.order_type == "market" or order.limit_price is None:
            return None
        return scale.ticks(order.limit_price, up=order.side == "sell")

    def _expire(self, working: Working, at: int) -> list[Event]:
        order = working.order
        if working.left == 0 or order.order_type != "market":
            return []
        if at < order.sent_at + self.settings.market_ttl_s * 1000:
            return []
        working.left = 0
        return [Ended(order.client_id, "expired", "INSUFFICIENT_LIQUIDITY")]

    def _sweep(self, symbol: str) -> None:
        left = [working for working in self.state.working.get(symbol, ()) if working.left > 0]
        if left:
            self.state.working[symbol] = left
        else:
            self.state.working.pop(symbol, None)
