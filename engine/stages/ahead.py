"""Sales that are told before the purchase they come out of: executions of an account come in any order.

A stop that closes whatever is held may sell what an entry has just bought, and its execution may be heard first. What
is sold beyond what is known to be held waits for that entry's own executions, and is taken out of them at once.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from engine.matching.events import Executed
from engine.stages.effects import Made

if TYPE_CHECKING:
    from engine.stages.live_order import LiveOrder
    from engine.stages.order import Sent


def awaited(sent: Iterable["Sent"], symbol: str) -> "Sent | None":
    """Gives the entry of a symbol whose executions are not all known, None where there is none."""
    return next(
        (
            one for one in sent
            if one.attempt.symbol == symbol and one.attempt.purpose == "entry"
            and one.filled < Decimal(one.attempt.qty)
        ),
        None,
    )  # fmt: skip


def parted(done: Executed, qty: Decimal) -> tuple[Executed, Executed]:
    """Gives an execution as two: `qty` of it, and the rest; money goes with the quantity."""
    notional, fee = round(done.notional * qty / done.qty, 8), round(done.fee_quote * qty / done.qty, 8)
    first = msgspec.structs.replace(done, qty=qty, notional=notional, fee_quote=fee)
    rest = msgspec.structs.replace(
        done, qty=done.qty - qty, notional=done.notional - notional, fee_quote=done.fee_quote - fee
    )
    return first, rest


def settled(order: "LiveOrder", entry: "Sent", at: int) -> list[Made]:
    """Takes out of what an entry has brought what was sold ahead of it; gives the records of it."""
    made: list[Made] = []
    symbol = entry.attempt.symbol
    while entry.ahead and (book := order.desk.state.books.get(symbol)) is not None:
        reason, done = entry.ahead.pop(0)
        now, later = parted(done, min(done.qty, book.qty))
        if later.qty:
            entry.ahead.insert(0, (reason, later))
        book.exits.sold(reason, order.scale(symbol).steps(now.qty))
        made += order.sold(book, reason, now, at)
    return made
