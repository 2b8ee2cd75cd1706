"""Binance as one thing: settings and a key in, the endpoints of both markets out, over one set of connections."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

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
#: The file of budgets and bans, in the data folder.
BUDGET_FILE = "binance-limits.db"


class BinanceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where Binance is and how it is spoken to. `key` is `env`, `keyring`, or the path of a file of mode 0600.

    `spot_url` and `usdm_url` are base addresses: https, or http on this machine for a loopback venue. `spot_user_url`
    is spot's websocket API, `usdm_user_url` where futures tell of accounts: wss, or ws on this machine.
    """

    spot_url: str = PLACES["production"].spot
    usdm_url: str = PLACES["production"].usdm
    spot_user_url: str = PLACES["production"].spot_user
    usdm_user_url: str = PLACES["production"].usdm_user
    key: str = "env"
    recv_window_ms: Annotated[int, Meta(ge=100, le=60_000)] = RECV_WINDOW_MS


class Binance:
    """Both markets of one account, or of nobody. One is made per process; threads may share it."""

    def __init__(self, settings: BinanceSettings, data_dir: Path, *, key: Key | None = None, link: Link | None = None):
        """Opens the shared budgets in the data folder and sends nothing yet."""
        self._link = link or Link()
        self.budget = Budget(data_dir / BUDGET_FILE)
        self.settings = settings
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
