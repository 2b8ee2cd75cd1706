"""Settings of Binance: its addresses. Nothing heavy is imported here: every command reads them."""

from collections.abc import Mapping
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta


class Place(NamedTuple):
    """Where a Binance is: the base addresses of REST, and those of the accounts' own streams."""

    spot: str
    usdm: str
    spot_user: str
    usdm_user: str


PLACES: Mapping[str, Place] = {
    "production": Place(
        "https://api.binance.com", "https://fapi.binance.com", "wss://ws-api.binance.com:443/ws-api/v3",
        "wss://fstream.binance.com/private",
    ),
    "testnet": Place(
        "https://testnet.binance.vision", "https://testnet.binancefuture.com",
        "wss://ws-api.testnet.binance.vision/ws-api/v3", "wss://fstream.binancefuture.com/private",
    ),
    "demo": Place(
        "https://demo-api.binance.com", "https://demo-fapi.binance.com", "wss://demo-ws-api.binance.com/ws-api/v3",
        "wss://demo-fstream.binance.com/private",
    ),
}  # fmt: skip
RECV_WINDOW_MS = 5000


class BinanceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Binance is and how it is spoken to, unless live.rest_url names another place for both markets.

    `spot_url`: base address of spot: https, or http on this machine for a loopback venue. `usdm_url`: the same of
    USDT-M perpetuals. `spot_user_url`: spot's websocket API: wss, or ws on this machine. `usdm_user_url`: where futures
    tell of accounts. `recv_window_ms`: a signed request is good for so long.
    """

    spot_url: str = PLACES["production"].spot
    usdm_url: str = PLACES["production"].usdm
    spot_user_url: str = PLACES["production"].spot_user
    usdm_user_url: str = PLACES["production"].usdm_user
    recv_window_ms: Annotated[int, Meta(ge=100, le=60_000)] = RECV_WINDOW_MS
