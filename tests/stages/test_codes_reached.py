"""Every reason code can be reached, and none is written that the table does not name."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from engine.matching.exchange import PaperExchange, PaperSettings
from engine.plugs import Rule, Verdict
from engine.records.base import Record
from engine.records.codes import CODES, PRECHECK_CODES
from engine.records.desk import DeskView, Draft, Holding, Operator
from engine.records.ideas import Candidate, CandidateSnapshot, Cycle, ExitPlan, HeatInputs, Refusal, SignalSnapshot
from engine.records.market import Bar, SymbolRules, Tick
from engine.records.trades import Intent
from engine.rules import capital, max_entries_day, max_exposure, max_order_notional, max_symbol_exposure, risk_level
from engine.rules.allow_list import AllowList
from engine.rules.engine_state import EngineState
from engine.rules.lot_size import LotSize
from engine.rules.max_orders import MaxOrders
from engine.rules.max_position import MaxPosition
from engine.rules.max_positions import MaxPositions
from engine.rules.notional import Notional
from engine.rules.order_type import OrderType
from engine.rules.percent_price import PercentPrice
from engine.rules.position_open import PositionOpen
from engine.rules.price_filter import PriceFilter
from engine.stages.desk import DeskSettings
from engine.stages.effects import Leave, carry_out
from engine.stages.heat import HeatSettings
from engine.stages.order import Order
from engine.stages.precheck import Precheck, PrecheckSettings
from engine.stages.rank import Rank, RankSettings
from engine.stages.scan import Scan, ScanSettings
from engine.stages.signal import Signal, SignalSettings
from engine.stages.size import SizeSettings
from engine.strategies.hotcoin import Hotcoin

START = 1_618_531_200_000
FIVE = 300_000
V, S = "binance-spot", "ETCUSDT"


def bar(i: int, close: str = "100", volume: str = "1000", symbol: str = S, step_s: int = 300) -> Bar:
    opened = START + i * step_s * 1000
    high, low = max(close, "100", key=float), min(close, "100", key=float)
    return Bar(
        at=opened + step_s * 1000, venue=V, symbol=symbol, step_s=step_s, open_at=opened, open="100", high=high,
        low=low, close=close, volume=volume,
    )  # fmt: skip


def rules_of(**changes: object) -> SymbolRules:
    plain = SymbolRules(
        at=START, venue=V, symbol=S, base="ETC", quote="USDT", tick="0.01", step="0.01", min_notional="5"
    )
    return msgspec.structs.replace(plain, **changes)


def codes_of(made: list[Record]) -> set[str]:
    found: set[str] = set()
    for record in made:
        if isinstance(record, Tick | Cycle):
            found |= set(record.codes)
        elif isinstance(record, Refusal):
            found |= {record.code, record.precheck_code or record.code}
    return found


def scanned(facts: list[Record], tick: int, **settings: object) -> set[str]:
    scan = Scan(msgspec.structs.replace(ScanSettings(cycle_s=300), **settings), HeatSettings())
    for fact in facts:
        scan.take(fact)
    first = scan.take(Tick(at=tick))
    return codes_of(first) | codes_of(scan.take(Tick(at=tick + FIVE)))


def day(volume: str = "1000", symbol: str = S) -> list[Record]:
    return [bar(i, volume=volume, symbol=symbol) for i in range(290)]


END = START + 290 * FIVE


def scan_excluded() -> set[str]:
    return scanned(list(day(symbol="USDCUSDT")), END)


def scan_not_trading() -> set[str]:
    return scanned([rules_of(status="HALT"), *day()], END)


def scan_bad_data() -> set[str]:
    return scanned([*day(), bar(290, volume="-1")], END)


def scan_silent() -> set[str]:
    return scanned(day(), END + 4 * FIVE)


def scan_cold() -> set[str]:
    return scanned([bar(0)], START + FIVE)


def scan_low_volume() -> set[str]:
    return scanned(day(volume="0.01"), END)


def scan_quiet() -> set[str]:
    return scanned(day(), END)


def scan_dropped() -> set[str]:
    return scanned([*day(), bar(290, close="110", volume="9000")], END + FIVE, cooling_max_s=0, cool_heat=100.0,
                   hot_heat=100.0)  # fmt: skip


def candidate(symbol: str = S, **inputs: float) -> Candidate:
    return Candidate(at=START, venue=V, symbol=symbol, status="hot", since=START, status_since=START, price="100",
                     inputs=HeatInputs(**inputs))  # fmt: skip


def rank_outranked() -> set[str]:
    rank = Rank(RankSettings(top=1), HeatSettings())
    for symbol, change in ((S, 5.0), ("BTCUSDT", 2.0)):
        rank.take(candidate(symbol, change_1h_pct=change))
    return codes_of(rank.take(Tick(at=START)))


def rank_no_heat() -> set[str]:
    rank = Rank(RankSettings(), HeatSettings())
    rank.take(candidate())
    return codes_of(rank.take(Tick(at=START)))


def snapshot(heat: float = 80, status: str = "hot", change: float = 1.0, at: int = START) -> CandidateSnapshot:
    return CandidateSnapshot(
        at=at, venue=V, symbol=S, rank=1, heat=heat, coverage=1, dimensions={"momentum": heat}, status=status,  # type: ignore[arg-type]
        since=START, price="100", inputs=HeatInputs(change_5m_pct=change),
    )  # fmt: skip


class Sulks:
    timeframes = ("1m",)

    def indicators(self) -> dict[str, object]:
        return {}

    def judge(self, candidate: object, frames: object) -> Verdict:
        return Verdict(action="wait", code=None, reasons=())

    def exits(self) -> ExitPlan:
        return ExitPlan()


class Fails(Sulks):
    def judge(self, candidate: object, frames: object) -> Verdict:
        raise RuntimeError("a strategy with a bug")


def signalled(one: CandidateSnapshot, closes: list[float], strategy: object = None, late_ms: int = 0) -> set[str]:
    plain = Hotcoin(timeframes=("1m",), above_ema=("1m",), rising_ema=(), ema_bars=3)
    signal = Signal(SignalSettings(), strategy or plain)  # type: ignore[arg-type]
    for i, close in enumerate(closes):
        signal.take(bar(i, close=f"{close}", step_s=60))
    at = START + len(closes) * 60_000 + late_ms
    signal.take(msgspec.structs.replace(one, at=at))
    return codes_of(signal.take(Tick(at=at)))


RISING, FALLING = [100.0 + i for i in range(9)], [100.0 - i for i in range(9)]


def signal_falling_average() -> set[str]:
    slow = Hotcoin(timeframes=("1m",), above_ema=(), rising_ema=("1m",), ema_bars=3)
    return signalled(snapshot(), FALLING, slow)


def desk(**changes: object) -> DeskView:
    plain = DeskView(
        at=START, equity=Decimal(1000), cash=Decimal(1000), holdings={}, reserved={}, drawdown_pct=0.0,
        day_loss_pct=0.0, risk_level="L0", engine_state="tradeable", engine_reason="",
    )  # fmt: skip
    return msgspec.structs.replace(plain, **changes)


def draft(side: str = "buy", order_type: str = "market", qty: str = "1", price: str = "100") -> Draft:
    return Draft(S, side, order_type, Decimal(qty), Decimal(price), Decimal(100))  # type: ignore[arg-type]


def ruled(
    rule: Rule, one: Draft | None = None, view: DeskView | None = None, rules: SymbolRules | None = None
) -> set[str]:
    no = rule.check(one or draft(), view or desk(), rules or rules_of())
    return {no.code} if no is not None else set()


HELD = {S: Holding(S, Decimal(1), Decimal(100), Decimal(100))}


def precheck_with(*rules: Rule, known: bool = True, priced: bool = True) -> Precheck:
    precheck = Precheck(PrecheckSettings(), SizeSettings(), DeskSettings(), PaperSettings(), rules)
    if known:
        precheck.take(rules_of())
    if priced:
        precheck.take(bar(0))
    return precheck


def enter(at: int = START + FIVE, action: str = "enter") -> SignalSnapshot:
    return SignalSnapshot(
        at=at, venue=V, symbol=S, strategy="hotcoin", action=action, side="buy", order_type="market", rank=1, heat=80,  # type: ignore[arg-type]
        price="100",
    )  # fmt: skip


def judged(precheck: Precheck, one: SignalSnapshot, at: int = START + FIVE) -> set[str]:
    precheck.take(one)
    return codes_of(precheck.take(Tick(at=at)))


def off_band() -> set[str]:
    precheck = precheck_with()
    precheck.take(bar(5, close="170", volume="1", step_s=60))
    return judged(precheck, enter(START + FIVE + 60_000), START + FIVE + 60_000)


def intent(at: int = START + FIVE) -> Intent:
    return Intent(
        at=at, venue=V, symbol=S, strategy="hotcoin", side="buy", purpose="entry", leg="entry", order_type="market",
        qty="1", price="100", notional="100", intent_key="k", risk_level="L0", plan=ExitPlan(hold_max_s=300),
    )  # fmt: skip


def ordered(*facts: Record, rules: tuple[Rule, ...] = (), reserve: bool = True, known: bool = True) -> set[str]:
    order, venue = Order(DeskSettings(), rules), PaperExchange(PaperSettings())
    made: list[Record] = []
    leave = Leave() if reserve else Leave("DUPLICATE")
    for fact in [rules_of(), bar(0), *facts]:
        events = venue.see(fact) if known or not isinstance(fact, SymbolRules) else []
        for event in events:
            made += carry_out(order.answer(event, fact.at), venue, order.answer, fact.at)
        made += carry_out(order.take(fact), venue, order.answer, fact.at, lambda records, attempt: leave)
    return codes_of(made)


T1, T2, T3 = (Tick(at=START + n * FIVE) for n in (1, 2, 3))

WAYS: dict[str, Callable[[], set[str]]] = {
    "EXCLUDED": scan_excluded,
    "NOT_TRADING": scan_not_trading,
    "BAD_DATA": scan_bad_data,
    "SILENT": scan_silent,
    "COLD": scan_cold,
    "LOW_VOLUME": scan_low_volume,
    "QUIET": scan_quiet,
    "DROPPED": scan_dropped,
    "OUTRANKED": rank_outranked,
    "NO_HEAT": rank_no_heat,
    "NOT_HOT": lambda: signalled(snapshot(status="watching"), RISING),
    "LOW_HEAT": lambda: signalled(snapshot(heat=10), RISING),
    "FRAME_COLD": lambda: signalled(snapshot(), RISING[:1]),
    "STALE_INPUT": lambda: signalled(snapshot(), RISING, late_ms=600_000),
    "BELOW_EMA": lambda: signalled(snapshot(), FALLING),
    "EMA_FALLING": signal_falling_average,
    "NO_CROSS": lambda: signalled(snapshot(), RISING, Sulks()),
    "BLACK_SWAN": lambda: signalled(snapshot(change=-12.0), RISING),
    "STRATEGY_ERROR": lambda: signalled(snapshot(), RISING, Fails()),
    "ENGINE_DEGRADED": lambda: ruled(EngineState(), view=desk(engine_state="degraded", engine_reason="feed_stale")),
    "ENGINE_BLOCKED": lambda: halted(),
    "STALE_SIGNAL": lambda: judged(precheck_with(), enter(START)),
    "POSITION_OPEN": lambda: ruled(PositionOpen(), view=desk(holdings=HELD)),
    "ORDER_PENDING": lambda: ruled(PositionOpen(), view=desk(reserved={S: Decimal(9)})),
    "SYMBOL_NOT_ALLOWED": lambda: judged(precheck_with(AllowList(symbols=("BTCUSDT",))), enter()),
    "RISK_L4": lambda: ruled(risk_level.RiskLevel(), view=desk(risk_level="L4")),
    "RISK_L5": lambda: ruled(risk_level.RiskLevel(), view=desk(risk_level="L5")),
    "MAX_POSITIONS": lambda: ruled(MaxPositions(limit=1), view=desk(holdings=HELD)),
    "MAX_ENTRIES_DAY": lambda: ruled(max_entries_day.MaxEntriesDay(limit=1), view=desk(day_entries=1)),
    "MAX_ORDER_NOTIONAL": lambda: judged(
        precheck_with(max_order_notional.MaxOrderNotional(limit_quote=Decimal(1))), enter()
    ),
    "MAX_SYMBOL_EXPOSURE": lambda: ruled(max_symbol_exposure.MaxSymbolExposure(limit_pct=5.0)),
    "MAX_EXPOSURE": lambda: ruled(max_exposure.MaxExposure(limit_pct=5.0)),
    "NO_CAPITAL": lambda: ruled(capital.Capital(), view=desk(cash=Decimal(5))),
    "NOT_HELD": lambda: judged(precheck_with(), enter(action="exit")),
    "PRICE_BAND": off_band,
    "NO_PRICE": lambda: judged(precheck_with(priced=False), enter()),
    "NO_RULES": lambda: judged(precheck_with(known=False), enter()),
    "PRECHECK_FAILED": lambda: small_account(),
    "DUPLICATE": lambda: ordered(intent(), T1, reserve=False),
    "ACCOUNT_CHANGED": lambda: ordered(intent(), intent(), T1, rules=(PositionOpen(),)),
    "REJECTED": lambda: ordered(intent(), T1, known=False),
    "ENTERED": lambda: ordered(intent(), T1),
    "HELD": lambda: ordered(intent(), T1, bar(1), T2),
    "EXITED": lambda: ordered(intent(), T1, bar(1), T2, bar(2), T3),
}


def halted() -> set[str]:
    precheck = precheck_with(EngineState())
    precheck.take(Operator(at=START, action="halt", reason="holiday"))
    return judged(precheck, enter())


def small_account() -> set[str]:
    precheck = Precheck(
        PrecheckSettings(), SizeSettings(), DeskSettings(equity=Decimal(20)), PaperSettings(), (Notional(),)
    )
    precheck.take(rules_of())
    precheck.take(bar(0))
    return judged(precheck, enter())


@pytest.mark.parametrize("code", CODES)
def test_every_reason_code_can_be_reached(code: str) -> None:
    assert code in WAYS[code]()


FILTERS: dict[str, Callable[[str], set[str]]] = {
    "ORDER_TYPE": lambda s: ruled(OrderType(), draft(s), rules=rules_of(order_types=("LIMIT",))),
    "MIN_PRICE": lambda s: ruled(PriceFilter(), draft(s, "limit"), rules=rules_of(min_price="200")),
    "MAX_PRICE": lambda s: ruled(PriceFilter(), draft(s, "limit"), rules=rules_of(max_price="50")),
    "TICK_SIZE": lambda s: ruled(PriceFilter(), draft(s, "limit", price="100.005")),
    "PERCENT_PRICE": lambda s: ruled(
        PercentPrice(), draft(s, "limit", price="300"), rules=rules_of(bid_multiplier_up="2", ask_multiplier_up="2")
    ),
    "MIN_QTY": lambda s: ruled(LotSize(), draft(s), rules=rules_of(market_min_qty="5")),
    "MAX_QTY": lambda s: ruled(LotSize(), draft(s), rules=rules_of(market_max_qty="0.5")),
    "STEP_SIZE": lambda s: ruled(LotSize(), draft(s, qty="1.05"), rules=rules_of(market_step="0.1")),
    "MIN_NOTIONAL": lambda s: ruled(Notional(), draft(s, qty="0.01")),
    "MAX_NOTIONAL": lambda s: ruled(Notional(), draft(s), rules=rules_of(max_notional="50", max_notional_market=True)),
    "MAX_ORDERS": lambda s: ruled(MaxOrders(), draft(s), desk(open_orders={S: 3}), rules_of(max_orders=3)),
    "MAX_POSITION": lambda s: ruled(MaxPosition(), draft(s), rules=rules_of(max_position="0.5")),
}


@pytest.mark.parametrize("code", PRECHECK_CODES)
def test_every_filter_code_can_be_reached(code: str) -> None:
    side, _, name = code.partition("_")
    assert code in FILTERS[name](side.lower())


def test_no_code_is_written_that_the_table_does_not_name() -> None:
    root = Path(__file__).parent.parent.parent / "engine"
    written: set[str] = set()
    for folder in ("stages", "rules", "strategies"):
        for path in (root / folder).glob("*.py"):
            if path.name.startswith("divergence"):
                continue  # it decides nothing: its words are those of a report
            text = path.read_text(encoding="utf-8")
            written |= set(re.findall(r'(?:No\(|_wait\(|code=|code = |return )"([A-Z][A-Z0-9_]{3,})"', text))
    assert written <= CODES.keys() | PRECHECK_CODES.keys()
