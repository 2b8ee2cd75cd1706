"""Pages: a list that the exchange gives in windows of time and pages of numbered rows, put together to one."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from engine.errors import Bug, VenueError

#: Rows of a full page: the most that the exchange gives.
FULL = 1000
#: Windows or pages of one list: nobody has more, and a list that never ends is none.
MOST_PAGES = 1000


class Numbered(Protocol):
    """A row with a number that grows."""

    @property
    def id(self) -> int:
        """The number."""
        ...


R = TypeVar("R", bound=Numbered)


def rows_since(
    between: Callable[[int, int], list[R]],
    from_id: Callable[[int], list[R]],
    since_ms: int,
    now_ms: int,
    window_ms: int,
) -> list[R]:
    """Gives all rows since a time, by their numbers: window after window to the first one, from it on page by page.

    `between` gives the first page of a window (both ends are in it), `from_id` a page from a number on. Raises
    VenueError for a list without end.
    """
    start, found = since_ms, list[R]()
    for _ in range(MOST_PAGES):
        end = start + window_ms - 1
        found = _sorted(between(start, end))
        if found and (len(found) >= FULL or end < now_ms):
            return found + _after(found[-1].id, from_id)
        if found or end >= now_ms:
            return found
        start = end + 1
    raise _endless()


def pages(first: list[R], from_id: Callable[[int], list[R]]) -> list[R]:
    """Gives a first page and, where it is full, all that follow."""
    found = _sorted(first)
    return found + _after(found[-1].id, from_id) if len(found) >= FULL else found


def number_of(order_id: str) -> int:
    """Gives an order's number; raises Bug for what is none."""
    if not order_id.isascii() or not order_id.isdecimal() or len(order_id) > 19:
        raise Bug(f"no order number: {order_id[:40]!r}")
    return int(order_id)


def _after(last: int, from_id: Callable[[int], list[R]]) -> list[R]:
    found = list[R]()
    for _ in range(MOST_PAGES):
        page = from_id(last + 1)
        fresh = [row for row in _sorted(page) if row.id > last]
        found += fresh
        if len(page) < FULL or not fresh:
            return found
        last = fresh[-1].id
    raise _endless()


def _sorted(rows: list[R]) -> list[R]:
    return sorted(rows, key=lambda row: row.id)


def _endless() -> VenueError:
    return VenueError(f"the exchange's list goes on after {MOST_PAGES} pages; ask for a shorter time")
