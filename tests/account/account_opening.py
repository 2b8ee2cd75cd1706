"""Accounts at a loopback venue."""

from pathlib import Path
from typing import Any

from engine.world.account.opening import open_account
from engine.world.account.settings import AccountTerms
from engine.world.account.user_stream import Rhythm
from engine.world.binance.keys import Key
from engine.world.binance.settings import BinanceSettings
from engine.world.loopback.serving import Serving

#: Days of an hour, and two proofs a second. Pings leave a machine that is busy the time to answer.
QUICK = Rhythm(life_s=3_600.0, life_jitter_s=0.0, overlap_s=0.05, look_s=0.02, ping_s=20.0, prove_s=0.5, unread_s=0.1)


def opened(name: str, venue: Serving, folder: Path, rhythm: Rhythm = QUICK, **settings: Any) -> Any:
    """Opens an account of the venue's owner."""
    where = BinanceSettings(
        spot_url=venue.rest_url, usdm_url=venue.rest_url, spot_user_url=venue.ws_api_url,
        usdm_user_url=f"{venue.futures_stream_url}/private",
    )  # fmt: skip
    key = Key(venue.key, venue.secret)
    return open_account(name, where, folder, key, AccountTerms(**{"leverage": 6, **settings}), rhythm=rhythm)
