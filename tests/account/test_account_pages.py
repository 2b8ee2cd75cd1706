"""Windows and pages put together, against a list that is given in them."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Bug, VenueError
from engine.world.account import pages
from engine.world.account.pages import number_of, rows_since


class Row(NamedTuple):
    id: int
    at: int


@given(
    times=st.lists(st.integers(0, 5_000), max_size=60), since=st.integers(0, 5_000), window=st.integers(1, 2_000),
    full=st.integers(1, 7),
)  # fmt: skip
def test_every_row_since_then_comes_once_and_in_order(times: list[int], since: int, window: int, full: int) -> None:
    rows = [Row(i * 3, at) for i, at in enumerate(sorted(times))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pages, "FULL", full)
        patch.setattr(pages, "MOST_PAGES", 10_000)
        found = rows_since(
            lambda start, end: [row for row in rows if start <= row.at <= end][:full],
            lambda first: [row for row in rows if row.id >= first][:full],
            since, 5_000, window,
        )  # fmt: skip
    assert found == [row for row in rows if row.at >= since]


def test_a_list_that_never_ends_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FULL", 1)
    monkeypatch.setattr(pages, "MOST_PAGES", 20)
    with pytest.raises(VenueError, match="pages"):
        rows_since(lambda start, end: [Row(1, 0)], lambda first: [Row(first, 0)], 0, 10, 100)
    with pytest.raises(VenueError, match="pages"):
        rows_since(lambda start, end: [], lambda first: [], 0, 10**9, 1)


def test_a_list_that_goes_back_ends_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "FULL", 1)
    assert rows_since(lambda start, end: [Row(5, 0)], lambda first: [Row(2, 0)], 0, 10, 100) == [Row(5, 0)]


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "1" * 20, "１２"])
def test_what_is_no_order_number(text: str) -> None:
    with pytest.raises(Bug):
        number_of(text)
