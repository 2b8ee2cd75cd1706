"""What a frame of an account's stream says: news, what the wallet holds, and what becomes of the stream itself."""

from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from engine.world.account.account import News
from engine.world.binance.answers import decode
from engine.world.binance.shape import reader
from engine.world.binance.trouble import Unreadable

#: Amounts of an asset as the stream tells them: one of the wallet, or what is free and what is locked.
Amounts = tuple[Decimal, ...]


class Heard(NamedTuple):
    """What was in a frame. `ended` says why the stream tells no more; `leaving` that its server is about to go."""

    news: tuple[News, ...] = ()
    wallet: dict[str, Amounts] = {}
    ended: str = ""
    leaving: bool = False


NOTHING = Heard()


class _Outer(msgspec.Struct):
    """A frame's outside: an event as it is, or wrapped by a subscription (spot) or a combined stream (futures)."""

    e: str = ""
    id: Any = None
    event: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()


class _Event(msgspec.Struct):
    e: str


def event_of(frame: bytes) -> tuple[str, bytes] | None:
    """Gives a frame's event, by name, and its bytes; None for the answer to a request. Raises Unreadable."""
    outer = decode(frame, reader(_Outer), strict=True)
    inner = bytes(outer.event) or bytes(outer.data)
    if inner:
        return decode(inner, reader(_Event), strict=False).e, inner
    if outer.e:
        return outer.e, frame
    if outer.id is None:
        raise Unreadable("a message that is neither an event nor an answer")
    return None
