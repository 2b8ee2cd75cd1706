"""Names of market streams, taken apart."""

from collections.abc import Iterable
from typing import NamedTuple

from engine.world.loopback.market.instruments import Kind
from engine.world.loopback.rest import quotes

#: How often the clock looks in, in seconds of wall time; what each kind of stream waits for, in looks.
LOOK_S = 0.1
_EVERY = {"depth": 10, "miniTicker": 10, "ticker": 10, "kline": 5, "markPrice": 30, "avgPrice": 10}
#: Futures streams that live on the /public route; the others live on /market.
PUBLIC = ("bookTicker", "depth", "trade")
ON_TRADE = ("trade", "aggTrade")


class Stream(NamedTuple):
    """A stream's name taken apart: `symbol` is empty for those of all symbols (`!miniTicker@arr`)."""

    name: str
    symbol: str
    what: str
    detail: str
    every: int


def stream_of(name: str, kind: Kind, coins: Iterable[str]) -> Stream | None:
    """Takes a stream's name apart; None for one that is silent because it does not exist."""
    head, _, rest = name.partition("@")
    if head.startswith("!"):
        return _of_all(name, head[1:], rest, kind)
    symbol = next((one for one in coins if one.lower() == head), None)
    what, _, speed = rest.partition("@")
    detail = ""
    if what.startswith("kline_"):
        what, detail = "kline", what.removeprefix("kline_")
    elif what.startswith("depth") and what != "depth":
        what, detail = "depth", what.removeprefix("depth")
    if symbol is None or (what == "depth" and detail not in ("", "5", "10", "20")):
        return None
    if what == "kline" and detail not in quotes.INTERVALS:
        return None
    if what in ("bookTicker", *ON_TRADE) or (what == "forceOrder" and kind == "usdm"):
        return Stream(name, symbol, what, "", 0) if not speed else None
    every = _EVERY.get(what)
    if every is None or (what == "markPrice" and kind == "spot"):
        return None
    fast = {"100ms": 1, "500ms": 5, "1s": 10, "1000ms": 10, "": every}.get(speed)
    return Stream(name, symbol, what, detail, fast) if fast is not None else None


def _of_all(name: str, what: str, rest: str, kind: Kind) -> Stream | None:
    if what == "miniTicker" and rest == "arr":
        return Stream(name, "", what, "", 10)
    if kind == "spot":
        return None
    if what == "ticker" and rest == "arr":  # spot's was retired on 2026-03-26
        return Stream(name, "", what, "", 10)
    if what == "forceOrder" and rest == "arr":
        return Stream(name, "", what, "", 0)
    if what == "markPrice" and rest in ("arr", "arr@1s"):
        return Stream(name, "", what, "", 10 if rest == "arr@1s" else 30)
    return Stream(name, "", what, "", 50) if what == "bookTicker" and not rest else None
