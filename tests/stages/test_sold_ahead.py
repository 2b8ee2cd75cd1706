"""Executions of an account come in any order: what a stop sold before the purchase is known is taken out of that."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage_builders import START, S, V, all_rules, examples, rules

from engine.records.account import Execution, OrderReport, ReportStatus
from engine.records.base import Record
from engine.records.ideas import ExitPlan
from engine.records.trades import Fill, OrderAttempt, Position, Purpose
from engine.stages.desk import DeskSettings
from engine.stages.effects import Send
from engine.stages.exits import Exit
from engine.stages.live_order import LiveOrder, LiveSetup
from engine.stages.order import Sent
from engine.stages.recent import Recent

ENTRY, STOP = "h-entry", "h-stop"


def order_stage(qty: str) -> LiveOrder:
    """A stage that has sent an entry, while a stop of an earlier position still stands."""
    stage = LiveOrder(DeskSettings(), all_rules(), LiveSetup(locks=False, strategy="x", plan=ExitPlan(stop_pct=5)))
    stage.desk.learn(rules(START, tick="0.01", step="0.001", min_notional="5"))
    stage.desk.state.recent[S] = Recent()
    stage.desk.state.recent[S].start("100", START)
    purposes: dict[str, Purpose] = {ENTRY: "entry", STOP: "protect"}
    for client_id, purpose in purposes.items():
        stage.state.sent[client_id] = Sent(attempt=attempt(client_id, purpose, qty), plan=ExitPlan(stop_pct=5))
    return stage


def attempt(client_id: str, purpose: Purpose, qty: str) -> OrderAttempt:
    return OrderAttempt(
        at=START, venue=V, symbol=S, strategy="x", client_id=client_id, intent_key=client_id,
        side="buy" if purpose == "entry" else "sell", purpose=purpose, reason=purpose.upper(),
        order_type="market" if purpose == "entry" else "stop", qty=qty, limit_price=None, reference_price="100",
    )  # fmt: skip


def executed(client_id: str, number: int, qty: Decimal, price: Decimal) -> Execution:
    return Execution(
        at=START + number, venue=V, symbol=S, venue_at=START + number, client_id=client_id,
        trade_id=f"{client_id}-{number}", side="buy" if client_id == ENTRY else "sell", qty=f"{qty}",
        price=f"{price}", notional=f"{qty * price}", fee=f"{qty / 1000}", fee_asset="USDT", liquidity="taker",
    )  # fmt: skip


def told(stage: LiveOrder, facts: list[Record]) -> list[Record]:
    return [made for fact in facts for made in stage.take(fact) if isinstance(made, Record)]


def assert_positions_follow(records: list[Record]) -> None:
    """What a position bought is told before what it sold, and it is closed by what its own fills leave: nothing."""
    held = Decimal(0)
    for one in records:
        if isinstance(one, Fill):
            held += Decimal(one.qty) if one.side == "buy" else -Decimal(one.qty)
            assert held >= 0
        elif isinstance(one, Position):
            assert Decimal(one.qty) == held
    assert (held, records[-1].status) == (0, "closed")


parts = st.lists(st.integers(1, 400), min_size=1, max_size=4)


@examples(200)
@given(bought=parts, sold=parts, data=st.data())
def test_in_whatever_order_executions_come_the_books_are_those_of_the_exchange(bought, sold, data) -> None:
    sold = [*sold[:-1], max(1, sum(bought) - sum(sold[:-1]))] if sum(sold) <= sum(bought) else list(bought)
    whole = f"{Decimal(sum(bought)) / 1000}"
    facts = [executed(ENTRY, i, Decimal(qty) / 1000, Decimal(100 + i)) for i, qty in enumerate(bought)]
    facts += [executed(STOP, 50 + i, Decimal(qty) / 1000, Decimal(90 + i)) for i, qty in enumerate(sold)]
    stage = order_stage(whole)
    cash = stage.desk.state.cash_e8
    records = told(stage, data.draw(st.permutations(facts)))
    fills = [one for one in records if isinstance(one, Fill)]
    assert sorted(one.trade_id for one in fills) == sorted(one.trade_id for one in facts)
    assert stage.desk.state.books == {}
    assert_positions_follow(records)
    money = sum((1 if one.side == "sell" else -1) * Decimal(one.notional) - Decimal(one.fee_quote) for one in fills)
    assert abs(Decimal(stage.desk.state.cash_e8 - cash).scaleb(-8) - money) < Decimal("0.000001")


@pytest.mark.parametrize("ends", ["cancelled", "filled"])
def test_what_an_entry_that_is_over_never_brought_is_sold_elsewhere(ends: ReportStatus) -> None:
    stage = order_stage("2")
    told(stage, [executed(ENTRY, 1, Decimal(1), Decimal(100)), executed(STOP, 2, Decimal(2), Decimal(99))])
    book = stage.desk.state.books[S]
    again = stage.leave_at_once(book, Exit("TIME", book.exits.left, None), START + 2)
    assert not any(isinstance(one, Send) for one in again), "it is sold already"
    made = stage.take(OrderReport(at=START + 3, venue=V, symbol=S, client_id=ENTRY, status=ends))
    assert [one.trade_id for one in made if isinstance(one, Fill)] == [f"{STOP}-2"]
    assert stage.desk.state.books == {} and ENTRY not in stage.state.sent


def test_an_exit_that_was_refused_is_not_sent_again_under_its_id_at_the_same_instant() -> None:
    stage = order_stage("2")
    told(stage, [executed(ENTRY, 1, Decimal(2), Decimal(100))])
    book = stage.desk.state.books[S]
    sent = []
    for reason in ("TIME", "UNPROTECTED", "TIME", "UNPROTECTED"):
        sent += [one.attempt.client_id for one in stage.leave_at_once(book, Exit(reason, 2000, None), START + 9)
                 if isinstance(one, Send)]  # fmt: skip
        book.exits.unsold(reason, 2000)
    assert len(sent) == len(set(sent)) == 2
    again = stage.leave_at_once(book, Exit("TIME", 2000, None), START + 10)
    assert next(one.attempt.client_id for one in again if isinstance(one, Send)) not in sent
