"""Settings of Binance: its addresses. Nothing heavy is imported here: every command reads them."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

#: Base addresses of spot and futures by the name of the place.
PLACES: Mapping[str, tuple[str, str]] = {
    "production": ("https://api.binance.com", "https://fapi.binance.com"),
    "testnet": ("https://testnet.binance.vision", "https://testnet.binancefuture.com"),
    "demo": ("https://demo-api.binance.com", "https://demo-fapi.binance.com"),
}
RECV_WINDOW_MS = 5000


class BinanceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Binance is and how it is spoken to, unless live.rest_url names another place for both markets.

    `spot_url`: base address of spot: https, or http on this machine for a loopback venue. `usdm_url`: the same of
    USDT-M perpetuals. `recv_window_ms`: a signed request is good for so long.
    """

    spot_url: str = PLACES["production"][0]
    usdm_url: str = PLACES["production"][1]
    recv_window_ms: Annotated[int, Meta(ge=100, le=60_000)] = RECV_WINDOW_MS
