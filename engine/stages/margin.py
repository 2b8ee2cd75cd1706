"""Margin of what is held: what a venue lends on it, when the venue closes it, and what funding does to it."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from engine.matching.margin import Tier, funding_amount, liquidation_price, tiers_of
from engine.matching.units import Scale, e8, from_e8, plain
from engine.records.market import SymbolRules
from engine.records.trades import FundingPayment
from engine.stages.desk import Book, DeskSettings, DeskState
from engine.stages.funding import Due, fallen_due


def margin_tiers(settings: DeskSettings, rules: SymbolRules) -> Sequence[Tier]:
    """Gives a symbol's tiers of maintenance margin: those of its rules, else the rate of the settings alone."""
    if rules.margin_tiers:
        return tiers_of((Decimal(tier.floor), Decimal(tier.rate)) for tier in rules.margin_tiers)
    return tiers_of([(Decimal(0), Decimal(str(settings.maintenance_rate)))])


def guard(book: Book, scale: Scale, tiers: Sequence[Tier]) -> None:
    """Sets the prices, in ticks, that liquidate a position and at which its margin is gone; 0 where nothing is owed.

    Both go up to the next tick: less exposure, never a better price.
    """
    exits, steps = book.exits, scale.steps(book.qty)
    exits.liquidation = exits.bankruptcy = 0
    if book.owed_e8 <= 0 or steps <= 0:
        return
    price = liquidation_price(1, book.qty, from_e8(book.cost_e8), from_e8(book.margin_e8), tiers)
    exits.bankruptcy = scale.least_price(book.owed_e8, steps)
    exits.liquidation = max(exits.bankruptcy, scale.ticks(price, up=True) if price is not None else 0)


def paid(desk: DeskState, before: int, at: int) -> Iterator[tuple[Book, FundingPayment]]:
    """Books the funding that was due before a time; gives each position that was held then, with what it paid or got.

    A position is held through a funding time that lies after its opening; each counts once, however often it is told.
    """
    for symbol, due in fallen_due(desk.funding, before):
        book = desk.books.get(symbol)
        if book is not None and book.venue == due.venue and max(book.opened_at, book.funded_at) < due.due_at:
            yield book, _fund(book, due, desk.recent[symbol].text, at)


def _fund(book: Book, due: Due, last_price: str, at: int) -> FundingPayment:
    """Funding goes out of the margin of an isolated position, or into it, and moves the price that liquidates it."""
    price = Decimal(due.mark_price or last_price)
    amount = e8(funding_amount(1, book.qty, price, Decimal(due.rate)))
    amount = max(amount, -book.margin_e8)
    book.owed_e8 -= amount
    book.realised_e8 += amount
    book.funded_at = due.due_at
    return FundingPayment(
        at=at, venue=book.venue, symbol=book.symbol, due_at=due.due_at, rate=due.rate, price=plain(price),
        qty=plain(book.qty), amount=plain(from_e8(amount)),
    )  # fmt: skip
