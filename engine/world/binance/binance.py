"""Binance as one thing: settings and a key in, the endpoints of both markets out, over one set of connections."""

from functools import partial
from pathlib import Path

from engine.errors import LedgerError
from engine.world.binance.breaker import BREAKER, BreakerSettings
from engine.world.binance.budget import Budget
from engine.world.binance.client import Client
from engine.world.binance.http import Link
from engine.world.binance.keys import Key
from engine.world.binance.rights import Use, check_rights, read_rights
from engine.world.binance.settings import BinanceSettings
from engine.world.binance.spot_market import SpotMarket
from engine.world.binance.spot_orders import SpotOrders
from engine.world.binance.usdm_account import UsdmAccount
from engine.world.binance.usdm_market import UsdmMarket
from engine.world.binance.usdm_orders import UsdmOrders

#: The file of budgets and bans, in the data folder.
BUDGET_FILE = "binance-limits.db"


class Binance:
    """Both markets of one account, or of nobody. One is made per process; threads may share it."""

    def __init__(
        self, settings: BinanceSettings, data_dir: Path, *, key: Key | None = None, link: Link | None = None,
        breaker: BreakerSettings = BREAKER, urgent: bool = False,
    ) -> None:  # fmt: skip
        """Opens the shared budgets in the data folder and sends nothing yet.

        Where all is `urgent` (an emergency close), every request is; budgets that cannot be opened are done without.
        """
        self._link = link or Link()
        self.budget = _budget(data_dir / BUDGET_FILE, breaker, urgent)
        self.settings = settings
        with_all = partial(
            Client, link=self._link, budget=self.budget, key=key, recv_window_ms=settings.recv_window_ms, urgent=urgent
        )
        self.spot, self.usdm = with_all("spot", settings.spot_url), with_all("usdm", settings.usdm_url)
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


def _budget(path: Path, breaker: BreakerSettings, urgent: bool) -> Budget:
    try:
        return Budget(path, breaker)
    except LedgerError:
        if not urgent:
            raise
        return Budget(None, breaker)  # a full disk keeps no way out shut
