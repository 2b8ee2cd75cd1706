"""What the tests of streams share."""

from collections.abc import Iterator

import pytest
from tiny_exchange import TinyStreams


@pytest.fixture
def streams() -> Iterator[TinyStreams]:
    """A websocket server on loopback."""
    server = TinyStreams()
    yield server
    server.close()
