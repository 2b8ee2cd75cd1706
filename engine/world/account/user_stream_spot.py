"""Spot's user stream: a signed subscription on the websocket API."""

import asyncio
from typing import Any
from uuid import uuid4

import msgspec
from websockets.asyncio.client import ClientConnection

from engine.errors import HotError, KeyRefused, VenueError
from engine.world.account.account import News
from engine.world.account.heard import Amounts, Heard
from engine.world.account.spot_events import read_spot
from engine.world.account.wallet import FEE_ASSET, Wallet
from engine.world.binance.binance import Binance
from engine.world.binance.codes import meaning_of
from engine.world.binance.http import check_socket_url
from engine.world.binance.redact import shown
from engine.world.binance.sign import Params, frame_signature
from engine.world.binance.trouble import Banned, Limited, Sort, utc

ANSWER_S = 10.0


class _Said(msgspec.Struct, frozen=True):
    code: int = 0
    msg: str = ""


class _Answer(msgspec.Struct):
    id: Any
    status: int
    error: _Said = _Said()


_answer = msgspec.json.Decoder(_Answer)


class SpotEar:
    """Listens to a spot account (see `Ear`)."""

    def __init__(self, binance: Binance, quote: str) -> None:
        """Subscribes with the key of `binance`; raises ConfigError for an address that no key is sent to."""
        self._binance, self._client, self._quote = binance, binance.spot, quote
        self._url = check_socket_url(binance.settings.spot_user_url)
        self._wallet = Wallet((quote, FEE_ASSET))
        self._clock_is_off = False

    def address(self) -> str:
        """Gives the address, once the exchange's time is known: what is signed is stamped with it."""
        self._check_ban()
        if self._client.clock.due or self._clock_is_off:
            self._client.measure()
            self._clock_is_off = False
        self._wallet.forget()
        return self._url

    async def subscribe(self, ws: ClientConnection) -> list[bytes]:
        """Subscribes; raises KeyRefused, Limited or VenueError for a no, TimeoutError for no answer."""
        key = self._client.key
        params: Params = {"apiKey": key.reveal(), "timestamp": self._client.clock.now_ms()}
        signed = {**params, "signature": frame_signature(params, key.signer)}
        number = uuid4().hex
        request = {"id": number, "method": "userDataStream.subscribe.signature", "params": signed}
        await ws.send(msgspec.json.encode(request).decode())
        early: list[bytes] = []
        async with asyncio.timeout(ANSWER_S):
            while True:
                frame = await ws.recv(decode=False)
                answer = _answer_of(frame)
                if answer is None or answer.id != number:
                    early.append(frame)
                    continue
                self._check(answer)
                return early

    def read(self, frame: bytes) -> Heard:
        """Gives what a frame says; raises Unreadable."""
        heard = read_spot(frame, self._quote)
        self._wallet.hear(heard.wallet)
        return heard

    def late(self) -> tuple[News, ...]:
        """Gives nothing: spot's news is passed on as it comes."""
        return ()

    def prove(self) -> str:
        """Compares the wallet with REST's; an exchange that does not answer proves nothing."""
        try:
            balances = self._binance.spot_orders.account().balances
        except HotError:
            return ""
        found: dict[str, Amounts] = {one.asset: (one.free, one.locked) for one in balances}
        missed = self._wallet.missed(found)
        return f"the stream did not tell that {', '.join(missed[:5])} changed" if missed else ""

    def _check(self, answer: _Answer) -> None:
        if answer.status == 200:
            return
        said = answer.error
        meaning = meaning_of("spot", said.code, said.msg)
        text = f"the user stream was refused: {meaning.text} ({said.code}: {shown(said.msg, 80)}); {meaning.fix}"
        self._clock_is_off = meaning.sort is Sort.RESYNC
        if meaning.sort is Sort.AUTH:
            raise KeyRefused(text)
        if answer.status in (418, 429):
            raise Limited(text, self._client.clock.now_ms() + 60_000)
        raise VenueError(text)

    def _check_ban(self) -> None:
        """Raises Banned while this machine's address is shut out: connecting would lengthen that."""
        for owner, until, banned in self._binance.budget.holds(self._client.clock.now_ms()):
            if banned and owner == self._client.host:
                raise Banned(f"{owner} has banned this machine's address until {utc(until)}", until)


def _answer_of(frame: bytes) -> _Answer | None:
    try:
        return _answer.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
