"""The futures' user stream: a socket by a listen key, which lives for an hour and is renewed every half."""

import time
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection

from engine.errors import HotError
from engine.world.account.account import News
from engine.world.account.became import Became
from engine.world.account.heard import Amounts, Heard
from engine.world.account.usdm_events import UsdmEvents
from engine.world.account.wallet import FEE_ASSET, Wallet
from engine.world.binance.binance import Binance
from engine.world.binance.http import check_socket_url

#: The exchange lets a key live for 60 minutes.
RENEW_S = 1_800.0
KEY_LIFE_S = 3_500.0


class UsdmEar:
    """Listens to a futures account (see `Ear`).

    A socket opens with a dead key as well, and is silent. So the key is asked for again after the handshake, and every
    half hour: while it lives the exchange gives the same one, and lets it live on. The key is the account's, other
    processes may listen by it: it is never ended here.
    """

    def __init__(
        self, binance: Binance, quote: str, became: Became, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Listens with the key of `binance`; raises ConfigError for an address that no listen key is sent to."""
        self._account, self._clock = binance.usdm_account, clock
        self._url = check_socket_url(binance.settings.usdm_user_url)
        self._events, self._wallet = UsdmEvents(became, clock), Wallet((quote, FEE_ASSET))
        self._key, self._renewed, self._proven = "", 0.0, False

    def address(self) -> str:
        """Gives the address by the account's listen key."""
        self._key, self._renewed, self._proven = self._account.open_stream(), self._clock(), False
        self._wallet.forget()
        return f"{self._url}/ws/{self._key}"

    async def subscribe(self, ws: ClientConnection) -> list[bytes]:
        """Does nothing: the address says it all."""
        return []

    def read(self, frame: bytes) -> Heard:
        """Gives what a frame says; raises Unreadable."""
        heard = self._events.read(frame)
        self._wallet.hear(heard.wallet)
        return heard

    def late(self) -> tuple[News, ...]:
        """Gives what was kept back long enough."""
        return self._events.late()

    def prove(self) -> str:
        """Looks whether the key still lives, and compares the wallet with REST's.

        An exchange that does not answer proves nothing, until the key must have died.
        """
        try:
            return self._look_at_the_key() or self._look_at_the_wallet()
        except HotError:
            dead = self._clock() - self._renewed > KEY_LIFE_S
            return "the listen key could not be renewed for an hour" if dead else ""

    def _look_at_the_key(self) -> str:
        if self._proven and self._clock() - self._renewed < RENEW_S:
            return ""
        asked = self._clock()
        if self._account.open_stream() != self._key:
            return "the listen key is dead: the exchange gave another one"
        self._renewed, self._proven = asked, True
        return ""

    def _look_at_the_wallet(self) -> str:
        found: dict[str, Amounts] = {one.asset: (one.balance,) for one in self._account.balances()}
        missed = self._wallet.missed(found)
        return f"the stream did not tell that {', '.join(missed[:5])} changed" if missed else ""
