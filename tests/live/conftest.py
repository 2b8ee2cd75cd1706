"""`hot` in this process, pointed at an account of a venue on loopback."""

from collections.abc import Callable

import pytest
from hot_runs import Said

from engine.world.loopback.serving import Serving


@pytest.fixture
def pointed(pointed: Serving, monkeypatch: pytest.MonkeyPatch) -> Serving:
    """The venue, with the environment of a user of its futures."""
    monkeypatch.setenv("HOT_LIVE__VENUE", "binance-usdm")
    monkeypatch.setenv("HOT_LIVE__STREAM_URL", pointed.futures_stream_url)
    monkeypatch.setenv("HOT_LIVE__ACCOUNT_URL", f"{pointed.futures_stream_url}/private")
    return pointed


@pytest.fixture
def hot(hot_here: Callable[..., Said]) -> Callable[..., Said]:
    """Runs `hot ...` in this process."""
    return hot_here
