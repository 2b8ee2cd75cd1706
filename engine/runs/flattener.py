"""The emergency close: cancels every order and closes every position of an account, again until it is flat.

It needs no daemon and no lease, waits for no budget, and never crosses zero: futures are closed by orders that may only
reduce, and of coins no more is sold than is claimed. What is sent is written down first.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from engine.errors import HotError
from engine.matching.events import VenueOrder
from engine.matching.units import plain
from engine.records.desk import EmergencyClose, EmergencyResult
from engine.records.ids import flatten_id, intent_key
from engine.records.market import SymbolRules
from engine.records.trades import Side
from engine.runs.claims import Claim
from engine.runs.emergency_journal import Journal
from engine.stages.size import floor_to, step_of
from engine.world.account.account import Account, HeldNews, OrderNews
from engine.world.binance.trouble import Doubtful, NotSent, Rejected, Sort

THREADS = 24
ROUND_S = 0.1
#: A refused sale that asks for less than the exchange trades is tried so often; then what is left is dust.
DUST_TRIES = 2
STRATEGY = "flatten"


class Flat(NamedTuple):
    """What came of it: whether nothing is left, what was closed, what is left, and what is too small to sell."""

    flat: bool
    closed: Sequence[str]
    remainder: Mapping[str, Decimal]
    dust: Mapping[str, Decimal]


class Flattener:
    """Closes an account, round by round."""

    def __init__(
        self, account: Account, journal: Journal, rules: Mapping[str, SymbolRules], claim: Claim,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:  # fmt: skip
        """`claim` says what is closed; `rules` may lack some symbols: their quantities go out as they are held."""
        self._account, self._journal, self._rules, self._claim = account, journal, rules, claim
        self._now_ms, self._locks_coins = now_ms, not account.venue.endswith("usdm")
        self._closed: dict[str, None] = {}
        self._refused: dict[str, int] = {}
        self._rounds = 0

    def flatten(self, within_s: float) -> Flat:
        """Cancels and closes until nothing is left, or the time is over; then says what is left."""
        until = time.monotonic() + within_s
        held: Sequence[HeldNews] = ()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="hot-flatten") as pool:
            while time.monotonic() < until:
                try:
                    held, orders = self._look(pool)
                except HotError:
                    time.sleep(ROUND_S)
                    continue
                held = [one for one in held if not self._is_dust(one.symbol)]
                if not held and not orders:
                    break
                self._rounds += 1
                symbols = sorted({*(one.symbol for one in held), *(one.symbol for one in orders)})
                list(pool.map(partial(self._close, held=held, orders=orders), symbols))
                time.sleep(ROUND_S)
        return self._told(within_s)

    def _look(self, pool: ThreadPoolExecutor) -> tuple[list[HeldNews], list[OrderNews]]:
        holdings, orders = pool.submit(self._account.holdings), pool.submit(self._account.open_orders)
        held = self._claim.of(holdings.result())
        return held, [one for one in orders.result() if self._claim.wants(one.symbol)]

    def _close(self, symbol: str, held: Sequence[HeldNews], orders: Sequence[OrderNews]) -> None:
        ours = [one for one in orders if one.symbol == symbol]
        if self._locks_coins:
            self._cancel(ours)
        for one in held:
            if one.symbol == symbol:
                self._send(one)
        if not self._locks_coins:
            self._cancel(ours)

    def _cancel(self, orders: Sequence[OrderNews]) -> None:
        for one in orders:
            with suppress(HotError):
                self._account.cancel(one.symbol, one.client_id, conditional=one.conditional)

    def _send(self, held: HeldNews) -> None:
        qty = self._qty(held)
        if not qty:
            self._refused[held.symbol] = DUST_TRIES
            return
        at = self._now_ms()
        side: Side = "sell" if held.qty > 0 else "buy"
        key = intent_key(STRATEGY, self._account.venue, held.symbol, side, "exit", at, f"ROUND_{self._rounds}")
        client_id = flatten_id(key)
        self._journal.write(
            EmergencyClose(
                at=at, venue=self._account.venue, symbol=held.symbol, client_id=client_id, intent_key=key,
                side=side, qty=plain(qty),
            )
        )  # fmt: skip
        order = VenueOrder(
            client_id=client_id, symbol=held.symbol, side=side, order_type="market",
            qty=qty, sent_at=at, closes=True,
        )  # fmt: skip
        try:
            self._account.place(order, urgent=True)
            self._closed[held.symbol] = None
        except Rejected as error:
            self._refused[held.symbol] = self._refused.get(held.symbol, 0) + (error.sort is Sort.FILTER)
        except Doubtful:
            self._closed[held.symbol] = None  # the next look at the holdings tells
        except (NotSent, HotError):
            pass

    def _qty(self, held: HeldNews) -> Decimal:
        """Gives how much one market order may close of a holding."""
        qty, rules = abs(held.qty), self._rules.get(held.symbol)
        if rules is None:
            return qty
        most = Decimal(rules.market_max_qty) or Decimal(rules.max_qty)
        return floor_to(min(qty, most) if most else qty, step_of(rules, "market"))

    def _is_dust(self, symbol: str) -> bool:
        return self._refused.get(symbol, 0) >= DUST_TRIES

    def _told(self, within_s: float) -> Flat:
        """Looks once more, however often it takes: nobody is told that all is flat who has not looked."""
        until = time.monotonic() + max(5.0, within_s)
        while True:
            try:
                held = self._claim.of(self._account.holdings())
                break
            except HotError:
                if time.monotonic() > until:
                    raise
                time.sleep(ROUND_S)
        left = {one.symbol: one.qty for one in held if not self._is_dust(one.symbol)}
        dust = {one.symbol: one.qty for one in held if self._is_dust(one.symbol)}
        result = EmergencyResult(
            at=self._now_ms(), venue=self._account.venue, flat=not left, closed=tuple(sorted(self._closed)),
            remainder={symbol: plain(qty) for symbol, qty in sorted(left.items())},
        )  # fmt: skip
        self._journal.write(result)
        return Flat(not left, result.closed, left, dust)
