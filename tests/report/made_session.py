"""A small session whose every figure can be computed by hand, as records and as a ledger."""

from pathlib import Path

from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.desk import Operator, Run
from engine.records.ideas import (
    Anomaly,
    Candidate,
    CandidateSnapshot,
    Cycle,
    HeatInputs,
    Refusal,
    SignalSnapshot,
)
from engine.records.market import Tick
from engine.records.trades import Fill, Intent, OrderAttempt, OrderResult, Position, StateChange
from engine.records.wire import encode

#: 2024-01-10 00:00 UTC.
DAY = 1_704_844_800_000
MINUTE = 60_000
VENUE = "binance-spot"


def at(minute: float) -> int:
    return DAY + int(minute * MINUTE)


def run(equity: str = "1000", **more: object) -> Run:
    market = {"path": "facts", "files": [{"path": "facts/bars.csv", "sha256": "ab" * 32}]}
    values = {
        "at": 0, "run_id": "r1", "version": "0.1.0", "settings_hash": "cd" * 32,
        "settings": {"desk.quote_asset": "USDT"}, "market": market, "start_equity": equity, **more,
    }  # fmt: skip
    return Run(**values)  # type: ignore[arg-type]


def snapshot(minute: float, symbol: str, heat: float, momentum: float, price: str = "100", **more: float) -> Record:
    return CandidateSnapshot(
        at=at(minute), venue=VENUE, symbol=symbol, rank=1, heat=heat, coverage=0.5,
        dimensions={"momentum": momentum, **more}, status="hot", since=DAY, price=price, inputs=HeatInputs(),
    )  # fmt: skip


def candidate(minute: float, symbol: str, price: str, status: str = "hot") -> Record:
    return Candidate(
        at=at(minute), venue=VENUE, symbol=symbol, status=status, since=DAY, status_since=DAY, price=price,  # type: ignore[arg-type]
        inputs=HeatInputs(),
    )  # fmt: skip


def signal(minute: float, symbol: str, action: str, code: str | None = None, price: str = "100") -> Record:
    return SignalSnapshot(
        at=at(minute), venue=VENUE, symbol=symbol, strategy="hotcoin", action=action, side="buy", order_type="market",  # type: ignore[arg-type]
        rank=1, heat=80.0, price=price, code=code, reasons=("because",),
    )  # fmt: skip


def refusal(minute: float, symbol: str, stage: str, code: str, precheck_code: str | None = None) -> Record:
    return Refusal(
        at=at(minute), venue=VENUE, symbol=symbol, stage=stage, code=code, precheck_code=precheck_code, value=1.0,  # type: ignore[arg-type]
        limit=2.0,
    )  # fmt: skip


def intent(minute: float, symbol: str) -> Record:
    return Intent(
        at=at(minute), venue=VENUE, symbol=symbol, strategy="hotcoin", side="buy", purpose="entry", leg="entry",
        order_type="market", qty="1", price="100", notional="100", intent_key="k", risk_level="L0",
    )  # fmt: skip


def attempt(minute: float, symbol: str, client_id: str, reason: str = "ENTRY") -> Record:
    entry = reason == "ENTRY"
    return OrderAttempt(
        at=at(minute), venue=VENUE, symbol=symbol, strategy="hotcoin", client_id=client_id, intent_key="k", attempt=1,
        side="buy" if entry else "sell", purpose="entry" if entry else "exit", reason=reason, order_type="market",
        qty="1", reference_price="100",
    )  # fmt: skip


def result(minute: float, symbol: str, client_id: str, status: str = "filled") -> Record:
    return OrderResult(
        at=at(minute),
        venue=VENUE,
        symbol=symbol,
        client_id=client_id,
        status=status,
        filled_qty="1",  # type: ignore[arg-type]
    )


def fill(
    minute: float, symbol: str, client_id: str, reason: str, qty: str, price: str, notional: str, fee: str,
    ambiguous: bool = False,
) -> Record:  # fmt: skip
    entry = reason == "ENTRY"
    return Fill(
        at=at(minute), venue=VENUE, symbol=symbol, venue_at=at(minute - 0.5), client_id=client_id,
        trade_id=f"{client_id}-1", side="buy" if entry else "sell", purpose="entry" if entry else "exit",
        reason=reason, qty=qty, price=price, notional=notional, fee=fee, fee_asset="USDT", fee_quote=fee,
        liquidity="taker", ambiguous=ambiguous,
    )  # fmt: skip


