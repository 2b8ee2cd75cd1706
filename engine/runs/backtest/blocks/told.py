"""What kernels played, told as the stages would have told it: the log's rows become records, and the desk's books."""

from collections.abc import Callable, Container, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from engine.errors import Bug
from engine.kernels import entries, legs
from engine.records.base import Record
from engine.records.ideas import ExitPlan
from engine.runs.backtest.blocks.asks import Asks, Said
from engine.runs.backtest.blocks.deeds import Deeds, Entered, Sent
from engine.runs.backtest.blocks.grid import Block, Grid
from engine.stages.desk import Book
from engine.stages.effects import carry_out
from engine.stages.exits import ExitState
from engine.stages.precheck import Precheck

_REASONS = {legs.TIMED: "TIME", legs.STOPPED_OUT: "STOP", legs.TRAILED: "TRAIL"}
_cycle = itemgetter(legs.CYCLE)


class Opened:
    """A position that the log tells of: since when it is open, by which plan, and the last order and row about it."""

    __slots__ = ("at", "plan", "row", "sent")

    def __init__(self, at: int, plan: ExitPlan, sent: Sent, row: Sequence[int]) -> None:
        """Takes what is told first."""
        self.at, self.plan, self.sent, self.row = at, plan, sent, row


class Told:
    """Follows the log of `engine.kernels.held` on the desk of precheck's shadow."""

    def __init__(
        self, grid: Grid, precheck: Precheck, strategy: str, plan: ExitPlan, hear: Callable[[Record], None],
        wants: Container[str],
    ) -> None:  # fmt: skip
        """`plan` is that of every entry; `hear` gets the records of the kinds in `wants`."""
        self._grid, self._precheck, self._order, self._plan = grid, precheck, precheck.shadow, plan
        self._desk = self._order.desk.state
        self._deeds = Deeds(precheck, grid.step_ms, hear, wants)
        self._wishes = [(strategy, one.venue, one.symbol) for one in grid.candles]
        self._entered: dict[str, Entered] = {}
        self._opened: dict[str, Opened] = {}

    def tell(self, log: Any, block: Block, tick_of: int, asks: Asks) -> int:
        """Tells rows of the log, and gives how many fills there were.

        A cycle is closed after its last row, but that of column `tick_of` by who calls.
        """
        fills, held = 0, set(self._desk.books)
        for cycle, rows in groupby(log.tolist(), key=_cycle):
            at = int(block.times[cycle])
            entered, exited = [], []
            for row in rows:
                event, symbol = row[legs.EVENT], self._grid.symbols[row[legs.SYMBOL]]
                if event == legs.ENTERED_NOW:
                    entered.append(symbol)
                    self._entered[symbol] = self._enter(row, asks, at)
                elif event != legs.NOTHING:
                    fills += 1
                    held.add(symbol)
                    if event == legs.BOUGHT:
                        self._bought(symbol, row, at)
                    else:
                        self._sold(symbol, row, at)
                    if not row[legs.QTY_AFTER]:
                        held.remove(symbol)
                        exited.append(symbol)
            if entered:
                self._deeds.entered([self._entered[symbol] for symbol in entered], at)
            if cycle == tick_of:
                self._order.state.exited += exited
            elif self._deeds.cycles:
                self._deeds.cycle(at, held, exited, entered)
        self._settle()
        return fills

    def _enter(self, row: Sequence[int], asks: Asks, at: int) -> Entered:
        ask, s = row[legs.TICKS], row[legs.SYMBOL]

        def say() -> Said:
            said = asks.said(ask)
            if said is None or said.signal.action != "enter":
                raise Bug(f"{self._grid.symbols[s]}: the strategy does not ask for the entry that its columns ask for")
            return said

        sent = Sent(self._wishes[s], "buy", "entry", "ENTRY", at)
        return Entered(sent, row[legs.STEPS], float(asks.prices[ask, entries.AVERAGE]), say)

    def _bought(self, symbol: str, row: Sequence[int], at: int) -> None:
        entered, opened_at = self._entered.pop(symbol, None), at - self._grid.step_ms
        plan: ExitPlan | None = self._plan
        if entered is not None:
            sent = entered.sent
        else:
            known = next(one for one in self._order.state.sent.values() if one.attempt.symbol == symbol)
            sent, plan = Sent(self._wishes[row[legs.SYMBOL]], "buy", "entry", "ENTRY", known.attempt.at), known.plan
            del self._order.state.sent[known.attempt.client_id], self._precheck.state.exchange.working[symbol]
            self._desk.reserved_e8.pop(symbol, None)
        self._opened[symbol] = Opened(opened_at, plan or ExitPlan(), sent, row)
        self._deeds.filled(sent, row, opened_at, at)

    def _sold(self, symbol: str, row: Sequence[int], at: int) -> None:
        event, opened = row[legs.EVENT], self._opened.get(symbol)
        reason = _REASONS.get(event) or f"TIER_{event - legs.TIER + 1}"
        sent = Sent(self._wishes[row[legs.SYMBOL]], "sell", "exit", reason, at)
        if opened is None:
            book = self._desk.books[symbol]
            opened = self._opened[symbol] = Opened(book.opened_at, book.exits.plan, sent, row)
        opened.sent, opened.row = sent, row
        self._deeds.sold(sent, row, at)
        self._deeds.filled(sent, row, opened.at, at)

    def _settle(self) -> None:
        """Brings the desk to where the log ends: its books, and the orders that still wait."""
        books = self._desk.books
        for symbol, opened in self._opened.items():
            left = opened.row[legs.QTY_AFTER]
            if not left:
                books.pop(symbol, None)
                continue
            book = books.get(symbol)
            if book is None or book.opened_at != opened.at:
                strategy, venue, _ = opened.sent.wish
                exits = ExitState(plan=opened.plan, opened_at=opened.at)
                book = Book(symbol=symbol, venue=venue, strategy=strategy, opened_at=opened.at, exits=exits)
                books[symbol] = book
            book.qty, book.cost_e8 = self._order.scale(symbol).qty(left), opened.row[legs.COST_AFTER]
            book.realised_e8, book.fees_e8 = opened.row[legs.REALISED_AFTER], opened.row[legs.FEES_AFTER]
            if opened.sent.purpose == "exit":
                book.last_exit = opened.sent.key
        for entered in self._entered.values():
            intent, exchange = self._deeds.intent(entered), self._precheck.exchange
            carry_out([self._order.reserve(intent)], exchange, self._order.answer, intent.at)
        self._order.state.codes = {}
        self._opened, self._entered = {}, {}
