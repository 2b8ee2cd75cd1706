"""The live spot market of Binance: every symbol's ticker and candles by stream, books and ages by REST."""

from dataclasses import dataclass

from engine.world.streams.binance_live import BinanceLive
from engine.world.streams.routes import SPOT


@dataclass(frozen=True, kw_only=True)
class BinanceSpot(BinanceLive):
    """Facts of the spot market, from the addresses that serve market data only."""

    MARKET = "spot"
    REST_URL = "https://data-api.binance.vision"
    CHANNELS = SPOT
