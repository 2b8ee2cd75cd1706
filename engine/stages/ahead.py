"""Sales that are told before the purchase they come out of: executions of an account come in any order.

A stop that closes whatever is held may sell what an entry has just bought, and its execution may be heard first. A sale
of more than is known to be held waits, as a whole, for that entry's own executions: so what a position bought is told
before what it sold.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.matching.events import Executed
from engine.stages.account_order import AccountOrder
from engine.stages.effects import Made
from engine.stages.order_records import fill_of
from engine.stages.order_state import Sent


def awaited(sent: Iterable[Sent], symbol: str, is_more: bool) -> Sent | None:
    """Gives the entry that a sale waits for: where it `is_more` than is held, or others wait already; else None."""
    for one in sent:
        is_entry = one.attempt.symbol == symbol and one.attempt.purpose == "entry"
        if is_entry and (one.early or (is_more and one.filled < Decimal(one.attempt.qty))):
            return one
    return None


def is_told(sent: Iterable[Sent], symbol: str) -> bool:
    """Says whether everything that was heard of a symbol is in its books."""
    return not any(one.early for one in sent if one.attempt.symbol == symbol)


def settled(order: AccountOrder, entry: Sent, at: int, *, is_over: bool = False) -> list[Made]:
    """Gives the records of what was sold ahead of an entry and can be taken out of what it has brought.

    When the entry `is_over` nothing more will come of it: what was sold beyond is not ours.
    """
    made: list[Made] = []
    symbol = entry.attempt.symbol
    while entry.early and (book := order.desk.state.books.get(symbol)) is not None:
        attempt, done, noted = msgspec.structs.astuple(entry.early[0])
        if done.qty > book.qty and not is_over:
            break
        del entry.early[0]
        if not noted:
            book.exits.sold(attempt.reason, order.scale(symbol).steps(done.qty))
        ours = part_of(done, book.qty)
        made += [fill_of(attempt, ours, at), *order.sold(book, attempt.reason, ours, at)]
    return made


def part_of(done: Executed, qty: Decimal) -> Executed:
    """Gives an execution, or `qty` of it where it is of more; money goes with the quantity."""
    if done.qty <= qty:
        return done
    notional, fee, fee_quote = (round(one * qty / done.qty, 8) for one in (done.notional, done.fee, done.fee_quote))
    return msgspec.structs.replace(done, qty=qty, notional=notional, fee=fee, fee_quote=fee_quote)
