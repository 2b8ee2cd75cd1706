"""Small records, and the whole house in one process without a ledger, for the tests of the stages."""

import os
import random
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import settings

from engine.matching.exchange import ExchangeState, PaperExchange, PaperSettings
from engine.plugs import Rule
from engine.records.base import Record
from engine.records.desk import Operator
from engine.records.ideas import Candidate, CandidateSnapshot, ExitPlan, HeatInputs, SignalSnapshot
from engine.records.market import Announcement, Bar, BookTop, Funding, Post, SymbolRules, Tick, Ticker, Trade
from engine.records.trades import Intent
from engine.runs import catalog
from engine.runs.trader import Trader
from engine.runs.turn import Turn
from engine.stages.desk import DeskSettings
from engine.stages.heat import HeatSettings
from engine.stages.intake import Intake, IntakeState
from engine.stages.order import Order
from engine.stages.order_state import OrderState
from engine.stages.precheck import Precheck, PrecheckSettings, PrecheckState
from engine.stages.rank import Rank, RankSettings, RankState
from engine.stages.scan import Scan, ScanSettings, ScanState
from engine.stages.signal import Signal, SignalSettings, SignalState
from engine.stages.size import SizeSettings
from engine.strategies.hotcoin import Hotcoin

#: How many examples a property gets; many more where time does not count.
LONG = bool(os.environ.get("HOT_TEST_LONG"))


def examples(few: int, many: int | None = None) -> settings:
    return settings(max_examples=(many or 20 * few) if LONG else few, deadline=None)


DAY = 86_400_000
MINUTE = 60_000
START = 1_618_531_200_000  # 2021-04-16T00:00Z
V = "binance-spot"
S = "ETCUSDT"


def bar(
    at: int,
    close: str = "100",
    *,
    symbol: str = S,
    step_s: int = 60,
    opened: str | None = None,
    high: str | None = None,
    low: str | None = None,
    volume: str = "1000",
    **more: Any,
) -> Bar:
    """A candle that closes at `at`; high and low are the extremes of open and close unless given."""
    opened = opened if opened is not None else close
    high = high if high is not None else max(opened, close, key=Decimal)
    low = low if low is not None else min(opened, close, key=Decimal)
    return Bar(
        at=at,
        venue=V,
        symbol=symbol,
        step_s=step_s,
        open_at=at - 1000 * step_s,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=volume,
        **more,
    )


def ticker(at: int, last: str = "100", day: str = "5000000", symbol: str = S, **more: Any) -> Ticker:
    return Ticker(at=at, venue=V, symbol=symbol, last=last, quote_volume_24h=day, **more)


def book(at: int, bid: str = "99.9", ask: str = "100.1", qty: str = "1000", symbol: str = S) -> BookTop:
    return BookTop(at=at, venue=V, symbol=symbol, bid=bid, bid_qty=qty, ask=ask, ask_qty=qty)


def trade(at: int, price: str = "100", qty: str = "1000", symbol: str = S) -> Trade:
    return Trade(at=at, venue=V, symbol=symbol, price=price, qty=qty, side="buy")


def rules(at: int = START, symbol: str = S, **changes: Any) -> SymbolRules:
    given = {"base": symbol.removesuffix("USDT"), "quote": "USDT", "tick": "0.01", "step": "0.01", "min_notional": "5"}
    return SymbolRules(at=at, venue=V, symbol=symbol, **{**given, **changes})


def candidate(at: int = START, symbol: str = S, *, status: str = "hot", **inputs: Any) -> Candidate:
    return Candidate(
        at=at,
        venue=V,
        symbol=symbol,
        status=status,
        since=at,
        status_since=at,
        price="100",  # type: ignore[arg-type]
        inputs=HeatInputs(**inputs),
    )


def ranked(
    at: int = START, symbol: str = S, *, heat: float = 80, status: str = "hot", **inputs: Any
) -> CandidateSnapshot:
    return CandidateSnapshot(
        at=at,
        venue=V,
        symbol=symbol,
        rank=1,
        heat=heat,
        coverage=1,
        dimensions={},
        status=status,
        since=at,  # type: ignore[arg-type]
        price="100",
        inputs=HeatInputs(**inputs),
    )


def signal(
    at: int = START, symbol: str = S, *, action: str = "enter", plan: ExitPlan | None = None, **more: Any
) -> SignalSnapshot:
    return SignalSnapshot(
        at=at,
        venue=V,
        symbol=symbol,
        strategy="hotcoin",
        action=action,
        side="sell" if action == "exit" else "buy",  # type: ignore[arg-type]
        order_type=more.pop("order_type", "market"),
        rank=1,
        heat=80,
        price="100",
        plan=plan,
        **more,
    )


