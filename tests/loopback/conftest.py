"""A venue on a port of its own, and a client that speaks to it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from venue_client import Client

    from engine.world.loopback.serving import Serving


@pytest.fixture
def venue() -> "Iterator[Serving]":
    """A venue whose prices stand still."""
    pytest.importorskip("websockets")
    from engine.world.loopback.market.generated import Generated
    from engine.world.loopback.serving import serving
    from engine.world.loopback.venue import VenueOptions

    with serving(VenueOptions(seed=7, market=Generated(7, volatility=0.0, history_minutes=30))) as served:
        yield served


@pytest.fixture
def client(venue: "Serving") -> "Iterator[Client]":
    """A client of that venue."""
    from venue_client import Client

    speaks = Client(venue)
    yield speaks
    speaks.close()
