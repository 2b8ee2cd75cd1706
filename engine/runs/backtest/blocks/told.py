"""What kernels played, told as the stages would have told it: the log's rows become records, and the desk's books."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any

from engine.errors import Bug
from engine.kernels import entries, legs
from engine.matching.units import Scale, plain
from engine.records.base import Record
from engine.records.desk import Draft
from engine.records.ideas import ExitPlan
from engine.records.ids import client_id, intent_key
from engine.records.market import Tick
from engine.records.trades import Fill, Intent, OrderAttempt, OrderResult, Position
from engine.runs.backtest.blocks.asks import Asks, Said
from engine.runs.backtest.blocks.columns import Block, Grid
from engine.stages.desk import Book
from engine.stages.effects import carry_out
from engine.stages.exits import ExitState
from engine.stages.precheck import Precheck, decimal

_REASONS = {legs.TIMED: "TIME", legs.STOPPED_OUT: "STOP", legs.TRAILED: "TRAIL"}


class Told:
    """Follows the log of `engine.kernels.held` on the desk of precheck's shadow."""

    def __init__(self, grid: Grid, precheck: Precheck, hear: Callable[[Record], None]) -> None:
        """`hear` gets the records."""
        self._grid, self._precheck, self._hear = grid, precheck, hear
        self._order, self._exchange = precheck.shadow, precheck.state.exchange
        self._desk = self._order.desk.state
        self._texts: dict[Scale, tuple[Texts, Texts]] = {}

    def tell(self, log: Any, block: Block, tick_of: int, asks: Asks) -> None:
        """Tells rows of the log; a cycle is closed after its last one, but that of column `tick_of` by who calls."""
        for cycle, rows in groupby(log.tolist(), key=itemgetter(legs.CYCLE)):
            at = int(block.times[cycle])
            entered = []
            for row in rows:
                symbol, event = self._grid.symbols[row[legs.SYMBOL]], row[legs.EVENT]
                if event == legs.ENTERED_NOW:
                    entered.append((row[legs.TICKS], row[legs.STEPS]))
                elif event == legs.BOUGHT:
                    self._bought(symbol, row, at)
                elif event != legs.NOTHING:
                    self._sold(symbol, row, at)
            self._entered(entered, asks, at)
            if cycle != tick_of:
                self._end(at)

    def _entered(self, entered: Sequence[tuple[int, int]], asks: Asks, at: int) -> None:
        """Tells the entries of a cycle, asks with their steps: candidates, signals, intents, and the orders at last."""
        said = []
        for ask, _ in entered:
            one = asks.said(ask)
            if one is None:
                raise Bug(f"an entry of {self._grid.symbols[asks.symbol(ask)]} that the strategy did not ask for")
            said.append(one)
        for one in said:
            self._hear(one.candidate)
        for one in said:
            self._hear(one.signal)
        intents = [
            self._intent(one, steps, asks.prices[ask, entries.AVERAGE])
            for one, (ask, steps) in zip(said, entered, strict=True)
        ]
        for intent in intents:
            self._hear(intent)
        for intent in intents:
            made = carry_out([self._order.reserve(intent)], self._precheck.exchange, self._order.answer, at)
            for record in made:
                self._hear(record)

    def _intent(self, said: Said, steps: int, average: float) -> Intent:
        signal, mean = said.signal, decimal(float(average))
        draft = Draft(
            symbol=signal.symbol, side=signal.side, order_type=signal.order_type,
            qty=self._order.scale(signal.symbol).qty(steps), price=max(mean, Decimal(signal.price)),
            reference_price=mean, heat=signal.heat, decided_at=signal.at,
        )  # fmt: skip
        return self._precheck.intent(signal, signal.at, draft)

    def _end(self, at: int) -> None:
        for one in self._order.close_tick(Tick(at=at)):
            assert isinstance(one, Record)
            self._hear(one)

    def _bought(self, symbol: str, row: list[int], at: int) -> None:
        sent = next(one for one in self._order.state.sent.values() if one.attempt.symbol == symbol)
        attempt, opened_at = sent.attempt, at - self._grid.step_ms
        del self._order.state.sent[attempt.client_id], self._exchange.working[symbol]
        self._desk.reserved_e8.pop(symbol, None)
        book = self._desk.books[symbol] = Book(
            symbol=symbol, venue=attempt.venue, strategy=attempt.strategy, opened_at=opened_at,
            exits=ExitState(plan=sent.plan or ExitPlan(), opened_at=opened_at),
        )  # fmt: skip
        self._filled(book, attempt, row, at)

    def _sold(self, symbol: str, row: list[int], at: int) -> None:
        book, scale, event = self._desk.books[symbol], self._order.scale(symbol), row[legs.EVENT]
        steps, ticks = self._written(scale)
        reason = _REASONS.get(event) or f"TIER_{event - legs.TIER + 1}"
        book.last_exit = key = intent_key(book.strategy, book.venue, symbol, "sell", "exit", at, reason)
        attempt = OrderAttempt(
            at=at, venue=book.venue, symbol=symbol, strategy=book.strategy, client_id=client_id(key, 1),
            intent_key=key, side="sell", purpose="exit", reason=reason, order_type="market",
            qty=steps.of(row[legs.STEPS]), reference_price=ticks.of(row[legs.AT_TICKS]),
        )  # fmt: skip
        self._hear(attempt)
        self._hear(
            OrderResult(
                at=at, venue=book.venue, symbol=symbol, client_id=attempt.client_id, status="working", filled_qty="0"
            )
        )
        self._filled(book, attempt, row, at)

    def _filled(self, book: Book, attempt: OrderAttempt, row: list[int], at: int) -> None:
        """Tells the fill of a whole order, what the position is after it, and that the order is over."""
        scale = self._order.scale(book.symbol)
        steps, ticks = self._written(scale)
        fee = MONEY.of(row[legs.FEE])
        self._hear(
            Fill(
                at=at, venue=book.venue, symbol=book.symbol, venue_at=at - self._grid.step_ms,
                client_id=attempt.client_id, trade_id=f"{attempt.client_id}-1", side=attempt.side,
                purpose=attempt.purpose, reason=attempt.reason, qty=steps.of(row[legs.STEPS]),
                price=ticks.of(row[legs.TICKS]), notional=MONEY.of(row[legs.NOTIONAL]), fee=fee,
                fee_asset=self._desk.rules[book.symbol].quote, fee_quote=fee, liquidity="taker",
                ambiguous=bool(row[legs.UNSURE]),
            )
        )  # fmt: skip
        left = row[legs.QTY_AFTER]
        book.qty, book.cost_e8 = scale.qty(left), row[legs.COST_AFTER]
        book.realised_e8, book.fees_e8 = row[legs.REALISED_AFTER], row[legs.FEES_AFTER]
        if not left:
            del self._desk.books[book.symbol]
            self._order.state.exited.append(book.symbol)
        self._hear(
            Position(
                at=at, venue=book.venue, symbol=book.symbol, strategy=book.strategy,
                status="open" if left else "closed", qty=steps.of(left), entry_price=plain(round(book.entry_price, 12)),
                opened_at=book.opened_at, realised_pnl=MONEY.of(book.realised_e8), fees_quote=MONEY.of(book.fees_e8),
                reason=attempt.reason, dust="0",
            )
        )  # fmt: skip
        self._hear(
            OrderResult(
                at=at,
                venue=book.venue,
                symbol=book.symbol,
                client_id=attempt.client_id,
                status="filled",
                filled_qty=attempt.qty,
            )
        )

    def _written(self, scale: Scale) -> tuple["Texts", "Texts"]:
        found = self._texts.get(scale)
        if found is None:
            found = self._texts[scale] = Texts(scale.step), Texts(scale.tick)
        return found


class Texts:
    """Writes multiples of a unit in plain digits, as `engine.matching.units.plain` does."""

    def __init__(self, unit: Decimal) -> None:
        """Takes the unit."""
        _, digits, exponent = unit.as_tuple()
        assert isinstance(exponent, int)
        self._whole = int("".join(map(str, digits))) * 10 ** max(0, exponent)
        self._decimals = max(0, -exponent)

    def of(self, count: int) -> str:
        """Writes so many units."""
        whole, decimals = count * self._whole, self._decimals
        if not decimals or not whole:
            return str(whole)
        digits = str(abs(whole)).zfill(decimals + 1)
        text = f"{digits[:-decimals]}.{digits[-decimals:]}".rstrip("0").rstrip(".")
        return f"-{text}" if whole < 0 else text


MONEY = Texts(Decimal("0.00000001"))
