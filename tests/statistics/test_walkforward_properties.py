"""What holds for any walk-forward."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import UsageError
from engine.statistics.walkforward import Efficiency, walk_forward, walk_forward_efficiency


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(0, 200),
    train=st.integers(1, 60),
    test=st.integers(1, 30),
    step=st.integers(1, 40),
    anchored=st.booleans(),
    purge=st.integers(0, 10),
)
def test_no_window_trains_on_what_it_tests(
    n: int, train: int, test: int, step: int, anchored: bool, purge: int
) -> None:
    windows = walk_forward(n, train, test, step, anchored, purge)
    for k, window in enumerate(windows):
        assert window.train[1] + purge == window.test[0] == train + purge + k * step
        assert window.train[0] == (0 if anchored else window.train[1] - train) >= 0
        assert window.test[1] - window.test[0] == test
        assert window.test[1] <= n
    # One window more would not fit.
    assert train + purge + len(windows) * step + test > n


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 150), st.integers(1, 40), st.integers(1, 20))
def test_tests_as_long_as_the_step_follow_each_other_without_a_gap(n: int, train: int, test: int) -> None:
    windows = walk_forward(n, train, test, test)
    assert all(a.test[1] == b.test[0] for a, b in pairwise(windows))


@pytest.mark.parametrize("trained", [[0.0, 0.0], [-0.1, 0.05], [1e-14]])
def test_nothing_can_be_efficient_against_a_training_without_return(trained: list[float]) -> None:
    assert walk_forward_efficiency(trained, [0.1] * len(trained)) == Efficiency(None, 1.0)


def test_no_windows_have_no_efficiency() -> None:
    assert walk_forward_efficiency([], []) == Efficiency(None, None)


def test_a_window_without_its_counterpart_is_refused() -> None:
    with pytest.raises(UsageError, match="2 returns in sample, but 1 out of sample"):
        walk_forward_efficiency([0.1, 0.2], [0.1])


@pytest.mark.parametrize("wrong", ["train", "test", "step"])
def test_a_window_of_nothing_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match=f"{wrong} must be at least 1"):
        walk_forward(**{"n": 100, "train": 10, "test": 10, "step": 10, wrong: 0})


def test_a_negative_purge_is_refused() -> None:
    with pytest.raises(UsageError, match="purge"):
        walk_forward(100, 10, 10, 10, purge=-1)