def intent(
    at: int = START, symbol: str = S, *, qty: str = "1", key: str = "k", plan: ExitPlan | None = None, **more: Any
) -> Intent:
    given: dict[str, Any] = {"side": "buy", "purpose": "entry", "leg": "entry", "order_type": "market", "price": "100"}
    given.update(more)
    return Intent(
        at=at,
        venue=V,
        symbol=symbol,
        strategy="hotcoin",
        qty=qty,
        notional=f"{Decimal(qty) * Decimal(given['price']):f}",
        intent_key=key,
        risk_level="L0",
        plan=plan,
        **given,
    )


def all_rules() -> list[Rule]:
    """Every rule there is, as it comes."""
    return [catalog.load("rules", name)() for name in catalog.names("rules")]


SCAN = ScanSettings(
    cycle_s=300,
    min_quote_volume_24h=100_000.0,
    inputs=("announcement", "social", "sentiment"),
    hot_heat=30.0,
    cool_heat=20.0,
    anomaly_change_pct=1.0,
)
STRATEGY = Hotcoin(
    min_heat=30.0, timeframes=("5m", "15m"), above_ema=("5m",), rising_ema=("15m",), ema_bars=5, hold_max_s=7200
)


class House:
    """All stages in one process, as the crank runs them; `made` holds what left the last one."""

    def __init__(
        self,
        saved: bytes | None = None,
        paper: PaperSettings = PaperSettings(),  # noqa: B008
        desk: DeskSettings = DeskSettings(),  # noqa: B008
        strategy: Any = STRATEGY,
    ) -> None:
        state = msgspec.msgpack.decode(saved, type=HouseState) if saved is not None else HouseState()
        every = all_rules()
        self.intake = Intake(300, {}, state.intake)
        self.scan = Scan(SCAN, HeatSettings(), state.scan)
        self.rank = Rank(RankSettings(top=3), HeatSettings(), state.rank)
        self.signal = Signal(SignalSettings(), strategy, state.signal)
        self.precheck = Precheck(PrecheckSettings(signal_ttl_s=300), SizeSettings(), desk, paper, every, state.precheck)
        self.order = Order(desk, every, state.order)
        self.exchange = PaperExchange(paper, state.exchange, self.order.desk)
        self.made: list[Record] = []
        stages = (self.scan, self.rank, self.signal, self.precheck, Trader(self.order, self.exchange))
        self.turn = Turn(self.intake, stages, self.made.append)

    def run(self, facts: Iterable[Record]) -> list[Record]:
        """Feeds facts; gives what came out since."""
        before = len(self.made)
        for fact in facts:
            self.turn.feed(fact)
        return self.made[before:]

    def save(self) -> bytes:
        return msgspec.msgpack.encode(
            HouseState(
                intake=self.intake.state,
                scan=self.scan.state,
                rank=self.rank.state,
                signal=self.signal.state,
                precheck=self.precheck.state,
                order=self.order.state,
                exchange=self.exchange.state,
            )
        )


class HouseState(msgspec.Struct, kw_only=True):
    intake: IntakeState | None = None
    scan: ScanState | None = None
    rank: RankState | None = None
    signal: SignalState | None = None
    precheck: PrecheckState | None = None
    order: OrderState | None = None
    exchange: ExchangeState | None = None


COINS = ("AAAUSDT", "BBBUSDT", "CCCUSDT", "币安USDT")


def calm_day(coins: Iterable[str] = COINS, count: int = 290) -> Iterator[Record]:
    """A day of quiet five-minute candles of some coins, so that every window is whole."""
    for i in range(1, count + 1):
        for symbol in coins:
            yield bar(
                START + i * 300_000, f"{100 + i % 3}", symbol=symbol, step_s=300, opened="100", low="99", volume="500"
            )


_warm: bytes | None = None


def warm_house(**settings_: Any) -> House:
    """A house that has seen a calm day."""
    global _warm
    if _warm is None:
        house = House()
        house.run(rules(symbol=symbol, tick="0.0001", step="0.001") for symbol in COINS)
        house.run(calm_day())
        _warm = house.save()
    return House(_warm, **settings_)


WARM_UNTIL = START + 290 * 300_000
ABSURD = ("0", "0.00000000", "-1", "NaN", "1e9", "", "abc", "0.000000000000000001", "999999999999999", "9" * 30)


