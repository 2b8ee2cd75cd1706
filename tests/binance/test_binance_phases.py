"""Each phase in which a request can fail, with each verb: what is certain then, and how often it was sent."""

import socket
import ssl
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from binance_fakes import FakeTime, FakeVenue, client_for

from engine.errors import VenueError
from engine.world.binance.client import RETRIES, Client
from engine.world.binance.codes import Market
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.spot_shapes import SpotTicket
from engine.world.binance.trouble import Doubtful, Lost, NotSent
from engine.world.binance.usdm_account import UsdmAccount
from engine.world.binance.usdm_orders import UsdmOrders
from engine.world.binance.usdm_shapes import UsdmTicket

VALUES: dict[str, Any] = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": Decimal(1), "new_client_order_id": "h1",
}  # fmt: skip
Verb = tuple[Market, Callable[[Client], object]]
READS: dict[str, Verb] = {
    "GET an order": ("spot", lambda c: SpotOrders(c).query("BTCUSDT", "h1")),
    "GET positions": ("usdm", lambda c: UsdmAccount(c).positions()),
    "POST a listen key": ("usdm", lambda c: UsdmAccount(c).open_stream()),
    "PUT a listen key": ("usdm", lambda c: UsdmAccount(c).keep_stream()),
}
ORDERS: dict[str, Verb] = {
    "POST an order on spot": ("spot", lambda c: SpotOrders(c).place(SpotTicket(**VALUES))),
    "POST an order on futures": ("usdm", lambda c: UsdmOrders(c).place(UsdmTicket(**VALUES))),
    "POST an urgent order": ("usdm", lambda c: UsdmOrders(c).place(UsdmTicket(**VALUES), urgent=True)),
    "DELETE an order on spot": ("spot", lambda c: SpotOrders(c).cancel("BTCUSDT", "h1")),
    "DELETE an order on futures": ("usdm", lambda c: UsdmOrders(c).cancel("BTCUSDT", "h1")),
    "DELETE all stops": ("usdm", lambda c: UsdmOrders(c).cancel_all_algos("BTCUSDT")),
}
CHANGES: dict[str, Verb] = {"POST a leverage": ("usdm", lambda c: UsdmAccount(c).set_leverage("BTCUSDT", 5))}


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


BEFORE: dict[str, Callable[[], Exception]] = {
    "name lookup": lambda: caused(httpx.ConnectError("x"), socket.gaierror("x")),
    "connect": lambda: httpx.ConnectTimeout("x"),
    "TLS": lambda: caused(httpx.ConnectError("x"), ssl.SSLError("x")),
    "proxy": lambda: httpx.ProxyError("x"),
    "waiting for a free connection": lambda: httpx.PoolTimeout("x"),
}
AFTER: dict[str, Callable[[], Exception]] = {
    "sending": lambda: httpx.WriteError("x"),
    "waiting": lambda: httpx.ReadTimeout("x"),
    "answer": lambda: httpx.RemoteProtocolError("x"),
}


def asked(verb: Verb, failure: Callable[[], Exception], folder: Path) -> tuple[VenueError | Doubtful, int]:
    """Asks while nothing but a failure comes; gives what was raised, and how often it was tried."""
    venue = FakeVenue(FakeTime())
    market, call = verb
    for _ in range(RETRIES + 2):
        venue.fails(failure())
    with pytest.raises((VenueError, Doubtful)) as raised:
        call(client_for(market, venue, folder))
    return raised.value, len(venue.requests)


@pytest.mark.parametrize("phase", BEFORE)
@pytest.mark.parametrize("verb", [*READS, *ORDERS, *CHANGES])
def test_what_never_left_was_not_done(verb: str, phase: str, tmp_path: Path) -> None:
    error, tries = asked((READS | ORDERS | CHANGES)[verb], BEFORE[phase], tmp_path)
    assert isinstance(error, NotSent) and error.phase == phase
    assert tries == (RETRIES + 1 if verb in READS else 1)


@pytest.mark.parametrize("phase", AFTER)
@pytest.mark.parametrize("verb", [*READS, *ORDERS, *CHANGES])
def test_what_left_is_asked_again_only_if_that_changes_nothing(verb: str, phase: str, tmp_path: Path) -> None:
    error, tries = asked((READS | ORDERS | CHANGES)[verb], AFTER[phase], tmp_path)
    if verb in ORDERS:
        assert isinstance(error, Doubtful) and tries == 1
    else:
        assert isinstance(error, Lost) and error.phase in (phase, "answer")
        assert tries == (RETRIES + 1 if verb in READS else 1)
