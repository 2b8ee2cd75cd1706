"""The live USDT-M perpetuals of Binance: tickers, candles, books, mark prices and funding; open interest by REST."""

from dataclasses import dataclass

from engine.world.streams.binance_live import BinanceLive
from engine.world.streams.routes import USDM


@dataclass(frozen=True, kw_only=True)
class BinanceUsdm(BinanceLive):
    """Facts of the perpetuals of coins, with the open interest of the 300 most traded once a minute."""

    MARKET = "usdm"
    REST_URL = "https://fapi.binance.com"
    CHANNELS = USDM
