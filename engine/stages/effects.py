"""What the order stage asks for, and the loop that carries it out on a venue."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from engine.matching.events import Event, VenueOrder
from engine.records.base import Record
from engine.records.trades import OrderAttempt


class Send(NamedTuple):
    """Reserve the intent, make it durable, then send the order; in that order."""

    attempt: OrderAttempt
    order: VenueOrder


class Cancel(NamedTuple):
    """Take a working order off the book."""

    symbol: str
    client_id: str


Effect = Send | Cancel
Made = Record | Effect


class Acts(Protocol):
    """Where orders go: a paper exchange, or a venue."""

    def send(self, order: VenueOrder) -> list[Event]:
        """Sends an order and gives what the venue answers at once."""
        ...

    def recall(self, order: VenueOrder) -> list[Event]:
        """Takes an order that an earlier life of this run has sent, or was about to."""
        ...

    def cancel(self, client_id: str) -> list[Event]:
        """Cancels an order and gives what the venue answers at once."""
        ...

    def refuse(self, order: VenueOrder, code: str) -> list[Event]:
        """Takes an order that may not be sent, and gives what is said of it at once."""
        ...


class Exchange(Acts, Protocol):
    """A venue that sees the facts that pass, and answers some of them."""

    def see(self, fact: Record) -> list[Event]:
        """Takes a fact and gives what has happened to orders since."""
        ...


class Silent:
    """A venue that says nothing: where its answers come in as facts."""

    def send(self, order: VenueOrder) -> list[Event]:
        """Says nothing."""
        return []

    def recall(self, order: VenueOrder) -> list[Event]:
        """Says nothing."""
        return []

    def cancel(self, client_id: str) -> list[Event]:
        """Says nothing."""
        return []

    def refuse(self, order: VenueOrder, code: str) -> list[Event]:
        """Says nothing."""
        return []

    def see(self, fact: Record) -> list[Event]:
        """Says nothing."""
        return []


class Leave(NamedTuple):
    """Whether an order may be sent; `known` says that it was stored before, so that it may have been sent already."""

    code: str | None = None
    known: bool = False


#: Called before an order is sent, with the records that stand before it; gives its leave, or the code of why not.
BeforeSend = Callable[[Sequence[Record], OrderAttempt], Leave]


def carry_out(
    made: Iterable[Made],
    venue: Acts,
    answer: Callable[[Event, int], Sequence[Made]],
    at: int,
    before_send: BeforeSend | None = None,
) -> list[Record]:
    """Carries out effects in order and gives the records, those of the venue's answers right after their cause.

    `before_send` makes the intent durable: nothing is sent before it returned.
    """
    records: list[Record] = []
    for first in made:
        # `made` may be a generator: what it says next may hang on what the venue answered before.
        queue = deque([first])
        while queue:
            item = queue.popleft()
            if isinstance(item, Send):
                records.append(item.attempt)
                leave = before_send(records, item.attempt) if before_send is not None else Leave()
                if leave.code is not None:
                    events = venue.refuse(item.order, leave.code)
                else:
                    events = venue.recall(item.order) if leave.known else venue.send(item.order)
            elif isinstance(item, Cancel):
                events = venue.cancel(item.client_id)
            else:
                records.append(item)
                continue
            answers = [one for event in events for one in answer(event, at)]
            queue.extendleft(reversed(answers))
    return records
