"""nautilus_trader: one engine and account, a strategy a symbol, its risk engine on.

Its bars are executed as open, high, low, close. A market order given at a bar's close is filled there, not at the next
open. Stop and tiers are orders on its book; the trailing leg's stop is moved at each close.
"""

from collections.abc import Callable
from decimal import Decimal

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import ExponentialMovingAverage, SimpleMovingAverage
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, CurrencyType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy
from peer import (
    CASH,
    FAST,
    FEE,
    HOLD_BARS,
    MINUTE_MS,
    NOTIONAL,
    SLOW,
    SPIKE,
    SPIKE_BARS,
    STOP,
    TIERS,
    TRAIL_BACK,
    TRAIL_FROM,
    WARM_UP,
    Market,
    Played,
    serve,
)

VENUE = Venue("BENCH")
SIZE_DECIMALS = 6


class CrossingConfig(StrategyConfig, frozen=True):
    """What is traded."""

    instrument_id: InstrumentId
    bar_type: BarType


class Crossing(Strategy):
    """The rule, for one symbol."""

    def __init__(self, config: CrossingConfig) -> None:
        """Starts without a position."""
        super().__init__(config)
        self.fast, self.slow = ExponentialMovingAverage(FAST), ExponentialMovingAverage(SLOW)
        self.usual = SimpleMovingAverage(SPIKE_BARS)
        self.on_reset()

    def on_reset(self) -> None:
        """Forgets the run before."""
        for indicator in (self.fast, self.slow, self.usual):
            indicator.reset()
        self.bar = -1
        self.above = True
        self.signals: list[int] = []
        self.closed, self.profit = 0, 0.0
        self.entry = self.best = 0.0
        self.guard = None

    def on_start(self) -> None:
        """Asks for bars."""
        self.instrument = self.cache.instrument(self.config.instrument_id)
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Looks after what is held, or for an entry, at a bar's close."""
        self.bar += 1
        close, volume = bar.close.as_double(), bar.volume.as_double()
        self.fast.update_raw(close)
        self.slow.update_raw(close)
        above = self.fast.value > self.slow.value
        if self.guard is not None:
            self.look_after(bar.high.as_double())
        elif above and not self.above and self.bar >= WARM_UP and volume > SPIKE * self.usual.value:
            self.enter(close)
        self.usual.update_raw(volume)
        self.above = above

    def enter(self, close: float) -> None:
        """Buys at the market and puts the stop and the tiers on the book."""
        self.signals.append(self.bar)
        self.entry, self.best = close, 0.0
        quantity = NOTIONAL / close
        self.submit_order(
            self.order_factory.market(self.instrument.id, OrderSide.BUY, self.instrument.make_qty(quantity))
        )
        self.guard = self.order_factory.stop_market(
            self.instrument.id, OrderSide.SELL, self.instrument.make_qty(quantity),
            trigger_price=self.instrument.make_price(close * (1 - STOP)), reduce_only=True,
        )  # fmt: skip
        self.submit_order(self.guard)
        for move, share in TIERS:
            tier = self.order_factory.limit(
                self.instrument.id, OrderSide.SELL, self.instrument.make_qty(quantity * share),
                price=self.instrument.make_price(close * (1 + move)), reduce_only=True,
            )  # fmt: skip
            self.submit_order(tier)

    def look_after(self, high: float) -> None:
        """Ends what has been held long enough; moves the trailing leg's stop."""
        if self.bar == self.signals[-1] + HOLD_BARS:
            self.cancel_all_orders(self.instrument.id)
            self.close_all_positions(self.instrument.id)
        elif high >= self.entry * (1 + TRAIL_FROM) and high > self.best:
            self.best = high
            self.modify_order(self.guard, trigger_price=self.instrument.make_price(high * (1 - TRAIL_BACK)))

    def on_position_closed(self, event) -> None:
        """Takes what is left off the book."""
        self.closed += 1
        self.profit += event.realized_pnl.as_double()
        self.guard = None
        self.cancel_all_orders(self.instrument.id)


def prepare(market: Market) -> Callable[[], Played]:
    """Gives the run: the engine with all bars in it, reset before each but the first."""
    config = BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True))
    engine = BacktestEngine(config)
    engine.add_venue(
        VENUE, oms_type=OmsType.NETTING, account_type=AccountType.MARGIN, base_currency=None,
        starting_balances=[Money(CASH, USDT)], default_leverage=Decimal(1),
    )  # fmt: skip
    strategies = {}
    for row, symbol in enumerate(market.symbols):
        instrument = instrument_of(symbol, int(market.decimals[row]))
        engine.add_instrument(instrument)
        bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
        engine.add_data(bars_of(market, row, bar_type))
        strategies[symbol] = Crossing(
            CrossingConfig(strategy_id=f"Crossing-{row}", instrument_id=instrument.id, bar_type=bar_type)
        )
        engine.add_strategy(strategies[symbol])
    ran = False

    def play() -> Played:
        nonlocal ran
        if ran:
            engine.reset()
        ran = True
        engine.run()
        last = market.at_ms.size - 1
        made = {symbol: [bar for bar in each.signals if bar < last] for symbol, each in strategies.items()}
        closed, profit = (
            sum(each) for each in zip(*((one.closed, one.profit) for one in strategies.values()), strict=True)
        )
        return Played(made, closed, profit)

    return play


def instrument_of(symbol: str, decimals: int) -> CurrencyPair:
    """Gives a spot pair with the fee, and the tick that the recorded prices stand on."""
    base = Currency(symbol.removesuffix("USDT"), SIZE_DECIMALS, 0, symbol, CurrencyType.CRYPTO)
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol(symbol), VENUE), raw_symbol=Symbol(symbol), base_currency=base,
        quote_currency=USDT, price_precision=decimals, size_precision=SIZE_DECIMALS,
        price_increment=Price(10**-decimals, decimals), size_increment=Quantity(10**-SIZE_DECIMALS, SIZE_DECIMALS),
        maker_fee=Decimal(str(FEE)), taker_fee=Decimal(str(FEE)), ts_event=0, ts_init=0,
    )  # fmt: skip


def bars_of(market: Market, row: int, bar_type: BarType) -> list[Bar]:
    """Gives a symbol's bars, each known at its close."""
    decimals = int(market.decimals[row])
    columns = (market.volume, market.open, market.high, market.low, market.close)
    return [
        Bar(
            bar_type, *(Price(price, decimals) for price in prices), Quantity(volume, SIZE_DECIMALS),
            ts_event=(at + MINUTE_MS) * 1_000_000, ts_init=(at + MINUTE_MS) * 1_000_000,
        )
        for at, volume, *prices in zip(market.at_ms.tolist(), *(each[row].tolist() for each in columns), strict=True)
    ]  # fmt: skip


if __name__ == "__main__":
    serve(prepare)
