"""Income: what futures positions brought and cost, through as many windows and pages as it takes."""

from engine.errors import VenueError
from engine.world.account.pages import FULL, MOST_PAGES
from engine.world.binance.usdm_account import UsdmAccount
from engine.world.binance.usdm_shapes import Income

WINDOW_MS = 7 * 86_400_000


def income_since(account: UsdmAccount, since_ms: int, now_ms: int) -> list[Income]:
    """Gives every row since a time, oldest first.

    A page that is full is followed by one that begins at its last row's time: the rows of that instant come twice.
    Raises VenueError for a list without end.
    """
    found: dict[tuple[int, str, str], Income] = {}
    start = since_ms
    for _ in range(MOST_PAGES):
        end = start + WINDOW_MS - 1
        page = account.income(start_ms=start, end_ms=end, limit=FULL)
        before = len(found)
        for row in page:
            found.setdefault((row.tran_id, row.income_type, row.symbol), row)
        if len(page) < FULL:
            if end >= now_ms:
                return sorted(found.values(), key=lambda row: (row.time, row.tran_id))
            start = end + 1
        elif len(found) == before:
            break
        else:
            start = max(row.time for row in page)
    raise VenueError("the exchange's list of income has no end; ask for a shorter time")
