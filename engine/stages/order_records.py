"""What the order stage writes of an order and of the position it changes."""

from decimal import Decimal

from engine.matching.events import Executed
from engine.matching.units import Scale, from_e8, plain
from engine.records.base import written
from engine.records.desk import No
from engine.records.ideas import Refusal
from engine.records.ids import client_id
from engine.records.trades import Fill, Intent, OrderAttempt, OrderResult, OrderStatus, Position
from engine.stages.desk import Book


def entry_of(intent: Intent) -> OrderAttempt:
    """Gives the first attempt of an entry."""
    return OrderAttempt(
        at=intent.at, venue=intent.venue, symbol=intent.symbol, strategy=intent.strategy,
        client_id=client_id(intent.intent_key, 1), intent_key=intent.intent_key, side=intent.side,
        purpose="entry", reason="ENTRY", order_type=intent.order_type, qty=intent.qty,
        limit_price=intent.limit_price, reference_price=intent.price,
    )  # fmt: skip


def exit_of(book: Book, reason: str, key: str, at: int, qty: Decimal, price: Decimal, resting: bool) -> OrderAttempt:
    """Gives the attempt of an exit; one that was `resting` is filled at its limit, any other at the market."""
    return OrderAttempt(
        at=at, venue=book.venue, symbol=book.symbol, strategy=book.strategy, client_id=client_id(key, 1),
        intent_key=key, side="sell", purpose="exit", reason=reason, order_type="limit" if resting else "market",
        qty=plain(qty), limit_price=plain(price) if resting else None, reference_price=plain(price),
    )  # fmt: skip


def refusal_of(intent: Intent, at: int, no: No, rule: str | None) -> Refusal:
    """Gives the refusal of an intent; `rule` is the code of the rule that said no, where one did."""
    return Refusal(
        at=at, venue=intent.venue, symbol=intent.symbol, stage="order", code=no.code, precheck_code=rule,
        value=written(no.value), limit=written(no.limit), side=intent.side,
    )  # fmt: skip


def fill_of(attempt: OrderAttempt, done: Executed, at: int) -> Fill:
    """Gives the fill that an execution of an attempt is."""
    return Fill(
        at=at, venue=attempt.venue, symbol=attempt.symbol, venue_at=done.venue_at, client_id=attempt.client_id,
        trade_id=done.trade_id, side=attempt.side, purpose=attempt.purpose, reason=attempt.reason,
        qty=plain(done.qty), price=plain(done.price), notional=plain(done.notional), fee=plain(done.fee),
        fee_asset=done.fee_asset, fee_quote=plain(done.fee_quote), liquidity=done.liquidity,
        ambiguous=done.ambiguous,
    )  # fmt: skip


def result_of(attempt: OrderAttempt, filled: Decimal, at: int, status: OrderStatus, code: str | None) -> OrderResult:
    """Gives what has become of an order that has filled so much."""
    return OrderResult(
        at=at, venue=attempt.venue, symbol=attempt.symbol, client_id=attempt.client_id, status=status,
        filled_qty=plain(filled), code=code,
    )  # fmt: skip


def position_of(book: Book, scale: Scale, reason: str, at: int, dust: Decimal | None = None) -> Position:
    """Gives a position as it is after a change; it is closed where `dust` says what is written off."""
    liquidation = scale.price(book.exits.liquidation) if book.qty else Decimal(0)
    return Position(
        at=at, venue=book.venue, symbol=book.symbol, strategy=book.strategy,
        status="open" if dust is None else "closed", qty=plain(book.qty),
        entry_price=plain(round(book.entry_price, 12)), opened_at=book.opened_at,
        realised_pnl=plain(Decimal(book.realised_e8).scaleb(-8)),
        fees_quote=plain(Decimal(book.fees_e8).scaleb(-8)), reason=reason, dust=plain(dust or Decimal(0)),
        margin=plain(from_e8(book.margin_e8)) if book.owed_e8 else None,
        liquidation_price=plain(liquidation) if liquidation else None,
    )  # fmt: skip
