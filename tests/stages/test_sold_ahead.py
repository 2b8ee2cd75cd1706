"""Executions of an account come in any order: what a stop sold before the purchase is known is taken out of that."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_stage import ENTRY, STOP, executed, order_stage, told
from stage_builders import START, S, V, examples

from engine.records.account import OrderReport, ReportStatus
from engine.records.base import Record
from engine.records.trades import Fill, Position
from engine.stages.effects import Send
from engine.stages.exits import Exit


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
    [fill] = [one for one in made if isinstance(one, Fill)]
    assert (fill.trade_id, fill.qty, fill.notional) == (f"{STOP}-2", "1", "99")
    assert stage.desk.state.books == {} and ENTRY not in stage.state.sent