def position(
    minute: float, symbol: str, opened: float, qty: str, entry: str, pnl: str, fees: str, reason: str,
    closed: bool = False, dust: str = "0",
) -> Record:  # fmt: skip
    return Position(
        at=at(minute), venue=VENUE, symbol=symbol, strategy="hotcoin", status="closed" if closed else "open", qty=qty,
        entry_price=entry, opened_at=at(opened), realised_pnl=pnl, fees_quote=fees, reason=reason, dust=dust,
    )  # fmt: skip


def cycle(minute: float, **codes: tuple[str, ...]) -> list[Record]:
    return [Tick(at=at(minute)), Cycle(at=at(minute), codes=codes or {"QUIET": ("XUSDT", "YUSDT")})]


def change(minute: float, scope: str, was: str, now: str, reason: str, **more: float) -> Record:
    return StateChange(at=at(minute), scope=scope, was=was, now=now, reason=reason, **more)  # type: ignore[arg-type]


def anomaly(minute: float, symbol: str) -> Record:
    return Anomaly(
        at=at(minute), venue=VENUE, symbol=symbol, trigger="price", change_pct=3.5, volume_surge=1.5, window_s=300
    )


def operator(minute: float, action: str, reason: str = "") -> Record:
    return Operator(at=at(minute), action=action, reason=reason)  # type: ignore[arg-type]


def session(a: str = "AUSDT", b: str = "BUSDT", c: str = "CUSDT") -> list[Record]:
    """Gives seven cycles: A sells half at a gain and half at a loss, B gains, C stays open."""
    return [
        run(),
        candidate(1, a, "100"), snapshot(1, a, 80, 90, safety=30.0), snapshot(1, b, 60, 50),
        signal(1, a, "enter"), signal(1, b, "wait", "LOW_HEAT"), refusal(1, b, "signal", "LOW_HEAT"),
        intent(1, a), attempt(1, a, "a1"), result(1, a, "a1", "working"),
        *cycle(1, ENTERED=(a,), LOW_HEAT=(b,), QUIET=("XUSDT", "YUSDT")),
        fill(2, a, "a1", "ENTRY", "2", "100", "200", "0.2"), position(2, a, 1.5, "2", "100", "-0.2", "0.2", "ENTRY"),
        result(2, a, "a1"),
        anomaly(2, b), candidate(2, a, "110"), snapshot(2, a, 75, 80, "110"),
        signal(2, a, "wait", "FRAME_COLD", "110"), refusal(2, a, "signal", "FRAME_COLD"), *cycle(2),
        attempt(3, a, "a2", "TIER_1"), fill(3, a, "a2", "TIER_1", "1", "110", "110", "0.11"),
        position(3, a, 1.5, "1", "100", "9.69", "0.31", "TIER_1"), result(3, a, "a2"), *cycle(3),
        attempt(4, a, "a3", "STOP"), fill(4, a, "a3", "STOP", "1", "90", "90", "0.09"),
        position(4, a, 1.5, "0", "0", "-0.4", "0.4", "STOP", closed=True), result(4, a, "a3"),
        snapshot(4, b, 70, 60, "10"), snapshot(4, c, 45, 40, "50"), signal(4, b, "enter", price="10"),
        signal(4, c, "enter", price="50"), intent(4, b),
        refusal(4, c, "precheck", "PRECHECK_FAILED", "BUY_MIN_NOTIONAL"), attempt(4, b, "b1"),
        change(4, "risk", "L0", "L1", "drawdown", value=3.5, limit=3.0), *cycle(4),
        fill(5, b, "b1", "ENTRY", "10", "10", "100", "0.1"), position(5, b, 4.5, "10", "10", "-0.1", "0.1", "ENTRY"),
        result(5, b, "b1"),
        snapshot(5, c, 90, 100, "50"), signal(5, c, "enter", price="50"), intent(5, c), attempt(5, c, "c1"), *cycle(5),
        fill(6, c, "c1", "ENTRY", "1", "50", "50", "0.05"), position(6, c, 5.5, "1", "50", "-0.05", "0.05", "ENTRY"),
        result(6, c, "c1"),
        attempt(6, b, "b2", "TIME"), fill(6, b, "b2", "TIME", "10", "12", "120", "0.12", ambiguous=True),
        position(6, b, 4.5, "0", "0", "19.78", "0.22", "TIME", closed=True), result(6, b, "b2"),
        change(6, "engine", "tradeable", "degraded(feed_stale)", "feed_stale"), *cycle(6),
        change(7, "engine", "degraded(feed_stale)", "tradeable", "recovered"),
        candidate(7, c, "55"), candidate(7, b, "12", "cooling"), *cycle(7),
    ]  # fmt: skip


def write_ledger(path: Path, records: list[Record]) -> Path:
    """Writes records into a new ledger."""
    with Ledger.open(path, mode="paper", venue="paper") as ledger:
        for record in records:
            ledger.append(encode(record))
    return path
