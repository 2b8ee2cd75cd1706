"""The order stage with its paper venue on one perpetual, fed fact by fact."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from stage_builders import MINUTE

from engine.matching.exchange import ExchangeState, PaperExchange, PaperSettings
from engine.matching.units import from_e8
from engine.records.base import Record
from engine.records.ideas import ExitPlan
from engine.records.market import Bar, Funding, SymbolRules, Tick
from engine.records.trades import Fill, FundingPayment, Intent, Position
from engine.runs.trader import Trader
from engine.stages.desk import DeskSettings
from engine.stages.order import Order
from engine.stages.order_state import OrderState

V, S = "binance-usdm", "ETCUSDT"
#: A funding time of every interval: midnight.
NOON = 1_618_531_200_000
#: Fills cost a tenth of a percent and are at the very price of the bar.
EXACT = PaperSettings(taker_fee_rate=0.001, bar_spread_bps=0, slippage_bps=0, participation=1)


def bar(at: int, opened: str, low: str = "", close: str = "", *, high: str = "", venue: str = V, **more: Any) -> Bar:
    """A minute's candle that closes at `at`."""
    close = close or opened
    prices = [Decimal(one) for one in (opened, low or opened, close, high or opened)]
    return Bar(
        at=at, venue=venue, symbol=S, step_s=60, open_at=at - MINUTE, open=opened, high=str(max(prices)),
        low=str(min(prices)), close=close, volume=more.pop("volume", "1000000"), **more,
    )  # fmt: skip


def rate(at: int, value: str, mark: str | None = None, due_at: int | None = None, venue: str = V) -> Funding:
    return Funding(at=at, venue=venue, symbol=S, rate=value, mark_price=mark, due_at=due_at)


class Perps:
    """A desk of 1,000 USDT; `made` holds all that was said."""

    def __init__(self, leverage: int = 1, paper: PaperSettings = EXACT, venue: str = V, **rules: Any) -> None:
        self.venue, self.paper = venue, paper
        self.made: list[Record] = []
        self._open(DeskSettings(leverage=leverage))
        given = {"base": "ETC", "quote": "USDT", "tick": "0.01", "step": "0.001", **rules}
        self.feed(SymbolRules(at=NOON, venue=venue, symbol=S, **given))

    def _open(self, desk: DeskSettings, order: OrderState | None = None, exchange: ExchangeState | None = None) -> None:
        self.order = Order(desk, [], order)
        self.exchange = PaperExchange(self.paper, exchange, self.order.desk)
        self.trader = Trader(self.order, self.exchange)

    def reopen(self) -> None:
        """Starts again from what was remembered."""
        state = msgspec.msgpack.encode((self.order.state, self.exchange.state))
        order, exchange = msgspec.msgpack.decode(state, type=tuple[OrderState, ExchangeState])
        self._open(self.order.desk.settings, order, exchange)

    def feed(self, *facts: Record) -> list[Record]:
        """Feeds facts; gives what is said of them."""
        said = [record for fact in facts for record in self.trader.take(fact)]
        self.made += said
        return said

    def enter(self, at: int, qty: str = "1", plan: ExitPlan | None = None) -> list[Record]:
        """Decides an entry at a tick; it is filled with the next bar."""
        wanted = Intent(
            at=at, venue=self.venue, symbol=S, strategy="hotcoin", side="buy", purpose="entry", leg="entry",
            order_type="market", qty=qty, price="100", notional=str(100 * Decimal(qty)), intent_key=f"k{at}",
            risk_level="L0", plan=plan,
        )  # fmt: skip
        return self.feed(wanted, Tick(at=at))

    def of(self, kind: type[Record]) -> list[Any]:
        return [record for record in self.made if isinstance(record, kind)]

    @property
    def payments(self) -> list[FundingPayment]:
        return self.of(FundingPayment)

    @property
    def fills(self) -> list[Fill]:
        return self.of(Fill)

    @property
    def position(self) -> Position:
        last: Position = self.of(Position)[-1]
        return last

    @property
    def cash(self) -> Decimal:
        return from_e8(self.order.desk.state.cash_e8)

    @property
    def equity(self) -> Decimal:
        return from_e8(self.order.desk.state.equity_e8)

    def identity(self) -> tuple[int, int]:
        """Cash with all margins, and the start with all that was realised: always the same, in 1e-8."""
        state = self.order.desk.state
        margins = sum(book.margin_e8 for book in state.books.values())
        return state.cash_e8 + margins, 1000 * 10**8 + realised_e8(self.made)


def realised_e8(made: Iterable[Record]) -> int:
    """What all positions realised up to their last record."""
    last: dict[tuple[str, int], Decimal] = {}
    for record in made:
        if isinstance(record, Position):
            last[record.symbol, record.opened_at] = Decimal(record.realised_pnl)
    return int(sum(last.values()) * 10**8)
