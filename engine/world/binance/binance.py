"""Binance as one thing: settings and a key in, the endpoints of both markets out, over one set of connections."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.world.binance.budget import Budget
from engine.world.binance.client import RECV_WINDOW_MS, Client
from engine.world.binance.http import Link
from engine.world.binance.keys import Key
from engine.world.binance.rights import Use, check_rights, read_rights
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.usdm_account import UsdmAccount
from engine.world.binance.usdm_market import UsdmMarket
from engine.world.binance.usdm_orders import UsdmOrders

#: Base addresses of spot and futures by the name of the place.
PLACES: Mapping[str, tuple[str, str]] = {
    "production": ("https://api.binance.com", "https://fapi.binance.com"),
    "testnet": ("https://testnet.binance.vision", "https://testnet.binancefuture.com"),
    "demo": ("https://demo-api.binance.com", "https://demo-fapi.binance.com"),
}
#: The file of budgets and bans, in the data folder.
BUDGET_FILE = "binance-limits.db"


class BinanceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Binance is and how it is spoken to. `key` is `env`, `keyring`, or the path of a file of mode 0600.

    `spot_url` and `usdm_url` are base addresses: https, or http on this machine for a loopback venue.
    """

    spot_url: str = PLACES["production"][0]
    usdm_url: str = PLACES["production"][1]
    key: str = "env"
    recv_window_ms: Annotated[int, Meta(ge=100, le=60_000)] = RECV_WINDOW_MS


class Binance:
    """Both markets of one account, or of nobody. One is made per process; threads may share it."""

    def __init__(self, settings: BinanceSettings, data_dir: Path, *, key: Key | None = None, link: Link | None = None):
        """Opens the shared budgets in the data folder and sends nothing yet."""
        self._link = link or Link()
        self.budget = Budget(data_dir / BUDGET_FILE)
        window = settings.recv_window_ms
        self.spot = Client(
            "spot", settings.spot_url, link=self._link, budget=self.budget, key=key, recv_window_ms=window
        )
        self.usdm = Client(
            "usdm", settings.usdm_url, link=self._link, budget=self.budget, key=key, recv_window_ms=window
        )
        self.spot_market = SpotMarket(self.spot)
        self.spot_orders = SpotOrders(self.spot)
        self.usdm_market = UsdmMarket(self.usdm)
        self.usdm_orders = UsdmOrders(self.usdm)
        self.usdm_account = UsdmAccount(self.usdm)

    def check_key(self, use: Use) -> list[str]:
        """Gives warnings about the key; raises KeyRefused for one that may withdraw or may not trade.

        Asked once, before the first order.
        """
        rights = read_rights(self.spot)
        return [] if rights is None else check_rights(rights, use)

    def close(self) -> None:
        """Closes connections and budgets."""
        self._link.close()
        self.budget.close()

    def __enter__(self) -> "Binance":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
