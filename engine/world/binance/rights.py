"""Rights: a key that can take money out is not used, and one that cannot trade is not tried."""

from typing import Literal

from engine.errors import KeyRefused
from engine.world.binance.budget import WEIGHT
from engine.world.binance.client import Ask, Client
from engine.world.binance.shape import reader
from engine.world.binance.spot_shapes import KeyRights
from engine.world.binance.trouble import Rejected, Unreadable

#: Venues of test money: they have no such question, and nothing to withdraw.
TEST_HOSTS = frozenset({"testnet.binance.vision", "demo-api.binance.com"})

Use = Literal["spot", "usdm"]


def read_rights(spot: Client) -> KeyRights | None:
    """Gives what the key may do; None on the exchange's test venues, which do not say.

    Raises KeyRefused where anything else does not say either: a right that is not known counts as one too many.
    """
    if spot.host in TEST_HOSTS:
        return None
    ask = Ask("/sapi/v1/account/apiRestrictions", {}, "GET", "signed", {WEIGHT: 1})
    try:
        return spot.read(ask, reader(KeyRights))
    except (Rejected, Unreadable) as error:
        raise KeyRefused(f"{spot.host} does not say what the key may do, so it is not used ({error})") from None


def check_rights(rights: KeyRights, use: Use) -> list[str]:
    """Gives warnings about a key; raises KeyRefused for one that may withdraw, or may not do what it is wanted for."""
    if rights.enable_withdrawals:
        raise KeyRefused("the key may withdraw; make one without that right: this program never needs it")
    if not rights.enable_reading:
        raise KeyRefused("the key may not read the account; give it that right (Enable Reading)")
    if use == "spot" and not rights.enable_spot_and_margin_trading:
        raise KeyRefused("the key may not trade spot; give it that right (Enable Spot & Margin Trading)")
    if use == "usdm" and not rights.enable_futures:
        raise KeyRefused("the key may not trade futures; give it that right (Enable Futures)")
    warnings = {
        "the key is not bound to an IP address: whoever steals it can trade with it": not rights.ip_restrict,
        "the key may move money between accounts (universal transfer)": rights.permits_universal_transfer,
        "the key may move money to other accounts (internal transfer)": rights.enable_internal_transfer,
    }
    return [text for text, holds in warnings.items() if holds]
