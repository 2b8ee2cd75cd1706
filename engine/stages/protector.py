"""The protector: each position has a stop resting at the exchange, or is being closed; tiers rest there on request."""

from decimal import Decimal

from engine.records.ids import client_id, intent_key
from engine.stages import stuck
from engine.stages.account_order import AccountOrder
from engine.stages.ahead import is_told
from engine.stages.desk import Book
from engine.stages.effects import Cancel, Made
from engine.stages.exits import Exit
from engine.stages.protection import TIERS, TRAIL, Resting, is_listed_stop, is_stop, is_tier, other_of
from engine.stages.wishes import STOP, Wishes, wished

#: What rests waits so long for an entry's last executions, so that it is sent once for all of them.
SETTLE_MS = 2_000
#: What was refused is sent again after this.
AGAIN_MS = 2_000
#: A position without a working stop for longer is closed at the market.
NAKED_MS = 6_000
#: An exit waits so long for all that has its coins; then what is free goes.
PATIENCE_MS = 2_000
#: The exchange's ways to say that price is through the stop already.
WOULD_TRIGGER = frozenset({"-2021", "WOULD_TRIGGER"})
#: Codes of orders that did not leave, or met a halt: they say nothing about what the exchange takes otherwise.
NOT_ASKED = frozenset({"NOT_SENT", "STALE_ORDER", stuck.NOT_TRADED})


