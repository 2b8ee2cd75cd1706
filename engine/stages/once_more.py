"""Once more: an entry that was refused because rules had changed, or our clock was off, is mended and tried once."""

from decimal import Decimal

import msgspec

from engine.matching.units import e8, plain
from engine.records.base import written
from engine.records.desk import Draft, No
from engine.records.ideas import Refusal
from engine.records.ids import client_id
from engine.records.market import SymbolRules
from engine.records.trades import OrderAttempt
from engine.stages.account_order import AccountOrder
from engine.stages.effects import Made
from engine.stages.order_state import Sent
from engine.stages.size import floor_to, round_price, step_of

#: A refusal that comes later than this is of another market.
WITHIN_MS = 20_000
#: Refusals of an order's stamp.
CLOCK_IS_OFF = frozenset({"-1021", "-5028"})


def once_more(order: AccountOrder, refused: Sent, code: str | None, at: int) -> list[Made]:
    """Gives the second attempt of an entry, or the refusal of what is left of it.

    Nothing where the exchange did not refuse it, where it was the second already, or where the rules as they are known
    now let it pass: then they were not the reason. Nor are they where its stamp was: the clock was measured since.
    """
    attempt = refused.attempt
    rules = order.desk.state.rules.get(attempt.symbol)
    was_asked = code is not None and code.startswith("-")
    if rules is None or not was_asked or attempt.attempt > 1 or at - attempt.at > WITHIN_MS:
        return []
    if code not in CLOCK_IS_OFF and _exchange_no(order, attempt, rules, at) is None:
        return []
    fitted = _fitted(attempt, rules, at)
    no, layer = _exchange_no(order, fitted, rules, at), "PRECHECK_FAILED"
    if no is None:
        no, layer = _account_no(order, fitted, rules, at), "ACCOUNT_CHANGED"
    if no is not None:
        order.state.codes[attempt.symbol] = layer
        return [_refusal(fitted, no, layer)]
    return [order.reserve_again(fitted, refused.plan, e8(_draft(fitted, at).notional, up=True))]


def _fitted(attempt: OrderAttempt, rules: SymbolRules, at: int) -> OrderAttempt:
    """Gives the attempt on the grid as it is now, never more than it was, under an id of its own."""
    limit = attempt.limit_price
    if limit is not None:
        limit = plain(round_price(Decimal(limit), Decimal(rules.tick), attempt.side))
    return msgspec.structs.replace(
        attempt, at=at, attempt=2, client_id=client_id(attempt.intent_key, 2), limit_price=limit,
        qty=plain(floor_to(Decimal(attempt.qty), step_of(rules, attempt.order_type))),
    )  # fmt: skip


def _exchange_no(order: AccountOrder, attempt: OrderAttempt, rules: SymbolRules, at: int) -> No | None:
    return order.no_of(order.exchange_rules, _draft(attempt, at), rules)


def _account_no(order: AccountOrder, attempt: OrderAttempt, rules: SymbolRules, at: int) -> No | None:
    # It is the same entry: its first attempt does not stand in its own way.
    order.desk.state.day_entries -= 1
    no = order.no_of(order.account_rules, _draft(attempt, at), rules)
    order.desk.state.day_entries += 1
    return no


def _draft(attempt: OrderAttempt, at: int) -> Draft:
    return Draft(
        symbol=attempt.symbol, side=attempt.side, order_type=attempt.order_type, qty=Decimal(attempt.qty),
        price=Decimal(attempt.limit_price or attempt.reference_price),
        reference_price=Decimal(attempt.reference_price), decided_at=at,
    )  # fmt: skip


def _refusal(attempt: OrderAttempt, no: No, code: str) -> Refusal:
    return Refusal(
        at=attempt.at, venue=attempt.venue, symbol=attempt.symbol, stage="order", code=code, precheck_code=no.code,
        value=written(no.value), limit=written(no.limit), side=attempt.side,
    )  # fmt: skip
