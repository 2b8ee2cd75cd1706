"""The futures account: positions, balances, income, and the settings that orders stand on."""

from collections.abc import Callable
from typing import TypeVar

from engine.world.binance.budget import WEIGHT
from engine.world.binance.client import Ask, Client, Method
from engine.world.binance.shape import reader
from engine.world.binance.sign import Params
from engine.world.binance.usdm_shapes import (
    AccountConfig,
    Brackets,
    Done,
    Income,
    LeverageSet,
    ListenKey,
    Position,
    PositionMode,
    SymbolConfig,
    UsdmBalance,
    UsdmFees,
    UsdmSums,
)

T = TypeVar("T")


class UsdmAccount:
    """One futures account. Errors are those of `Client.read` and `Client.change`."""

    def __init__(self, client: Client) -> None:
        """Acts with this client's key."""
        self.client = client

    def account(self) -> UsdmSums:
        """Gives the account in sums."""
        return self._read("v3/account", {}, 5, reader(UsdmSums))

    def balances(self) -> list[UsdmBalance]:
        """Gives the assets in the wallet."""
        return self._read("v3/balance", {}, 5, reader(list[UsdmBalance]))

    def positions(self, *, urgent: bool = False) -> list[Position]:
        """Gives all positions. One that is absent is flat: the request names no symbol, and every row was read."""
        return self._read("v3/positionRisk", {}, 5, reader(list[Position]), urgent)

    def config(self) -> AccountConfig:
        """Gives how the account trades: hedge or one-way, one margin asset or many."""
        return self._read("v1/accountConfig", {}, 5, reader(AccountConfig))

    def symbol_configs(self, symbol: str | None = None) -> list[SymbolConfig]:
        """Gives leverage and margin type of a symbol, or of all."""
        return self._read("v1/symbolConfig", {"symbol": symbol}, 5, reader(list[SymbolConfig]))

    def brackets(self) -> list[Brackets]:
        """Gives the leverage brackets of all symbols."""
        return self._read("v1/leverageBracket", {}, 1, reader(list[Brackets]))

    def fees(self, symbol: str) -> UsdmFees:
        """Gives a symbol's fees for this account."""
        return self._read("v1/commissionRate", {"symbol": symbol}, 20, reader(UsdmFees))

    def income(
        self, *, symbol: str | None = None, kind: str | None = None, start_ms: int | None = None,
        end_ms: int | None = None, limit: int = 1000,
    ) -> list[Income]:  # fmt: skip
        """Gives what came and went, oldest first, of the last three months.

        The next page begins at the last row's time; rows are told apart by (tran_id, income_type, symbol).
        """
        params: Params = {
            "symbol": symbol, "incomeType": kind, "startTime": start_ms, "endTime": end_ms, "limit": limit,
        }  # fmt: skip
        return self._read("v1/income", params, 30, reader(list[Income]))

    def is_hedged(self) -> bool:
        """Says whether long and short are held apart (hedge mode)."""
        return self._read("v1/positionSide/dual", {}, 30, reader(PositionMode)).dual_side_position

    def set_hedged(self, hedged: bool) -> None:
        """Chooses hedge or one-way mode; the exchange refuses while there are positions or orders."""
        self._change("v1/positionSide/dual", {"dualSidePosition": hedged}, reader(Done))

    def set_leverage(self, symbol: str, leverage: int) -> LeverageSet | None:
        """Chooses a symbol's leverage and gives what holds now."""
        return self._change("v1/leverage", {"symbol": symbol, "leverage": leverage}, reader(LeverageSet))

    def set_margin_type(self, symbol: str, margin_type: str) -> None:
        """Chooses ISOLATED or CROSSED; that it already is so is fine."""
        self._change("v1/marginType", {"symbol": symbol, "marginType": margin_type}, reader(Done))

    def open_stream(self) -> str:
        """Gives the listen key of the private stream, which lives for 60 minutes; asked again, it lives on."""
        found = self._stream("POST", reader(ListenKey))
        return found.listen_key

    def keep_stream(self) -> None:
        """Lets the listen key live another 60 minutes; Rejected (-1125) where it is gone."""
        self._stream("PUT", reader(dict[str, object]))

    def close_stream(self) -> None:
        """Ends the private stream."""
        self._stream("DELETE", reader(dict[str, object]))

    def _read(self, path: str, params: Params, weight: int, read: Callable[[bytes], T], urgent: bool = False) -> T:
        return self.client.read(Ask(f"/fapi/{path}", params, "GET", "signed", {WEIGHT: weight}, urgent), read)

    def _change(self, path: str, params: Params, read: Callable[[bytes], T]) -> T | None:
        return self.client.change(Ask(f"/fapi/{path}", params, "POST", "signed", {WEIGHT: 1}), read)

    def _stream(self, method: Method, read: Callable[[bytes], T]) -> T:
        # Asking twice gives the same key: it may be tried again like a read.
        return self.client.read(Ask("/fapi/v1/listenKey", {}, method, "key", {WEIGHT: 1}), read)