class Protector:
    """Looks after what rests at the exchange for one order stage. Its memory is the stage's `Protection`."""

    def __init__(self, order: AccountOrder) -> None:
        """Acts for this stage."""
        self.order = order

    def look(self, symbol: str, at: int) -> list[Made]:
        """Gives what a symbol needs now: orders that are missing, an end of those that do not fit, or the way out."""
        held = self.order.state.protection
        book = self.order.desk.state.books.get(symbol)
        resting = held.of(symbol)
        if book is None:
            held.forget(symbol)
            return self._cancel(symbol, list(resting))
        if not is_told(self.order.state.sent.values(), symbol):
            return []  # the exchange holds less than the books
        if self.order.setup.locks and symbol in held.waiting:
            return self._leave_in_part(book, at)
        wishes = wished(self.order, book)
        self._give_up_unseen(resting)
        if self._is_bare(wishes, resting):
            since = held.naked_since.setdefault(symbol, at)
            if at - since > NAKED_MS and not self._leaving(symbol):
                return self.order.leave(book, Exit("UNPROTECTED", book.exits.left, None), at)
        else:
            held.naked_since.pop(symbol, None)
        amiss = [leg for leg in resting if not self._fits(leg, wishes, resting)]
        made = self._cancel(symbol, [leg for leg in amiss if resting[leg].working])
        # What locks coins must be gone before they can rest anew.
        if self.order.setup.locks and (amiss or any(one.leaving for one in resting.values())):
            return made
        return made + self._send_missing(book, wishes, at)

    def in_the_way(self, symbol: str, reason: str) -> list[str]:
        """Gives the legs that must be gone before an exit goes out.

        They have its coins; or it is the trail, and one at the exchange would sell the same share again. What is not
        to be seen at the exchange has no coins; should it still come, there are none for it, or it is cancelled.
        """
        seen = [leg for leg, one in self.order.state.protection.of(symbol).items() if not self._is_unseen(one)]
        return [leg for leg in seen if self.order.setup.locks or leg == reason == TRAIL]

    def let_go(self, symbol: str, exit_: Exit, at: int) -> list[Made]:
        """Has what is in the way cancelled; the exit goes out when its end is told. An exit that waits waits once."""
        held = self.order.state.protection
        held.waits_since.setdefault(symbol, at)
        waiting = held.waiting.setdefault(symbol, [])
        if all(one.reason != exit_.reason for one in waiting):
            waiting.append(exit_)
        return self._cancel(symbol, self.in_the_way(symbol, exit_.reason))

    def gone(self, symbol: str, its_id: str, refused: str | None) -> list[Exit]:
        """Forgets an order that is over, `refused` with a code or not at all; gives the exits that now may go out."""
        held = self.order.state.protection
        resting, leg = held.of(symbol), held.leg_of(symbol, its_id)
        if leg is not None:
            del resting[leg]
            if not resting:
                del held.resting[symbol]
            if leg != STOP and _is_unwanted(refused):
                held.leave_to_program(symbol, TRAIL if leg == TRAIL else TIERS)
        self._note_tiers(symbol)
        book = self.order.desk.state.books.get(symbol)
        waits = symbol in held.waiting
        if book is not None and leg is not None and is_stop(leg) and refused in WOULD_TRIGGER and not waits:
            return [Exit(TRAIL, book.exits.trail_left, None) if leg == TRAIL else self._stopped(book)]
        return self.freed(symbol)

    def freed(self, symbol: str) -> list[Exit]:
        """Gives the exits that waited, and have nothing in their way any more."""
        held = self.order.state.protection
        waiting = held.waiting.pop(symbol, [])
        still = [one for one in waiting if self.in_the_way(symbol, one.reason)]
        if still:
            held.waiting[symbol] = still
        else:
            held.waits_since.pop(symbol, None)
        return [one for one in waiting if one not in still]

    def accepted(self, symbol: str, its_id: str) -> list[Made]:
        """Takes note that an order rests at the exchange; one that was given up has to go."""
        held = self.order.state.protection
        leg = held.leg_of(symbol, its_id)
        if leg is None:
            return [Cancel(symbol, its_id)]
        held.of(symbol)[leg].working = True
        return []

    def executed(self, symbol: str, its_id: str, steps: int) -> None:
        """Takes note that so much of an order is done."""
        held = self.order.state.protection
        leg = held.leg_of(symbol, its_id)
        if leg is not None:
            held.of(symbol)[leg].steps -= steps

    def _give_up_unseen(self, resting: dict[str, Resting]) -> None:
        """Forgets orders of which nothing is to be seen, so that others take their place: only one can have the coins.

        The two of a list came both or neither.
        """
        unseen = {leg for leg, one in resting.items() if self._is_unseen(one)}
        for leg in unseen:
            if other_of(leg) not in resting.keys() - unseen:
                del resting[leg]

    def _is_unseen(self, one: Resting) -> bool:
        sent = self.order.state.sent.get(one.client_id)
        return sent is not None and sent.unseen

    def _leave_in_part(self, book: Book, at: int) -> list[Made]:
        """Gives the way out of coins that are free, where another order is long in letting go of the others."""
        held, symbol = self.order.state.protection, book.symbol
        if at - held.waits_since[symbol] < PATIENCE_MS or self._leaving(symbol):
            return []
        bound = {other_of(leg) if is_listed_stop(leg) else leg: one.steps for leg, one in held.of(symbol).items()}
        free = min(book.exits.left, self.order.free_steps(book) - sum(bound.values()))
        last = Decimal(self.order.desk.state.recent[symbol].text)
        if free <= 0 or not self.order.selling(symbol, last).of_leg(free, free):
            return []
        exit_ = held.waiting[symbol][0]
        return self.order.leave_at_once(book, exit_._replace(steps=min(exit_.steps, free)), at)

    def _stopped(self, book: Book) -> Exit:
        return Exit(book.exits.stop_reason, book.exits.left, None)

    def _is_bare(self, wishes: Wishes, resting: dict[str, Resting]) -> bool:
        """Says whether a stop that should work does not. Where a stop closes all, the trail's is one more."""
        wanted = [leg for leg in wishes if is_stop(leg) and (leg != TRAIL or self.order.setup.locks)]
        return any(leg not in resting or not resting[leg].working for leg in wanted)

    def _fits(self, leg: str, wishes: Wishes, resting: dict[str, Resting]) -> bool:
        """Says whether an order is as it should be, and its list whole."""
        wish, one = wishes.get(leg), resting[leg]
        if wish is None or (wish.ticks != one.ticks and leg != TRAIL):
            return False
        if leg == STOP and not self.order.setup.locks:
            return True  # it closes whatever is held
        partner = other_of(leg)
        return wish.steps == one.steps and (partner in resting or partner not in wishes)

    def _send_missing(self, book: Book, wishes: Wishes, at: int) -> list[Made]:
        made: list[Made] = []
        resting = self.order.state.protection.of(book.symbol)
        for leg in wishes:
            partner = other_of(leg)
            is_there = leg in resting or partner in resting
            if is_listed_stop(leg) or is_there or not self._may_send(book, leg, at):
                continue
            made += self._send(book, [leg, partner] if partner in wishes else [leg], wishes, at)
        self._note_tiers(book.symbol)
        return made

    def _may_send(self, book: Book, leg: str, at: int) -> bool:
        held = self.order.state.protection
        again_ms = stuck.AGAIN_MS if book.symbol in held.stuck else AGAIN_MS
        if at - held.tried_at.get(f"{book.symbol} {leg}", -again_ms) < again_ms:
            return False
        for sent in self.order.state.sent.values():
            if sent.attempt.symbol != book.symbol:
                continue
            if sent.attempt.purpose == "entry" and at - book.opened_at < SETTLE_MS:
                return False
            if sent.attempt.purpose == "exit" and self.order.setup.locks and not sent.unseen:
                return False  # the exit has the coins; when it fails, what rested comes back
        return True

    def _leaving(self, symbol: str) -> bool:
        return any(s.attempt.symbol == symbol and s.attempt.purpose == "exit" for s in self.order.state.sent.values())

    def _send(self, book: Book, legs: list[str], wishes: Wishes, at: int) -> list[Made]:
        """Gives the effects that send a leg, or two that are a list, each under its own id."""
        held, symbol = self.order.state.protection, book.symbol
        keys = [intent_key(book.strategy, book.venue, symbol, "sell", "protect", at, leg) for leg in legs]
        if not all(self.order.is_new(key, book, at) for key in keys):
            return []  # sent at this very instant before; the next one has another id
        ids = [client_id(key, 1) for key in keys]
        held.tried_at[f"{symbol} {legs[0]}"] = at
        made: list[Made] = []
        for leg, key, its_id in zip(legs, keys, ids, strict=True):
            wish = wishes[leg]
            held.resting.setdefault(symbol, {})[leg] = Resting(client_id=its_id, ticks=wish.ticks, steps=wish.steps)
            other = next((one for one in ids if one != its_id), None)
            made.append(self.order.rest(book, leg, wish, at, key, its_id, other))
        return made

    def _cancel(self, symbol: str, legs: list[str]) -> list[Made]:
        resting = self.order.state.protection.of(symbol)
        found = [resting[leg] for leg in legs if not resting[leg].leaving]
        for one in found:
            one.leaving = True
        return [Cancel(symbol, one.client_id) for one in found]

    def _note_tiers(self, symbol: str) -> None:
        """While a tier rests the exchange sells it; the program then looks for none."""
        book = self.order.desk.state.books.get(symbol)
        if book is not None:
            book.exits.tiers_rest = any(is_tier(leg) for leg in self.order.state.protection.of(symbol))


def _is_unwanted(refused: str | None) -> bool:
    """Says whether the exchange does not take such an order at all."""
    return refused is not None and refused not in NOT_ASKED and refused not in WOULD_TRIGGER
