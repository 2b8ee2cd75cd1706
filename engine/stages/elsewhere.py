"""What others did on a live account: executions that are not ours, holdings and money that ours do not explain."""

from decimal import Decimal
from hashlib import sha256

from engine.matching.events import Executed
from engine.matching.units import plain
from engine.records.account import AccountBalance, AccountHolding, Execution
from engine.records.trades import Apart, Fill, Purpose, ReconcileDiff
from engine.stages import dust
from engine.stages.account_order import ELSEWHERE, AccountOrder
from engine.stages.ahead import part_of
from engine.stages.desk import Book
from engine.stages.effects import Made
from engine.stages.exits import ExitState
from engine.stages.order import CLOSED_UNDER
from engine.stages.recent import Recent


class Elsewhere:
    """Books for one order stage what others did: holdings follow the exchange."""

    def __init__(self, order: AccountOrder) -> None:
        """Acts for this stage."""
        self.order = order

    def executed(self, told: Execution) -> list[Made]:
        """Books an execution that was not ours: holdings follow the exchange."""
        if told.symbol not in self.order.desk.state.rules:
            return []
        done = self.order.executed_of(told)
        book = self.order.desk.state.books.get(told.symbol)
        if told.side == "buy":
            return self._adopt(book, told, done)
        if book is None:
            return []
        scale = self.order.scale(told.symbol)
        ours = book.qty
        # Dust, or coins that nobody has told of yet, may have gone with ours.
        done = part_of(done, ours)
        book.exits.sold("ELSEWHERE", min(book.exits.left, scale.steps(done.qty)))
        self.order.desk.sell(book, done)
        made: list[Made] = [
            self._diff(told, "closed_elsewhere", ours, book.qty),
            self._fill(told, done, "exit", "CLOSED_ELSEWHERE"),
        ]
        if book.qty < max(scale.step, CLOSED_UNDER):
            return [*made, *self.order.close(book, "CLOSED_ELSEWHERE", told.at)]
        return [*made, self.order.position(book, "CLOSED_ELSEWHERE", told.at)]

    def holds(self, told: AccountHolding) -> list[Made]:
        """Compares what is held with what fills add up to; what no execution explains is booked as one of its own."""
        if told.symbol not in self.order.desk.state.rules or self._busy(told.symbol):
            return []
        book = self.order.desk.state.books.get(told.symbol)
        ours = book.qty if book is not None else Decimal(0)
        theirs = Decimal(told.qty)
        made = dust.gone(self.order, told, ours)
        # What is left of positions that are closed is neither held nor news.
        theirs -= dust.of(self.order, told.symbol)
        apart = theirs - ours
        if theirs < 0 or abs(apart) < max(self.order.scale(told.symbol).step, CLOSED_UNDER):
            return made
        price = Decimal(told.entry_price) if told.entry_price else self._last_price(told.symbol, book)
        if price <= 0:
            return made  # what it is worth is not known yet: a later look at the holdings tells it again
        text = "\x1f".join((told.venue, told.symbol, plain(ours), plain(theirs), str(told.opened_at)))
        made_up = Execution(
            at=told.at, venue=told.venue, symbol=told.symbol, trade_id="made-" + sha256(text.encode()).hexdigest()[:20],
            venue_at=told.opened_at or told.at, side="buy" if apart > 0 else "sell", qty=plain(abs(apart)),
            price=plain(price), notional=plain(round(abs(apart) * price, 8)), fee="0",
            fee_asset=self.order.desk.state.rules[told.symbol].quote, liquidity="taker",
        )  # fmt: skip
        return made + self.executed(made_up)

    def balance(self, told: AccountBalance) -> list[Made]:
        """Says so when the wallet holds less of the quote asset than the desk counts on."""
        cash = Decimal(self.order.desk.state.cash_e8).scaleb(-8)
        total = Decimal(told.free) + Decimal(told.locked)
        if told.asset != self.order.desk.settings.quote_asset or self.order.state.sent:
            return []
        short = self.order.state.protection.short_of
        self.order.state.protection.short_of = plain(total) if total < cash else None
        if total >= cash or short == plain(total):
            return []
        return [
            ReconcileDiff(
                at=told.at, venue=told.venue, symbol=told.asset, what="balance", ours=plain(cash), theirs=plain(total)
            )
        ]

    def _adopt(self, book: Book | None, told: Execution, done: Executed) -> list[Made]:
        ours = book.qty if book is not None else Decimal(0)
        what: Apart = "changed" if book is not None else "adopted"
        if book is None:
            exits = ExitState(plan=self.order.setup.plan, opened_at=told.venue_at)
            book = self.order.desk.state.books[told.symbol] = Book(
                symbol=told.symbol, venue=told.venue, strategy=self.order.setup.strategy, opened_at=told.venue_at,
                exits=exits,
            )  # fmt: skip
            # A symbol of which no price was heard is worth what was paid for it.
            self.order.desk.state.recent.setdefault(told.symbol, Recent()).start(told.price, told.at)
        scale = self.order.scale(told.symbol)
        before = scale.steps(book.qty)
        self.order.desk.buy(book, done)
        book.exits.entered(scale.steps(book.qty) - before, scale.ticks(book.entry_price, up=True))
        self.order.guard(book)
        return [
            self._diff(told, what, ours, book.qty),
            self._fill(told, done, "entry", "ADOPTED"),
            self.order.position(book, "ADOPTED", told.at),
            *dust.joined(self.order, book, done, told.at),
        ]

    def _last_price(self, symbol: str, book: Book | None) -> Decimal:
        recent = self.order.desk.state.recent.get(symbol)
        if recent is not None and recent.last > 0:
            return Decimal(recent.text)
        return round(book.entry_price, 12) if book is not None else Decimal(0)

    def _busy(self, symbol: str) -> bool:
        """Says whether an order that could change the holding is on its way."""
        return any(
            sent.attempt.symbol == symbol and sent.attempt.purpose != "protect"
            for sent in self.order.state.sent.values()
        )

    def _diff(self, told: Execution, what: Apart, ours: Decimal, theirs: Decimal) -> ReconcileDiff:
        return ReconcileDiff(
            at=told.at, venue=told.venue, symbol=told.symbol, what=what,
            ours=plain(ours), theirs=plain(theirs),
        )  # fmt: skip

    def _fill(self, told: Execution, done: Executed, purpose: Purpose, reason: str) -> Fill:
        return Fill(
            at=told.at, venue=told.venue, symbol=told.symbol, venue_at=done.venue_at, client_id=ELSEWHERE,
            trade_id=done.trade_id, side=told.side, purpose=purpose, reason=reason,
            qty=plain(done.qty), price=plain(done.price), notional=plain(done.notional), fee=plain(done.fee),
            fee_asset=done.fee_asset, fee_quote=plain(done.fee_quote), liquidity=done.liquidity,
        )  # fmt: skip
