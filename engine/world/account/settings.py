"""The settings of a live account: how stops are placed, and what positions are held against."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a live account places stops.

    `stop_limit_slippage_pct`: where a spot symbol knows no stop at market, how far its limit lies beyond the stop.
    `stop_trigger`: which price sets a futures stop off, `mark` or `last`. Liquidation goes by the mark price, so a stop
    on it always comes first, and one trade far off in a thin book does not set it off; falls of the last price alone
    are watched by the program itself.
    """

    stop_limit_slippage_pct: Annotated[float, Meta(gt=0.0, le=20.0)] = 2.0
    stop_trigger: Literal["mark", "last"] = "mark"


class AccountTerms(AccountSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of an account with what the desk asks of it.

    `quote`: the asset that spot coins are held against; a coin's symbol is its name and this one's. `leverage`: that of
    futures symbols for which nothing else is asked; margin is isolated.
    """

    quote: str = "USDT"
    leverage: Annotated[int, Meta(ge=1, le=125)] = 1
