"""Opening an account by the name of its venue."""

from functools import partial
from pathlib import Path

from engine.errors import ConfigError
from engine.world.account import spot, usdm
from engine.world.account.account import Account
from engine.world.account.settings import AccountTerms
from engine.world.account.user_stream import EVERYDAY, Rhythm
from engine.world.binance.binance import Binance
from engine.world.binance.breaker import BREAKER, BreakerSettings
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings


def open_account(
    venue: str, binance: BinanceSettings, data_dir: Path, key: Key, settings: AccountTerms | None = None, *,
    rhythm: Rhythm = EVERYDAY, breaker: BreakerSettings = BREAKER, urgent: bool = False,
) -> Account:  # fmt: skip
    """Gives the account of a key at `binance-spot` or `binance-usdm`; nothing is sent yet. Close it when it is done.

    `data_dir` holds the budgets that all processes share; `rhythm` is that of the account's own stream, `urgent` is for
    whoever only closes. Raises ConfigError for a venue that has no accounts.
    """
    settings = settings if settings is not None else AccountTerms()
    opened = partial(Binance, binance, data_dir, key=key, breaker=breaker, urgent=urgent)
    match venue:
        case spot.VENUE:
            return spot.BinanceSpotAccount(opened(), settings, rhythm)
        case usdm.VENUE:
            return usdm.BinanceUsdmAccount(opened(), settings, rhythm)
    raise ConfigError(f"no accounts at {venue!r}; there are {spot.VENUE} and {usdm.VENUE}")
