"""The protector: each position has a stop resting at the exchange, or is being closed."""

from typing import TYPE_CHECKING

from engine.records.ids import client_id, intent_key
from engine.stages.desk import Book
from engine.stages.effects import Cancel, Made
from engine.stages.exits import Exit
from engine.stages.protection import Stop

if TYPE_CHECKING:
    from engine.stages.live_order import LiveOrder

#: A stop waits so long for an entry's last executions, so that it is sent once for all of them.
SETTLE_MS = 2_000
#: A stop that was refused is sent again after this.
AGAIN_MS = 2_000
#: A position without a working stop for longer is closed at the market.
NAKED_MS = 8_000
#: The exchange's ways to say that price is through the stop already.
WOULD_TRIGGER = frozenset({"-2021", "WOULD_TRIGGER"})


class Protector:
    """Looks after the stops of one order stage. Its memory is the stage's `Protection`."""

    def __init__(self, order: "LiveOrder") -> None:
        """Acts for this stage."""
        self.order = order

    def look(self, symbol: str, at: int) -> list[Made]:
        """Gives what a symbol needs now: a stop, another one, none, or the way out."""
        held = self.order.state.protection
        book = self.order.desk.state.books.get(symbol)
        stop = held.stops.get(symbol)
        if book is None:
            held.naked_since.pop(symbol, None)
            held.waiting.pop(symbol, None)
            return self._cancel(symbol, stop)
        wanted = self._wanted(book)
        if stop is not None and stop.working:
            held.naked_since.pop(symbol, None)
        elif wanted is not None:
            held.naked_since.setdefault(symbol, at)
        if wanted is not None and at - held.naked_since.get(symbol, at) > NAKED_MS and not self._leaving(symbol):
            return self.order._leave(book, Exit("UNPROTECTED", book.exits.left, None), at)
        if stop is not None:
            moved = wanted is None or wanted != (stop.ticks, stop.steps)
            return self._cancel(symbol, stop) if moved and stop.working else []
        if wanted is None or not self._may_send(book, at):
            return []
        return self._send(book, *wanted, at)

    def holds(self, symbol: str) -> bool:
        """Says whether a stop locks the symbol's coins."""
        return symbol in self.order.state.protection.stops

    def let_go(self, symbol: str, exit_: Exit) -> list[Made]:
        """Has the stop cancelled first; the exit goes out when its end is told. An exit that waits waits once."""
        held = self.order.state.protection
        waiting = held.waiting.setdefault(symbol, [])
        if all(one.reason != exit_.reason for one in waiting):
            waiting.append(exit_)
        return self._cancel(symbol, held.stops[symbol])

    def gone(self, symbol: str) -> list[Exit]:
        """Forgets a stop that is over; gives the exits that waited for it."""
        held = self.order.state.protection
        held.stops.pop(symbol, None)
        return held.waiting.pop(symbol, [])

    def accepted(self, symbol: str, its_id: str) -> None:
        """Takes note that a stop rests at the exchange."""
        stop = self.order.state.protection.stops.get(symbol)
        if stop is not None and stop.client_id == its_id:
            stop.working = True

    def _wanted(self, book: Book) -> tuple[int, int] | None:
        """Gives where the stop should be and for how much, in ticks and steps; None where none can or should be."""
        if not book.exits.stop:
            return None
        scale = self.order.scale(book.symbol)
        selling = self.order.selling(book.symbol, scale.price(book.exits.stop))
        steps = selling.of_leg(scale.steps(book.qty), scale.steps(book.qty))
        return (book.exits.stop, steps) if steps > 0 else None

    def _may_send(self, book: Book, at: int) -> bool:
        if at - self.order.state.protection.tried_at.get(book.symbol, -AGAIN_MS) < AGAIN_MS:
            return False
        for sent in self.order.state.sent.values():
            if sent.attempt.symbol != book.symbol:
                continue
            if sent.attempt.purpose == "entry" and at - book.opened_at < SETTLE_MS:
                return False
            if sent.attempt.purpose == "exit" and self.order.setup.locks:
                return False  # the exit has the coins; when it fails, the stop comes back
        return True

    def _leaving(self, symbol: str) -> bool:
        return any(s.attempt.symbol == symbol and s.attempt.purpose == "exit" for s in self.order.state.sent.values())

    def _send(self, book: Book, ticks: int, steps: int, at: int) -> list[Made]:
        held = self.order.state.protection
        key = intent_key(book.strategy, book.venue, book.symbol, "sell", "protect", at, "STOP")
        its_id = client_id(key, 1)
        held.tried_at[book.symbol] = at
        held.stops[book.symbol] = Stop(client_id=its_id, ticks=ticks, steps=steps)
        return self.order.protect(book, ticks, steps, at, key, its_id)

    def _cancel(self, symbol: str, stop: Stop | None) -> list[Made]:
        if stop is None or stop.leaving:
            return []
        stop.leaving = True
        return [Cancel(symbol, stop.client_id)]
