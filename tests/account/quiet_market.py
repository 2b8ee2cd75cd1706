"""A market that stands still unless a test moves it, and orders for it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from engine.matching.events import VenueOrder
from engine.records.market import SymbolRules
from engine.world.loopback.faults.script import Fault
from engine.world.loopback.market.instruments import Instrument, Kind
from engine.world.loopback.market.source import Happening, MarketSource
from engine.world.loopback.market.tape import Print
from engine.world.loopback.serving import Serving

SYMBOLS = ("ABCUSDT", "币安人生USDT")


def rules(symbol: str, venue: str) -> SymbolRules:
    wide = {"bid_multiplier_up": "1.9", "bid_multiplier_down": "0.1", "ask_multiplier_up": "1.9"}
    return SymbolRules(
        at=0, venue=venue, symbol=symbol, base=symbol.removesuffix("USDT"), quote="USDT", tick="0.1", step="0.001",
        min_price="0.1", max_price="1000000", min_qty="0.001", max_qty="9000", market_max_qty="500", min_notional="5",
        max_notional="9000000", ask_multiplier_down="0.1", max_orders=200, max_algo_orders=5, **wide,
    )  # fmt: skip


class Quiet(MarketSource):
    """Two coins, on spot and as perpetuals, quoted at 100.0 / 100.1 with 10 on each side of the best price."""

    def __init__(self) -> None:
        kinds: tuple[Kind, ...] = ("spot", "usdm")
        self._coins = [Instrument.of(kind, rules(symbol, f"binance-{kind}")) for kind in kinds for symbol in SYMBOLS]

    def coins(self) -> list[Instrument]:
        return self._coins

    def happenings(self, since: int) -> Iterator[Happening]:
        for coin in self._coins:
            yield printed(coin, since, "100", "100.1")


def printed(
    coin: Instrument, at: int, bid: str, ask: str, last: str = "", qty: str = "10", marks: bool = True
) -> Print:
    ticks = [coin.scale.ticks(text, up=False) for text in (last or bid, bid, ask)]
    steps = int(Decimal(qty) / coin.step)
    return Print(at, coin, ticks[0], 10, -1, ticks[1], steps, ticks[2], steps, marks)


def quote(
    venue: Serving,
    bid: str,
    ask: str,
    last: str = "",
    *,
    kind: Kind = "spot",
    qty: str = "10",
    marks: bool = True,
    symbol: str = "ABCUSDT",
) -> None:
    """Moves the market; `last` is the price of the trade that goes with it (the bid unless told)."""

    def move(one: Any) -> None:
        floor = one.spot.floor if kind == "spot" else one.perp.floor
        one.take(printed(floor.coins[symbol], one.clock.now(), bid, ask, last, qty, marks))

    venue.do(move)


def arm(venue: Serving, **fault: Any) -> None:
    """Adds a fault to a venue."""
    venue.do(lambda one: one.faults.add(Fault(**fault)))


def order(client_id: str, side: Any = "buy", order_type: Any = "market", **values: Any) -> VenueOrder:
    """Gives an order for 1 ABC unless told otherwise; prices as text."""
    prices = {name: Decimal(text) for name, text in values.items() if name in ("qty", "limit_price", "stop_price")}
    given = {"symbol": "ABCUSDT", "qty": Decimal(1), "sent_at": 0, **values, **prices}
    return VenueOrder(client_id=client_id, side=side, order_type=order_type, **given)
