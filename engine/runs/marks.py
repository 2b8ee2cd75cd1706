"""What the desk's positions were worth at its last tick: kept in the status of a ledger, since no record tells it.

A coin that is held may be no candidate any more, and then no decision names its price until it is sold.
"""

import msgspec

from engine.ledger.ledger import Ledger
from engine.stages.desk import DeskState

#: The value of a ledger's status.
NOTE = "marks"
#: Of what is held, by venue and symbol: its price, and when that was.
Prices = dict[tuple[str, str], tuple[str, int]]


class Marked(msgspec.Struct, frozen=True):
    """The price of one position, of the time `at`."""

    venue: str
    symbol: str
    price: str
    at: int


def marks_of(desk: DeskState) -> list[Marked]:
    """Gives the price of each position, as the desk knows it now."""
    return [
        Marked(book.venue, symbol, desk.recent[symbol].text, desk.recent[symbol].at)
        for symbol, book in desk.books.items()
    ]  # fmt: skip


def note_marks(ledger: Ledger, marks: list[Marked]) -> None:
    """Writes them into the status of a ledger, with its next commit."""
    ledger.note(NOTE, msgspec.json.encode(marks).decode())


def prices_in(ledger: Ledger) -> Prices:
    """Gives what a ledger's positions were worth when its last run told; nothing where none did."""
    try:
        marks = msgspec.json.decode(ledger.notes().get(NOTE, ""), type=list[Marked])
    except msgspec.DecodeError:
        return {}
    return {(one.venue, one.symbol): (one.price, one.at) for one in marks}
