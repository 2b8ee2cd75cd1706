"""How much an entry may cost: never more than its share at the price it will be paid at."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from stage_builders import rules, signal

from engine.records.desk import DeskView, Draft
from engine.stages.size import SizeSettings, size_entry

prices = st.decimals("0.0001", "100000", places=4)


def desk(equity: Decimal) -> DeskView:
    return DeskView(
        at=0, equity=equity, cash=equity, holdings={}, reserved={}, drawdown_pct=0, day_loss_pct=0, risk_level="L0",
        engine_state="tradeable", engine_reason="",
    )  # fmt: skip


@given(st.decimals("10", "1000000", places=2), prices, prices, st.sampled_from(["0.01", "1", "0.0001"]))
def test_an_entry_costs_no_more_than_its_share_at_either_price(
    equity: Decimal, average: Decimal, last: Decimal, step: str
) -> None:
    draft = size_entry(SizeSettings(), signal(), desk(equity), rules(step=step), 1.0, average, last)
    assert isinstance(draft, Draft)
    share = equity / 10
    assert draft.qty * max(average, last) <= share
    assert share - draft.qty * max(average, last) < Decimal(step) * max(average, last)
    assert draft.price == max(average, last)
    assert draft.reference_price == average
