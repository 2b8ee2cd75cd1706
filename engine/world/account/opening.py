"""Opening an account by the name of its venue."""

from pathlib import Path

from engine.errors import ConfigError
from engine.world.account import spot, usdm
from engine.world.account.account import Account
from engine.world.account.settings import AccountSettings
from engine.world.binance.binance import Binance, BinanceSettings
from engine.world.binance.keys import Key


def open_account(
    venue: str, binance: BinanceSettings, data_dir: Path, key: Key, settings: AccountSettings | None = None
) -> Account:
    """Gives the account of a key at `binance-spot` or `binance-usdm`; nothing is sent yet. Close it when it is done.

    `data_dir` holds the budgets that all processes share. Raises ConfigError for a venue that has no accounts.
    """
    settings = settings if settings is not None else AccountSettings()
    match venue:
        case spot.VENUE:
            return spot.BinanceSpotAccount(Binance(binance, data_dir, key=key), settings)
        case usdm.VENUE:
            return usdm.BinanceUsdmAccount(Binance(binance, data_dir, key=key), settings)
    raise ConfigError(f"no accounts at {venue!r}; there are {spot.VENUE} and {usdm.VENUE}")
