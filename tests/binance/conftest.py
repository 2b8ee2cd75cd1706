from collections.abc import Callable
from pathlib import Path

import pytest
from binance_fakes import FakeTime, FakeVenue, client_for

from engine.world.binance.client import Client

MakeClient = Callable[..., Client]


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def venue(fake_time: FakeTime) -> FakeVenue:
    return FakeVenue(fake_time)


@pytest.fixture
def spot(venue: FakeVenue, tmp_path: Path) -> Client:
    return client_for("spot", venue, tmp_path)


@pytest.fixture
def usdm(venue: FakeVenue, tmp_path: Path) -> Client:
    return client_for("usdm", venue, tmp_path)
