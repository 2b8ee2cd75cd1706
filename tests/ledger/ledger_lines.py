"""Lines, records and whole ledgers that the ledger's tests share."""

import os

from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.ideas import Anomaly, Cycle
from engine.records.market import Tick
from engine.records.trades import Fill, OrderAttempt, OrderResult, Position
from engine.records.wire import encode

LONG = os.environ.get("HOT_TEST_LONG") == "1"
START = 1_700_000_000_000


def counted(short: int, long: int) -> int:
    """Gives how often a test repeats itself: modestly, or long with HOT_TEST_LONG=1."""
    return long if LONG else short


def tick(number: int) -> bytes:
    return encode(Tick(at=START + number * 60_000, codes={"QUIET": ("AUSDT", "BUSDT")}))


def anomaly(number: int, symbol: str = "COINUSDT") -> bytes:
    return encode(Anomaly(at=START + number, venue="v", symbol=symbol, trigger="price", change_pct=3.5, window_s=300))


def cycle(number: int) -> bytes:
    return encode(Cycle(at=START + number * 60_000, codes={"QUIET": ("AUSDT",)}))


def attempt(number: int, client_id: str, intent_key: str = "key") -> bytes:
    return encode(OrderAttempt(
        at=START + number, venue="v", symbol="COINUSDT", strategy="hotcoin", client_id=client_id,
        intent_key=intent_key, side="buy", purpose="entry", reason="ENTRY", order_type="market", qty="1",
        reference_price="100",
    ))  # fmt: skip


def refused_as_duplicate(number: int, client_id: str) -> bytes:
    return encode(OrderResult(
        at=START + number, venue="v", symbol="COINUSDT", client_id=client_id, status="rejected", filled_qty="0",
        code="DUPLICATE",
    ))  # fmt: skip


def fill(
    number: int, side: str, qty: str, price: str, notional: str, fee_quote: str, symbol: str = "COINUSDT",
    fee: str | None = None, fee_asset: str = "USDT",
) -> Fill:  # fmt: skip
    return Fill(
        at=START + number, venue="v", symbol=symbol, venue_at=START + number, client_id=f"h{number}",
        trade_id=f"t{number}", side=side, purpose="entry" if side == "buy" else "exit", reason="ENTRY", qty=qty,
        price=price, notional=notional, fee=fee or fee_quote, fee_asset=fee_asset, fee_quote=fee_quote,
        liquidity="taker",
    )  # fmt: skip


def position(
    number: int, qty: str, entry: str, pnl: str, fees: str, symbol: str = "COINUSDT", status: str = "open",
    dust: str = "0",
) -> Position:  # fmt: skip
    return Position(
        at=START + number, venue="v", symbol=symbol, strategy="hotcoin", status=status, qty=qty, entry_price=entry,
        opened_at=START, realised_pnl=pnl, fees_quote=fees, reason="ENTRY", dust=dust,
    )  # fmt: skip


def round_trip(number: int = 0, symbol: str = "COINUSDT") -> list[Record]:
    """Gives a position that is bought, half sold at a gain, and closed at a loss, computed by hand."""
    return [
        fill(number, "buy", "2", "100", "200", "0.2", symbol),
        position(number, "2", "100", "-0.2", "0.2", symbol),
        fill(number + 1, "sell", "1", "110", "110", "0.11", symbol),
        position(number + 1, "1", "100", "9.69", "0.31", symbol),
        fill(number + 2, "sell", "1", "90", "90", "0.09", symbol),
        position(number + 2, "0", "0", "-0.4", "0.4", symbol, "closed"),
    ]


def fill_ledger(ledger: Ledger, cycles: int) -> None:
    """Writes cycles with anomalies and round trips, each one commit."""
    for number in range(cycles):
        for symbol in ("AUSDT", "BUSDT", "币安人生USDT"):
            ledger.append(anomaly(number * 60_000, symbol))
        for record in round_trip(number * 60_000):
            ledger.append(encode(record))
        ledger.append(tick(number))
        ledger.append(cycle(number))
        ledger.commit()
