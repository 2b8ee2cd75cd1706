"""What should rest at an exchange for a position: its stop, its tiers, and a stop that trails."""

from engine.stages.account_order import AccountOrder
from engine.stages.desk import Book
from engine.stages.protection import TIERS, TRAIL, Wish, other_of

STOP = "STOP"


Wishes = dict[str, Wish]


def wished(order: AccountOrder, book: Book) -> Wishes:
    """Gives what should rest for a position, by leg.

    Where resting orders lock what they would sell, each coin is in one of them: a tier with a stop beside it, of which
    one ends the other, the trail, or the stop for the rest; while orders of others have some of them, only a stop
    rests, for those that are free. Elsewhere the stop closes whatever is held.
    """
    is_bound = book.symbol in order.state.protection.bound
    wishes = _tiers(order, book) if not is_bound else Wishes()
    trail = _trail(order, book) if not is_bound else None
    if trail is not None:
        wishes[TRAIL] = trail
    scale = order.scale(book.symbol)
    rest = order.free_steps(book)
    if order.setup.locks:
        rest -= sum(wish.steps for wish in wishes.values())
    if book.exits.stop:
        steps = order.selling(book.symbol, scale.price(book.exits.stop)).of_leg(rest, rest)
        if order.setup.locks:
            wishes |= {other_of(leg): Wish(book.exits.stop, one.steps) for leg, one in wishes.items() if leg != TRAIL}
        if steps > 0:
            wishes[STOP] = Wish(book.exits.stop, steps)
    return wishes


def _tiers(order: AccountOrder, book: Book) -> Wishes:
    """Gives the tiers that are left; none where one is too small or too large to rest: the program sells them all.

    That is noted, so that it stays so.
    """
    exits, symbol = book.exits, book.symbol
    if not exits.plan.resting_tiers or order.state.protection.is_by_program(symbol, TIERS):
        return {}
    scale, wishes = order.scale(symbol), Wishes()
    left = min(exits.left, scale.steps(book.qty))
    for number in range(exits.tiers_done + 1, len(exits.tiers) + 1):
        wish = Wish(exits.tiers[number - 1], min(exits.tier_left(number), left))
        if wish.steps <= 0:
            continue
        prices = [wish.ticks, exits.stop] if order.setup.locks and exits.stop else [wish.ticks]
        if not all(order.selling(symbol, scale.price(ticks)).may_rest(wish.steps) for ticks in prices):
            order.state.protection.leave_to_program(symbol, TIERS)
            return {}
        left -= wish.steps
        wishes[f"TIER_{number}"] = wish
    return wishes


def _trail(order: AccountOrder, book: Book) -> Wish | None:
    """Gives the trailing stop of a trail that is armed, and over the stop."""
    exits, symbol, scale = book.exits, book.symbol, order.scale(book.symbol)
    by_program = order.state.protection.is_by_program(symbol, TRAIL)
    if not exits.plan.resting_trail or exits.trail <= exits.stop or by_program:
        return None
    steps = min(exits.trail_left, exits.left, scale.steps(book.qty))
    steps = order.selling(symbol, scale.price(exits.trail)).of_leg(steps, steps)
    return Wish(exits.trail, steps) if steps > 0 else None
