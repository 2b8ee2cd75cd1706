"""Accounts at a loopback venue."""

from pathlib import Path
from typing import Any

from engine.world.account.opening import open_account
from engine.world.account.settings import AccountSettings
from engine.world.binance.binance import BinanceSettings
from engine.world.binance.keys import Key
from engine.world.loopback.serving import Serving


def opened(name: str, venue: Serving, folder: Path, **settings: Any) -> Any:
    """Opens an account of the venue's owner."""
    where = BinanceSettings(spot_url=venue.rest_url, usdm_url=venue.rest_url)
    return open_account(name, where, folder, Key(venue.key, venue.secret), AccountSettings(**settings))
