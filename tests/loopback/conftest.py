"""A client that speaks to the venue."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from venue_client import Client

    from engine.world.loopback.serving import Serving


@pytest.fixture
def client(venue: "Serving") -> "Iterator[Client]":
    """A client of that venue."""
    from venue_client import Client

    speaks = Client(venue)
    yield speaks
    speaks.close()
