"""A market that stands still unless a test moves it, and the requests of a client."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from engine.records.market import SymbolRules
from engine.world.loopback.books.orders import Account
from engine.world.loopback.books.perp import PerpBooks
from engine.world.loopback.books.perp_algo import AlgoBooks
from engine.world.loopback.books.perp_orders import Trader
from engine.world.loopback.books.refusals import Refusal
from engine.world.loopback.books.spot import SpotBooks
from engine.world.loopback.books.wanted import Wanted
from engine.world.loopback.market.instruments import Instrument
from engine.world.loopback.market.tape import Print

E8 = 10**8
START = 1_795_200_000_000


def rules(symbol: str, venue: str = "binance-spot", **changed: Any) -> SymbolRules:
    values: dict[str, Any] = {
        "at": 0, "venue": venue, "symbol": symbol, "base": symbol.removesuffix("USDT"), "quote": "USDT",
        "tick": "0.1", "step": "0.001", "min_price": "0.1", "max_price": "1000000", "min_qty": "0.001",
        "max_qty": "9000", "market_max_qty": "500", "min_notional": "5", "max_notional": "9000000",
        "bid_multiplier_up": "1.5", "bid_multiplier_down": "0.5", "ask_multiplier_up": "1.5",
        "ask_multiplier_down": "0.5", "max_orders": 200, "max_algo_orders": 5,
    }  # fmt: skip
    return SymbolRules(**(values | changed))


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> int:
        return self.at


class Spot:
    """Spot books with one symbol (ABCUSDT) and BNBUSDT, quoted at 100.0 / 100.1 and 600.0 / 600.1."""

    def __init__(self, **changed: Any) -> None:
        self.clock = Clock()
        self.coin = Instrument.of("spot", rules("ABCUSDT", **changed))
        self.bnb = Instrument.of("spot", rules("BNBUSDT"))
        self.books = SpotBooks([self.coin, self.bnb], self.clock)
        self.account = self.open("main", USDT="10000", ABC="50")
        self.quote("600", "600.1", coin=self.bnb)
        self.quote("100", "100.1")

    def open(self, name: str, **amounts: str) -> Account:
        account = Account(name, "secret", name, free={one: int(Decimal(text) * E8) for one, text in amounts.items()})
        self.books.accounts[name] = account
        return account

    def quote(
        self, bid: str, ask: str, last: str | None = None, steps: int = 10_000, coin: Instrument | None = None
    ) -> None:
        coin = coin or self.coin
        prices = [coin.scale.ticks(text, up=False) for text in (last or bid, bid, ask)]
        self.clock.at += 250
        self.books.see(Print(self.clock.at, coin, prices[0], 10, -1, prices[1], steps, prices[2], steps))

    def place(self, side: str, kind: str, account: Account | None = None, **values: str) -> Any:
        wanted = {"symbol": "ABCUSDT", "side": side, "type": kind, **values}
        return self.books.place(account or self.account, Wanted(wanted))

    def cancel(self, order: Any) -> Any:
        return self.books.cancel(self.account, Wanted({"symbol": "ABCUSDT", "orderId": str(order.order_id)}))

    def free(self, asset: str) -> Decimal:
        return Decimal(self.account.free.get(asset, 0)) / E8

    def locked(self, asset: str) -> Decimal:
        return Decimal(self.account.locked.get(asset, 0)) / E8


class Perp:
    """Books of perpetuals with one symbol (ABCUSDT), quoted at 100.0 / 100.1, and a wallet of 1000 USDT."""

    def __init__(self, wallet: str = "1000") -> None:
        self.clock = Clock()
        limits = {"bid_multiplier_up": "1.9", "ask_multiplier_down": "0.1", "bid_multiplier_down": "0.1"}
        self.coin = Instrument.of("usdm", rules("ABCUSDT", "binance-usdm", **limits))
        self.books = PerpBooks([self.coin], self.clock)
        self.algo = AlgoBooks(self.books)
        self.trader = Trader("main", "secret", "main", wallet_e8=int(Decimal(wallet) * E8))
        self.books.traders["main"] = self.trader
        self.quote("100", "100.1")

    def quote(self, bid: str, ask: str, last: str | None = None, steps: int = 100_000) -> None:
        prices = [self.coin.scale.ticks(text, up=False) for text in (last or bid, bid, ask)]
        self.clock.at += 250
        seen = Print(self.clock.at, self.coin, prices[0], 10, -1, prices[1], steps, prices[2], steps)
        self.books.see(seen)
        self.algo.see(seen)

    def place(self, side: str, kind: str, **values: str) -> Any:
        return self.books.place(self.trader, Wanted({"symbol": "ABCUSDT", "side": side, "type": kind, **values}))

    def stop(self, side: str, kind: str, **values: str) -> Any:
        wanted = {"symbol": "ABCUSDT", "algoType": "CONDITIONAL", "side": side, "type": kind, **values}
        return self.algo.place(self.trader, Wanted(wanted))

    @property
    def position(self) -> Any:
        return self.trader.position(self.coin, "BOTH")

    @property
    def wallet(self) -> Decimal:
        return Decimal(self.trader.wallet_e8) / E8


def code_of(work: Callable[[], object]) -> int:
    """Gives the exchange's code that something is refused with; 0 where it is not."""
    try:
        work()
    except Refusal as refusal:
        return refusal.code
    return 0
