"""freqtrade's own Backtesting, without its command line and without an exchange: the pairs are described to it here.

The timing covers what `freqtrade backtesting` does between reading candles and reporting. Tiers sell at the open of the
candle after the one that got there, since position adjustment is asked at opens.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import gettempdir

import pandas as pd
from freqtrade.data.btanalysis.historic_precision import get_tick_size_over_time
from freqtrade.enums import RunMode
from freqtrade.exchange import Exchange
from freqtrade.optimize.backtesting import Backtesting
from peer import CASH, FEE, MINUTE_MS, NOTIONAL, POSITIONS, Market, Played, serve


class Offline(Exchange):
    """An exchange that knows its pairs beforehand and is never asked anything."""

    def __init__(self, config: dict, pairs: dict) -> None:
        """Takes the pairs as they would have been answered."""
        super().__init__(config, validate=False)
        self._markets = pairs
        self._last_markets_refresh = int(time.time() * 1000)

    def reload_markets(self, force: bool = False, *, load_leverage_tiers: bool = True) -> None:
        """Has nothing to load."""


def prepare(market: Market) -> Callable[[], Played]:
    """Gives the run over a frame a pair."""
    logging.disable(logging.INFO)
    names = {pair_name(symbol): symbol for symbol in market.symbols}
    config = config_of(list(names))
    pairs = {name: pair_of(name, int(decimals)) for name, decimals in zip(names, market.decimals, strict=True)}
    backtesting = Backtesting(config, Offline(config, pairs))
    strategy = backtesting.strategylist[0]
    backtesting._set_strategy(strategy)
    dates = pd.to_datetime(market.at_ms, unit="ms", utc=True)
    data = {name: frame_of(market, row, dates) for row, name in enumerate(names)}
    backtesting.price_pair_prec = {name: get_tick_size_over_time(frame) for name, frame in data.items()}

    def play() -> Played:
        processed = strategy.advise_all_indicators(data)
        results = backtesting.backtest(processed, dates[0].to_pydatetime(), dates[-1].to_pydatetime())["results"]
        made = {}
        for name, symbol in names.items():
            opened = results.loc[results["pair"] == name, "open_date"]
            bars = (opened - dates[0]) // pd.Timedelta(milliseconds=MINUTE_MS) - 1
            made[symbol] = sorted(bars.tolist())
        closed = results[results["exit_reason"] != "force_exit"]
        return Played(made, len(closed), float(closed["profit_abs"].sum()))

    return play


def config_of(pairs: list[str]) -> dict:
    """Gives the settings that a configuration file would."""
    folder = Path(gettempdir())
    return {
        "runmode": RunMode.BACKTEST,
        "dry_run": True,
        "trading_mode": "spot",
        "stake_currency": "USDT",
        "stake_amount": NOTIONAL,
        "dry_run_wallet": CASH,
        "tradable_balance_ratio": 1.0,
        "max_open_trades": POSITIONS,
        "timeframe": "1m",
        "fee": FEE,
        "exchange": {"name": "binance", "pair_whitelist": pairs, "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}],
        "entry_pricing": {"price_side": "other", "use_order_book": False},
        "exit_pricing": {"price_side": "other", "use_order_book": False},
        "strategy": "Crossing",
        "strategy_path": str(Path(__file__).parent / "freqtrade_strategy"),
        "user_data_dir": folder,
        "datadir": folder,
        "dataformat_ohlcv": "feather",
        "export": "none",
    }


def pair_name(symbol: str) -> str:
    """Gives freqtrade's name of a symbol."""
    return f"{symbol.removesuffix('USDT')}/USDT"


def pair_of(name: str, decimals: int) -> dict:
    """Gives a spot pair as ccxt describes it."""
    base, quote = name.split("/")
    return {
        "id": base + quote, "symbol": name, "base": base, "quote": quote, "active": True,
        "type": "spot", "spot": True, "swap": False, "future": False, "linear": None, "contractSize": None,
        "taker": FEE, "maker": FEE,
        "precision": {"amount": 1e-8, "price": 10**-decimals},
        "limits": {"amount": {"min": 1e-8, "max": None}, "cost": {"min": 1.0, "max": None}},
    }  # fmt: skip


def frame_of(market: Market, row: int, dates: pd.DatetimeIndex) -> pd.DataFrame:
    """Gives a symbol's candles as freqtrade reads them."""
    columns = {name: getattr(market, name)[row] for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({"date": dates, **columns})


if __name__ == "__main__":
    serve(prepare)
