"""Margin: that a symbol is traded in one-way mode, with isolated margin and the right leverage, before it is traded."""

from contextlib import suppress

from engine.errors import ConfigError
from engine.world.binance.trouble import Lost, Rejected, Sort, Unreadable
from engine.world.binance.usdm_account import UsdmAccount
from engine.world.binance.usdm_shapes import SymbolConfig

ISOLATED = "ISOLATED"


class Margin:
    """The settings of a futures account that orders stand on. What is changed is read back before it is believed."""

    def __init__(self, account: UsdmAccount) -> None:
        """Asks and changes this account."""
        self._account = account

    def prepare(self, symbol: str, leverage: int) -> None:
        """Makes a symbol isolated, at this leverage, where it is not; raises ConfigError where that cannot be.

        That is in hedge mode, with many margin assets, with a position or open orders, or beyond what the symbol bears.
        """
        self._check_account()
        found = self._config_of(symbol)
        if _is_right(found, leverage):
            return
        self._check_flat(symbol, found, leverage)
        try:
            # Whatever the answers are worth, what counts is what is read back.
            with suppress(Lost):
                if found.margin_type != ISOLATED:
                    self._account.set_margin_type(symbol, ISOLATED)
            with suppress(Lost):
                if found.leverage != leverage:
                    self._account.set_leverage(symbol, leverage)
        except Rejected as error:
            if error.sort is not Sort.STATE:
                raise
            raise ConfigError(f"{symbol} cannot be set to isolated margin at {leverage}x: {error}") from None
        found = self._config_of(symbol)
        if not _is_right(found, leverage):
            raise ConfigError(
                f"{symbol} is still {found.margin_type} at {found.leverage}x, not {ISOLATED} at {leverage}x; "
                "set it in the exchange's app, or try again"
            )

    def _check_account(self) -> None:
        config = self._account.config()
        if config.dual_side_position:
            raise ConfigError(
                "the futures account is in hedge mode; set it to one-way mode in the exchange's app "
                "(Preferences, Position Mode)"
            )
        if config.multi_assets_margin:
            raise ConfigError(
                "the futures account shares its margin between assets, so that no position can be isolated; "
                "set it to single-asset mode in the exchange's app"
            )
        if not config.can_trade:
            raise ConfigError("the futures account may not trade; look at the exchange's messages")

    def _config_of(self, symbol: str) -> SymbolConfig:
        for one in self._account.symbol_configs(symbol):
            if one.symbol == symbol:
                return one
        raise Unreadable(f"the exchange does not say how {symbol} is set for this account")

    def _check_flat(self, symbol: str, found: SymbolConfig, leverage: int) -> None:
        if any(one.symbol == symbol and one.position_amt for one in self._account.positions()):
            raise ConfigError(
                f"{symbol} is {found.margin_type} at {found.leverage}x, not {ISOLATED} at {leverage}x, and is not "
                "changed while a position is open; close it, or take over its settings"
            )


def _is_right(found: SymbolConfig, leverage: int) -> bool:
    return found.margin_type == ISOLATED and found.leverage == leverage
