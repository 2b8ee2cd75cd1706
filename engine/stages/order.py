"""Order: sends what was judged, follows what becomes of it, leaves positions by their plans, and closes each cycle."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import ClassVar

from engine.errors import BadRecord
from engine.matching.bracket import TicksBar
from engine.matching.events import Accepted, Event, Executed, Rejected, VenueOrder
from engine.matching.units import Scale, e8
from engine.plugs import Rule
from engine.records.account import Condition
from engine.records.base import Record
from engine.records.desk import DeskView, Draft, No, Operator
from engine.records.ideas import Cycle, ExitPlan, Refusal
from engine.records.ids import intent_key
from engine.records.market import Bar, BookTop, Funding, SymbolRules, Tick, Ticker
from engine.records.trades import Intent, OrderAttempt, OrderResult, OrderStatus, Position
from engine.stages.desk import Book, Desk, DeskSettings
from engine.stages.effects import Cancel, Made, Send
from engine.stages.exits import LIQUIDATION, SIGNAL, Exit, ExitState, on_bar, on_change, on_mark, on_price
from engine.stages.funding import hear
from engine.stages.margin import guard, margin_tiers, paid
from engine.stages.order_records import entry_of, exit_of, fill_of, position_of, refusal_of, result_of
from engine.stages.order_state import OrderState, Sent
from engine.stages.recent import PRICE_KINDS, Price
from engine.stages.selling import Selling

#: What remains of a position under this counts as closed.
CLOSED_UNDER = Decimal("0.00000001")


class Order:
    """Takes intents and facts; gives attempts, results, fills, positions, state changes and the cycle."""

    name: ClassVar[str] = "order"
    wants: frozenset[str] = PRICE_KINDS | {
        "symbol_rules", "funding", "condition", "intent", "refusal", "operator", "tick",
    }  # fmt: skip

    def __init__(self, desk: DeskSettings, rules: Sequence[Rule], state: OrderState | None = None) -> None:
        """Starts with a fresh desk, or where `state` left off. `rules` are asked once more before sending."""
        self.desk = Desk(desk, state.desk if state is not None else None)
        self.state = state if state is not None else OrderState(desk=self.desk.state)
        self.account_rules = [rule for rule in rules if rule.layer == "account"]
        self.exchange_rules = [rule for rule in rules if rule.layer == "exchange"]
        self._scales: dict[str, Scale] = {}

    def take(self, record: Record) -> Iterable[Made]:
        """Takes a record of a wanted kind and gives what follows: records, and effects to carry out, in order."""
        if isinstance(record, Price):
            return self._price(record)
        if isinstance(record, Tick):
            return self._tick(record)
        if isinstance(record, Condition):
            return [*self.desk.learn_condition(record)]
        if isinstance(record, Intent):
            self.state.intents.append(record)
        elif isinstance(record, Refusal):
            self.state.codes[record.symbol] = record.code
        elif isinstance(record, SymbolRules):
            self._rules(record)
        elif isinstance(record, Funding):
            return self._funding(record)
        elif isinstance(record, Operator):
            self.desk.operator(record.action, record.reason)
        return []

    def _rules(self, rules: SymbolRules) -> None:
        book = self.desk.state.books.get(rules.symbol)
        before = self.scale(rules.symbol) if book is not None else None
        try:
            self.desk.learn(rules)
        except BadRecord:
            return
        self._scales.pop(rules.symbol, None)
        if book is not None and before is not None:
            book.exits.rescale(before, self.scale(rules.symbol))
            self.guard(book)

    def guard(self, book: Book) -> None:
        guard(book, self.scale(book.symbol), margin_tiers(self.desk.settings, self.desk.state.rules[book.symbol]))

    def _funding(self, fact: Funding) -> list[Made]:
        made = self._pay_funding(fact.at, fact.at)
        rules, book = self.desk.state.rules.get(fact.symbol), self.desk.state.books.get(fact.symbol)
        if rules is None or rules.venue != fact.venue:
            return made  # of a market that is not traded here
        try:
            hear(self.desk.state.funding, fact)
        except BadRecord:
            return made
        recent = self.desk.state.recent.get(fact.symbol)
        if recent is not None and fact.mark_price is not None:
            recent.marked(fact.mark_price, fact.at)
        made += self._pay_funding(fact.at, fact.at)
        if book is not None and book.venue == fact.venue and fact.mark_price is not None:
            made += self._marked(book, fact.mark_price, fact.at)
        return made

    def settle(self, fact: Record) -> list[Made]:
        """Gives what was due before a price is seen: it is to be carried out before the venue sees it either."""
        return self._pay_funding(fact.at, fact.at) if isinstance(fact, Price) else []

    def _pay_funding(self, before: int, at: int) -> list[Made]:
        """Books the funding that was due before a time: what could still happen up to then has been seen.

        A position that it leaves too little margin is liquidated at once, not with the next price.
        """
        made: list[Made] = []
        if self.desk.state.funding.next_at < before:
            for book, payment in paid(self.desk.state, before, at):
                self.guard(book)
                made += [payment, self.position(book, "FUNDING", at), *self._marked(book, payment.price, at)]
        return made

    def _marked(self, book: Book, mark_price: str, at: int) -> list[Made]:
        mark = self.scale(book.symbol).ticks(mark_price, up=False)
        return [one for exit_ in on_mark(book.exits, mark) for one in self.leave(book, exit_, at)]

    def _tick(self, tick: Tick) -> Iterator[Made]:
        """One step after the other: how the cycle ended is known only when the venue has answered."""
        yield from self.open_tick(tick)
        intents, self.state.intents = self.state.intents, []
        for intent in intents:
            yield from self.enter(intent, tick.at)
        yield from self.close_tick(tick)

    def open_tick(self, tick: Tick) -> Iterator[Made]:
        """Marks the desk at a tick, after the funding that is due and before anything is entered."""
        yield from self._pay_funding(tick.at + 1, tick.at)
        made: list[Made] = list(self.desk.mark(tick.at, tick.mono_ms if tick.mono_ms is not None else tick.at))
        for symbol in sorted(self.desk.state.books):
            book = self.desk.state.books[symbol]
            change = self.desk.state.recent[symbol].change_pct(tick.at)
            for exit_ in on_change(book.exits, change):
                made += self.leave(book, exit_, tick.at)
        yield from made

    def enter(self, intent: Intent, at: int) -> list[Made]:
        """Asks the account's rules once more and reserves; gives the effect that sends the order, or a refusal.

        `at` is the time of the tick; an intent of another cycle is not traded.
        """
        if intent.at != at:
            return self._refuse(intent, at, No("STALE_SIGNAL", (at - intent.at) / 1000, 0))
        rules = self.desk.state.rules.get(intent.symbol)
        if rules is None or rules.venue != intent.venue:
            return self._refuse(intent, at, No("NO_RULES"))
        if intent.side != ("buy" if intent.purpose == "entry" else "sell"):
            # Long only: what is not held cannot be sold, and nothing is held short that a buy could close.
            return self._refuse(intent, at, No("ACCOUNT_CHANGED", "0", "0"), "NOT_HELD")
        if intent.purpose == "exit":
            return self._exit_intent(intent)
        no = self._account_no(intent, rules)
        if no is not None:
            return self._refuse(intent, at, No("ACCOUNT_CHANGED", no.value, no.limit), no.code)
        return [self.reserve(intent)]

    def reserve(self, intent: Intent) -> Send:
        """Reserves what an entry takes that the account's rules let pass; gives the effect that sends it."""
        self.desk.state.reserved_e8[intent.symbol] = e8(Decimal(intent.notional), up=True)
        self.desk.state.day_entries += 1
        self.state.codes[intent.symbol] = "ENTERED"
        return self._send(entry_of(intent), intent.plan)

    def _refuse(self, intent: Intent, at: int, no: No, rule: str | None = None) -> list[Made]:
        self.state.codes[intent.symbol] = no.code
        return [refusal_of(intent, at, no, rule)]

    def view(self, at: int, only: str | None = None) -> DeskView:
        """Gives what a rule may look at, open orders included; of holdings `only` that one, where it is named."""
        open_orders: dict[str, int] = {}
        for sent in self.state.sent.values():
            open_orders[sent.attempt.symbol] = open_orders.get(sent.attempt.symbol, 0) + 1
        return self.desk.view(at, open_orders, only)

    def _account_no(self, intent: Intent, rules: SymbolRules) -> No | None:
        price = Decimal(intent.limit_price or intent.price)
        draft = Draft(
            symbol=intent.symbol, side=intent.side, order_type=intent.order_type, qty=Decimal(intent.qty),
            price=price, reference_price=price, decided_at=intent.at,
        )  # fmt: skip
        return self.no_of(self.account_rules, draft, rules)

    def no_of(self, asked: Sequence[Rule], draft: Draft, rules: SymbolRules) -> No | None:
        """Gives the first no of some rules to an order, or None."""
        view = self.view(draft.decided_at)
        for rule in asked:
            no = rule.check(draft, view, rules)
            if no is not None:
                return no
        return None

    def _exit_intent(self, intent: Intent) -> list[Made]:
        book = self.desk.state.books.get(intent.symbol)
        if book is None:
            return self._refuse(intent, intent.at, No("ACCOUNT_CHANGED", "0", "0"), "NOT_HELD")
        return self.leave(book, Exit(SIGNAL, book.exits.left, None), intent.at)

    def close_tick(self, tick: Tick) -> list[Made]:
        """Gives the cycle record: how it ended for each scanned symbol."""
        ended: dict[str, str] = {}
        for code, symbols in tick.codes.items():
            for symbol in symbols:
                ended[symbol] = code
        for symbol in sorted(self.desk.state.books):
            ended[symbol] = "HELD"
        for symbol in self.state.exited:
            ended[symbol] = "EXITED"
        ended.update(self.state.codes)
        self.state.codes, self.state.exited = {}, []
        codes: dict[str, list[str]] = {}
        for symbol in sorted(ended):
            codes.setdefault(ended[symbol], []).append(symbol)
        return [Cycle(at=tick.at, codes={code: tuple(codes[code]) for code in sorted(codes)})]

    def _price(self, fact: Price) -> list[Made]:
        news = self.desk.see(fact)
        book = self.desk.state.books.get(fact.symbol)
        if book is None or news == "none":
            return []
        scale = self.scale(fact.symbol)
        # Of a bar that began before the position only its close is news.
        if isinstance(fact, Bar) and news == "range" and fact.open_at >= book.opened_at:
            bar = TicksBar(
                scale.ticks(fact.open, up=False), scale.ticks(fact.high, up=False),
                scale.ticks(fact.low, up=False), scale.ticks(fact.close, up=False),
            )  # fmt: skip
            exits = on_bar(book.exits, bar, fact.open_at, entered_here=book.exits.entered_bar == fact.open_at)
        else:
            exits = on_price(book.exits, scale.ticks(_text(fact), up=False), fact.at)
        made: list[Made] = []
        for exit_ in exits:
            made += self.leave(book, exit_, fact.at)
        return made

    def leave(self, book: Book, exit_: Exit, at: int) -> list[Made]:
        scale = self.scale(book.symbol)
        liquidates = exit_.reason == LIQUIDATION
        made: list[Made] = [
            Cancel(book.symbol, sent.attempt.client_id)
            for sent in self.state.sent.values()
            if sent.attempt.symbol == book.symbol and (liquidates or sent.attempt.purpose == "entry")
        ]
        last = Decimal(self.desk.state.recent[book.symbol].text)
        price = scale.price(exit_.ticks) if exit_.ticks is not None else last
        steps = self.free_steps(book)
        if not liquidates:
            steps = self.selling(book.symbol, price).of_leg(exit_.steps, min(book.exits.left, steps))
        if steps <= 0:
            return made + self.too_few(book, exit_, at)
        key = intent_key(book.strategy, book.venue, book.symbol, "sell", "exit", at, exit_.reason)
        if not self.is_new(key, book, at):
            return made  # a client id goes on the wire once; what is left goes with the next fact
        book.last_exit = key
        attempt = exit_of(book, exit_.reason, key, at, scale.qty(steps), price, exit_.resting)
        book.exits.sold(exit_.reason, steps)
        at_price = price if exit_.ticks is not None else None
        return [*made, self._send(attempt, None, at_price, exit_.resting, exit_.ambiguous, liquidates)]

    def is_new(self, key: str, book: Book, at: int) -> bool:
        """Says whether an exit of this content has not been sent; whoever asks sends it."""
        return key != book.last_exit

    def free_steps(self, book: Book) -> int:
        """Gives how many steps of a position an order may sell."""
        return self.scale(book.symbol).steps(book.qty)

    def selling(self, symbol: str, price: Decimal) -> Selling:
        """Gives what says how much of a symbol may be sold, measured with a price."""
        return Selling(
            self.scale(symbol), self.desk.state.rules[symbol], self.exchange_rules, self.view(0, symbol), price
        )  # fmt: skip

    def too_few(self, book: Book, exit_: Exit, at: int) -> list[Made]:
        """What the exchange would not take is dust: it closes the position once and blocks nothing."""
        if exit_.reason.startswith("TIER") or any(s.attempt.symbol == book.symbol for s in self.state.sent.values()):
            return []
        return self.close(book, "DUST", at)

    def _send(
        self, attempt: OrderAttempt, plan: ExitPlan | None, at_price: Decimal | None = None, resting: bool = False,
        ambiguous: bool = False, liquidates: bool = False,
    ) -> Send:  # fmt: skip
        self.state.sent[attempt.client_id] = Sent(attempt=attempt, plan=plan)
        limit = Decimal(attempt.limit_price) if attempt.limit_price is not None else None
        order = VenueOrder(
            client_id=attempt.client_id, symbol=attempt.symbol, side=attempt.side, order_type=attempt.order_type,
            qty=Decimal(attempt.qty), sent_at=attempt.at, limit_price=limit, at_price=at_price, resting=resting,
            ambiguous=ambiguous, closes=attempt.purpose != "entry", liquidates=liquidates,
        )  # fmt: skip
        return Send(attempt, order)

    def answer(self, event: Event, at: int) -> list[Made]:
        """Takes what a venue says about an order and gives the records of it. An order it does not know is no news."""
        sent = self.state.sent.get(event.client_id)
        if sent is None:
            return []
        if isinstance(event, Accepted):
            return [self._result(sent, at, "working")]
        if isinstance(event, Executed):
            return self._executed(sent, event, at)
        if isinstance(event, Rejected):
            return self._rejected(sent, event, at)
        return self._ended(sent, event.status, event.code, at)

    def _executed(self, sent: Sent, done: Executed, at: int) -> list[Made]:
        attempt = sent.attempt
        sent.filled += done.qty
        fill = fill_of(attempt, done, at)
        if attempt.purpose == "entry":
            return [fill, self._entered(sent, done, at)]
        return [fill, *self.sold(self.desk.state.books[attempt.symbol], attempt.reason, done, at)]

    def sold(self, book: Book, reason: str, done: Executed, at: int) -> list[Made]:
        """Takes an execution out of a position; what is too little to be one is closed."""
        self.desk.sell(book, done)
        if book.qty < max(self.scale(book.symbol).step, CLOSED_UNDER):
            return self.close(book, reason, at)
        return [self.position(book, reason, at)]

    def _entered(self, sent: Sent, done: Executed, at: int) -> Position:
        attempt, desk = sent.attempt, self.desk.state
        book = desk.books.get(attempt.symbol)
        if book is None:
            plan = sent.plan or ExitPlan()
            book = desk.books[attempt.symbol] = Book(
                symbol=attempt.symbol, venue=attempt.venue, strategy=attempt.strategy, opened_at=done.venue_at,
                exits=ExitState(plan=plan, opened_at=done.venue_at),
            )  # fmt: skip
        before = self.scale(attempt.symbol).steps(book.qty)
        self.desk.buy(book, done)
        scale = self.scale(attempt.symbol)
        left = max(0, desk.reserved_e8.get(attempt.symbol, 0) - e8(done.notional, up=True))
        desk.reserved_e8[attempt.symbol] = left
        book.exits.entered_bar = done.venue_at
        book.exits.entered(scale.steps(book.qty) - before, scale.ticks(book.entry_price, up=True))
        self.guard(book)
        return self.position(book, "ENTRY", at)

    def close(self, book: Book, reason: str, at: int) -> list[Made]:
        dust = self.desk.write_off(book)
        self.state.exited.append(book.symbol)
        return [self.position(book, reason, at, dust)]

    def position(self, book: Book, reason: str, at: int, dust: Decimal | None = None) -> Position:
        return position_of(book, self.scale(book.symbol), reason, at, dust)

    def _result(self, sent: Sent, at: int, status: OrderStatus, code: str | None = None) -> OrderResult:
        return result_of(sent.attempt, sent.filled, at, status, code)

    def _rejected(self, sent: Sent, event: Rejected, at: int) -> list[Made]:
        code = "DUPLICATE" if event.code == "DUPLICATE" else "REJECTED"
        if sent.attempt.purpose == "entry":
            self.state.codes[sent.attempt.symbol] = code
        return self._ended(sent, "rejected", event.code, at)

    def _ended(self, sent: Sent, status: OrderStatus, code: str | None, at: int) -> list[Made]:
        attempt = sent.attempt
        del self.state.sent[attempt.client_id]
        if attempt.purpose == "entry":
            # A definite end frees what was reserved at once, so that an honest retry is not held up.
            self.desk.state.reserved_e8.pop(attempt.symbol, None)
        else:
            book = self.desk.state.books.get(attempt.symbol)
            unsold = Decimal(attempt.qty) - sent.filled
            if book is not None and unsold > 0:
                book.exits.unsold(attempt.reason, self.scale(attempt.symbol).steps(unsold))
        return [self._result(sent, at, status, code)]

    def scale(self, symbol: str) -> Scale:
        """Gives the grid of a symbol whose rules are known; raises KeyError otherwise."""
        scale = self._scales.get(symbol)
        if scale is None:
            rules = self.desk.state.rules[symbol]
            scale = self._scales[symbol] = Scale.of(rules.tick, rules.step)
        return scale


def _text(fact: Price) -> str:
    if isinstance(fact, Ticker):
        return fact.bid or fact.last
    if isinstance(fact, Bar):
        return fact.close
    return fact.bid if isinstance(fact, BookTop) else fact.price
