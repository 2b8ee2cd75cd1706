"""Routes: which address serves which streams of a market, and how streams are shared out over connections."""

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

#: Binance allows 1024 streams a connection, and the 1025th costs all of them.
STREAMS_A_CONNECTION = 400
#: Names in one SUBSCRIBE, and the pause after each: spot allows 5 messages a second, pongs included.
NAMES_A_MESSAGE = 100
MESSAGE_PAUSE_S = 0.4


class Route(NamedTuple):
    """One connection's address, without the streams, and what it is to carry."""

    base: str
    streams: tuple[str, ...]

    @property
    def url(self) -> str:
        """Gives the address that opens the connection with its first stream; the others are subscribed to."""
        return f"{self.base}/stream?streams={quote(self.streams[0], safe='!@_')}"


class Channels(NamedTuple):
    """The streams of a market: those of the whole market by path, and the one of each symbol's candles.

    `quiet_s` tells for each group of streams how long it may be silent before its connection is given up; a group that
    is not named may be silent for ever.
    """

    base: str
    market_path: str
    market: tuple[str, ...]
    public_path: str
    public: tuple[str, ...]
    candles: str
    quiet_s: dict[str, float]


SPOT = Channels(
    base="wss://data-stream.binance.vision", market_path="", market=("!miniTicker@arr",), public_path="", public=(),
    candles="{}@kline_1m", quiet_s={"!miniTicker@arr": 15.0, "kline_1m": 75.0},
)  # fmt: skip
#: One socket serves one category of streams; on another path they are acknowledged and stay silent.
USDM = Channels(
    base="wss://fstream.binance.com", market_path="/market",
    market=("!miniTicker@arr", "!markPrice@arr", "!contractInfo"), public_path="/public", public=("!bookTicker",),
    candles="{}@kline_1m", quiet_s={"!miniTicker@arr": 15.0, "!markPrice@arr": 20.0, "!bookTicker": 30.0,
                                    "kline_1m": 75.0},
)  # fmt: skip


def fixed_routes(channels: Channels, base: str) -> list[Route]:
    """Gives the routes of the whole-market streams."""
    made = [Route(base + channels.market_path, channels.market)]
    if channels.public:
        made.append(Route(base + channels.public_path, channels.public))
    return made


def candle_routes(channels: Channels, base: str, streams: Sequence[str]) -> list[Route]:
    """Gives the routes of streams of candles, as many connections as they need."""
    return [Route(base + channels.market_path, tuple(part)) for part in parts(streams, STREAMS_A_CONNECTION)]


def candle_stream(channels: Channels, symbol: str) -> str:
    """Gives the name of a symbol's stream of candles; stream names are in lower case."""
    return channels.candles.format(symbol.lower())


def parts(names: Sequence[str], size: int) -> list[Sequence[str]]:
    """Gives names in parts of at most `size`."""
    return [names[i : i + size] for i in range(0, len(names), size)]


def group_of(stream: str) -> str:
    """Gives the group a stream belongs to: of a symbol's stream what stands behind the symbol."""
    return stream if stream.startswith("!") else stream.partition("@")[2]
