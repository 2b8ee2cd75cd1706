"""Columns of numbers: what is believed at a glance is believed one by one as well."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import BadRecord
from engine.records.glance import are_amounts, are_prices, are_rates
from engine.records.market import amount, price, signed

TEXTS = st.lists(st.text("0123456789.,-+eN \n٣", max_size=20) | st.decimals(0, 10**14).map(str), max_size=4)


@given(TEXTS)
def test_what_passes_at_a_glance_is_read_one_by_one(texts: list[str]) -> None:
    for glance, read in ((are_prices, price), (are_amounts, amount), (are_rates, signed)):
        if glance(texts):
            for text in texts:
                read(text)


@given(st.lists(st.decimals(0, 10**14, places=8).map("{:f}".format), max_size=4))
def test_plain_decimals_pass(texts: list[str]) -> None:
    assert are_amounts(texts)
    assert are_rates([f"-{text}" for text in texts])


@pytest.mark.parametrize("texts", [["1,2"], ["1", "2,"], [",1"], ["0"], ["0.00"], ["-1"], [""], ["1" * 16], ["1\n"]])
def test_what_is_no_price_does_not_pass(texts: list[str]) -> None:
    assert not are_prices(texts)
    with pytest.raises(BadRecord):
        [price(text) for text in texts]
