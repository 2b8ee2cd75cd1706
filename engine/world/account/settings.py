"""The settings of a live account: how stops are placed, and what a futures position stands on."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a live account places stops and holds positions.

    `quote`: the asset that spot coins are held against; a coin's symbol is its name and this one's.
    `stop_limit_slippage_pct`: where a spot symbol knows no stop at market, how far its limit lies beyond the stop.
    `stop_trigger`: which price sets a futures stop off, `mark` or `last`. Liquidation goes by the mark price, so a stop
    on it always comes first, and one trade far off in a thin book does not set it off; falls of the last price alone
    are watched by the program itself. `leverage`: that of symbols for which nothing else is asked; margin is isolated.
    """

    quote: str = "USDT"
    stop_limit_slippage_pct: Annotated[float, Meta(gt=0.0, le=20.0)] = 2.0
    stop_trigger: Literal["mark", "last"] = "mark"
    leverage: Annotated[int, Meta(ge=1, le=125)] = 6