class Market:
    """A market that is mostly real, and hostile where it can be; the same seed gives the same facts."""

    def __init__(self, seed: int, hostile: float = 0.1) -> None:
        self.random, self.hostile = random.Random(seed), hostile
        self.prices = dict.fromkeys(COINS, 100.0)
        self.at = WARM_UNTIL

    def facts(self, bars: int) -> Iterator[Record]:
        """Gives so many rounds of five minutes."""
        for _ in range(bars):
            self.at += 300_000
            yield from self._between()
            for symbol in COINS:
                if self.random.random() > 0.03:
                    yield self._bar(symbol)
                    if self.random.random() < self.hostile:
                        yield self._nasty(symbol, self.at)

    def _bar(self, symbol: str) -> Bar:
        pick = self.random
        before = self.prices[symbol]
        size = pick.choice((0.001, 0.003, 0.01, 0.03, 0.12))
        close = self.prices[symbol] = max(0.01, before * (1 + pick.gauss(0.2 * size, size)))
        high, low = (
            max(before, close) * (1 + abs(pick.gauss(0, size))),
            min(before, close) * (1 - min(0.9, abs(pick.gauss(0, size)))),
        )
        texts = [f"{x:.4f}" for x in (before, high, max(low, 0.001), close)]
        volume = f"{pick.choice((0.0, 5.0, 500.0, 3000.0, 20000.0)):.3f}"
        return bar(
            self.at, texts[3], symbol=symbol, step_s=300, opened=texts[0], high=texts[1], low=texts[2], volume=volume
        )

    def _between(self) -> Iterator[Record]:
        """What comes inside the five minutes: sorted by time."""
        times = sorted(self.at - self.random.randrange(1, 299_000) for _ in range(self.random.randrange(3)))
        for at in times:
            yield self._nasty(self.random.choice(COINS), at) if self.random.random() < self.hostile else self._extra(at)

    def _extra(self, at: int) -> Record:
        pick = self.random
        symbol = pick.choice(COINS)
        price = self.prices[symbol] * (1 + pick.gauss(0, 0.01))
        last, bid, ask = f"{price:.4f}", f"{price * 0.9995:.4f}", f"{price * 1.0005:.4f}"
        return pick.choice(
            (
                lambda: ticker(
                    at, last, f"{pick.randrange(10**6, 10**7)}", symbol, bid=bid, ask=ask, volume_24h="90000"
                ),
                lambda: book(at, bid, ask, f"{pick.randrange(1, 500)}", symbol),
                lambda: trade(at, last, f"{pick.randrange(1, 50)}", symbol),
                lambda: Funding(at=at, venue=V, symbol=symbol, rate="-0.0001"),
                lambda: Post(at=at, source="x", symbols=(symbol, symbol), sentiment=0.5),
                lambda: Announcement(
                    at=at, source="x", announcement_id="1", category="spot_listing", symbols=(symbol,)
                ),
                lambda: rules(
                    at,
                    symbol,
                    tick=pick.choice(("0.0001", "0.001", "0.01")),
                    step=pick.choice(("0.001", "0.01", "1")),
                    market_step=pick.choice(("0", "0.01", "1")),
                    market_max_qty=pick.choice(("0", "2", "50")),
                ),
                lambda: Operator(at=at, action=pick.choice(("halt", "resume"))),
            )
        )()

    def _nasty(self, symbol: str, at: int) -> Record:
        pick = self.random
        bad, worse = pick.choice(ABSURD), pick.choice(ABSURD)
        opened = self.at - 300_000 * pick.randrange(0, 5)
        return pick.choice(
            (
                lambda: ticker(at, bad, worse, symbol),
                lambda: ticker(at, "100", "5000000", symbol, bid=bad, ask=worse, volume_24h=pick.choice(ABSURD)),
                lambda: book(at, bad, worse, pick.choice(ABSURD), symbol),
                lambda: book(at, "100", "90", "5", symbol),
                lambda: trade(at, bad, worse, symbol),
                lambda: trade(at, "100", bad, symbol),
                lambda: rules(
                    at, symbol, **{pick.choice(("tick", "step", "min_qty", "market_step", "max_notional")): bad}
                ),
                lambda: bar(at, "100", symbol=symbol, step_s=pick.choice((60, 300, 3600)), volume=bad),
                lambda: Bar(
                    at=at,
                    venue=V,
                    symbol=symbol,
                    step_s=300,
                    open_at=opened,
                    open=bad,
                    high=worse,
                    low=bad,
                    close=bad,
                    volume="1",
                ),
                lambda: bar(opened, "100", symbol=symbol, step_s=300).__class__(
                    at=at,
                    venue=V,
                    symbol=symbol,
                    step_s=300,
                    open_at=opened - 300_000,
                    open="100",
                    high="900",
                    low="1",
                    close="100",
                    volume="5",
                ),
                lambda: Funding(at=at, venue=V, symbol=symbol, rate=bad),
                lambda: Post(at=at, source="x", symbols=("[/]X", symbol), sentiment=1e9),
                lambda: Announcement(
                    at=at, source="x", announcement_id="1", category="spot_listing", symbols=("\x1b[31m",), opens_at=-9
                ),
                lambda: ticker(at, "100", "5000000", "\u202eEVIL"),
                lambda: Tick(at=at),
            )
        )()
