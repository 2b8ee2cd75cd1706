"""`hot` in this process."""

from collections.abc import Callable

import pytest
from hot_runs import Said


@pytest.fixture
def hot(hot_here: Callable[..., Said]) -> Callable[..., Said]:
    """Runs `hot ...` in this process."""
    return hot_here
