"""What can go wrong between us and the exchange, sorted by what is certain about the request.

VenueError (69)
├── NotSent        no byte of it left: nothing happened at the exchange
│   ├── Tripped        the exchange failed too often: no entries before the operator resumes
│   └── Limited        a budget is used up or the exchange told us to wait, until a time
│       └── Banned         the exchange shut this address out, until a time
├── Lost           it left and no whole answer came; a read may be asked again
├── Unreadable     an answer came that is none
└── Rejected       the exchange said no, for sure; `sort` says what that means
InDoubt (75)
└── Doubtful       an order left and nobody knows what became of it
KeyRefused (77)    401, 403, 451, and what the exchange says about keys
"""

from datetime import UTC, datetime
from enum import Enum

from engine.errors import InDoubt, VenueError


class Sort(Enum):
    """What an answer means for whoever asked."""

    FINE = "it already is as asked"
    FIX = "the request is wrong; never send it again as it is"
    FILTER = "a filter of the symbol says no; read its rules again"
    STATE = "balance, position or price do not allow it now; look again and decide anew"
    ABSENT = "the exchange knows no such order; right after sending that proves nothing"
    DUPLICATE = "an order with this id is there already; look it up"
    WAIT = "the exchange is busy; it was not done"
    RESYNC = "our clock is off; it was not done"
    AUTH = "the key is not good for this"
    SYMBOL = "the symbol cannot be traded"
    ENTRIES = "only exits are allowed, or trading is restricted"
    UNKNOWN = "the exchange does not say whether it was done"


#: The phase of a request that the exchange turned away unread: it did arrive.
TURNED_AWAY = "answer"


class NotSent(VenueError):
    """No byte of the request left, or it was turned away unread; `phase` says how far it came."""

    def __init__(self, text: str, phase: str) -> None:
        """Takes what happened, and in which phase."""
        super().__init__(text)
        self.phase = phase


class Tripped(NotSent):
    """The breaker is open: an entry was held back, and will be until the operator resumes."""

    def __init__(self, text: str) -> None:
        """Takes what happened."""
        super().__init__(text, "breaker")


class Limited(NotSent):
    """The request was held back, or turned away unread, because of its number; `until_ms` is when to try again."""

    def __init__(self, text: str, until_ms: int, phase: str = "limits") -> None:
        """Takes what happened, and when to try again (epoch ms, the exchange's time)."""
        super().__init__(text, phase)
        self.until_ms = until_ms


class Banned(Limited):
    """The exchange shut this machine's address out; asking on would lengthen it."""


class Lost(VenueError):
    """The request left, at least in part, and no whole answer came."""

    def __init__(self, text: str, phase: str) -> None:
        """Takes what happened, and in which phase."""
        super().__init__(text)
        self.phase = phase


class Unreadable(VenueError):
    """The answer is not what this endpoint answers."""


class Rejected(VenueError):
    """The exchange's no. `venue_code` is its number for it, `said` its words, `filter` the filter they name."""

    def __init__(
        self, text: str, *, sort: Sort, status: int, venue_code: int | None, said: str, filter: str | None = None
    ) -> None:
        """Takes the line for the operator, and what it was made of."""
        super().__init__(text)
        self.sort = sort
        self.status = status
        self.venue_code = venue_code
        self.said = said
        self.filter = filter


class Doubtful(InDoubt):
    """An order or a cancel whose outcome is unknown; `client_id` is what to look it up by."""

    def __init__(self, text: str, client_id: str | None) -> None:
        """Takes what happened, and the order's id."""
        super().__init__(text)
        self.client_id = client_id


def utc(at_ms: int) -> str:
    """Gives a time in words: 2026-11-21 13:05:07 UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
