"""Dust (spot): coins that a closed position left because they are too few to sell. They join the next position.

The position that leaves them counts them as lost. The one that they join is given them at the price of the purchase
that they meet, and counts that as gained: no closed trade changes, and all profits together are what the money did.
"""

from decimal import Decimal
from hashlib import sha256

from engine.matching.events import Executed
from engine.matching.units import e8, from_e8, plain
from engine.records.account import AccountHolding, Execution
from engine.records.trades import DUST, Fill, ReconcileDiff
from engine.stages.account_order import AccountOrder
from engine.stages.desk import Book
from engine.stages.effects import Made


def left(order: AccountOrder, book: Book) -> None:
    """Keeps what a position that closes leaves. Elsewhere than on spot the exchange has no such coins."""
    if order.setup.locks and book.qty > 0:
        order.state.dust[book.symbol] = of(order, book.symbol) + book.qty


def of(order: AccountOrder, symbol: str) -> Decimal:
    """Gives the dust of a symbol."""
    return order.state.dust.get(symbol, Decimal(0))


def joined(order: AccountOrder, book: Book, met: Executed, at: int) -> list[Made]:
    """Gives the dust of a symbol to a position that has just bought: from now on it is protected and sold with it."""
    qty = order.state.dust.pop(book.symbol, None)
    if qty is None:
        return []
    worth = e8(qty * met.price)
    text = "\x1f".join((book.venue, book.symbol, plain(qty), met.trade_id))
    scale = order.scale(book.symbol)
    before = scale.steps(book.qty)
    order.desk.find(book, qty, worth)
    book.exits.entered(scale.steps(book.qty) - before, scale.ticks(book.entry_price, up=True))
    fill = Fill(
        at=at, venue=book.venue, symbol=book.symbol, venue_at=met.venue_at, client_id=met.client_id,
        trade_id="dust-" + sha256(text.encode()).hexdigest()[:20], side="buy", purpose="entry", reason=DUST,
        qty=plain(qty), price=plain(met.price), notional=plain(from_e8(worth)), fee="0",
        fee_asset=order.desk.state.rules[book.symbol].quote, fee_quote="0", liquidity="taker",
    )  # fmt: skip
    return [fill, order.position(book, DUST, at)]


def spent(order: AccountOrder, told: Execution) -> None:
    """Takes a fee out of the dust of the asset that it was paid in; one in the bought coin never came in."""
    symbol = told.fee_asset + order.desk.state.rules[told.symbol].quote
    if symbol in order.state.dust and (symbol, told.side) != (told.symbol, "buy"):
        _set(order, symbol, of(order, symbol) - Decimal(told.fee))


def gone(order: AccountOrder, told: AccountHolding, ours: Decimal) -> list[Made]:
    """Takes note where less is there than positions and dust: then dust went first, and somebody has sold it."""
    before = of(order, told.symbol)
    now = min(before, max(Decimal(told.qty) - ours, Decimal(0)))
    if now == before:
        return []
    _set(order, told.symbol, now)
    return [
        ReconcileDiff(
            at=told.at, venue=told.venue, symbol=told.symbol, what="dust", ours=plain(before), theirs=plain(now)
        )
    ]


def _set(order: AccountOrder, symbol: str, qty: Decimal) -> None:
    if qty > 0:
        order.state.dust[symbol] = qty
    else:
        order.state.dust.pop(symbol, None)
