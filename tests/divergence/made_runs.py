"""Small runs made by hand: entries, exits, prices and cycles, as records in ledger order."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.records.base import Record
from engine.records.ideas import Candidate, Cycle, HeatInputs, Refusal
from engine.records.ids import client_id, intent_key
from engine.records.trades import DUST, Fill, OrderAttempt, OrderResult, Position
from engine.stages.divergence import Divergence, Ran, divergence
from engine.stages.divergence_deals import Deals, Told

VENUE = "paper"
MINUTE = 60_000
START = 1_600_000_020_000


class Sale(NamedTuple):
    """An exit: its reason, how long after the start of the run, how many coins at which price, and the fee."""

    reason: str
    minute: int
    qty: str
    price: str
    fee: str = "0"


class Trade(NamedTuple):
    """A holding: when it was decided and filled, how much of what was asked for, how it was left, the dust it found."""

    symbol: str
    minute: int
    qty: str
    price: str
    fee: str = "0"
    delay: int = 0
    asked: str = ""
    sales: tuple[Sale, ...] = ()
    dust: str = "0"


def at(minute: int) -> int:
    return START + minute * MINUTE


def priced(symbol: str, minute: int, price: str) -> Candidate:
    return Candidate(
        at=at(minute), venue=VENUE, symbol=symbol, status="hot", since=START, status_since=START, price=price,
        inputs=HeatInputs(),
    )  # fmt: skip


def cycles(last: int, symbols: Iterable[str] = ("AUSDT", "BUSDT"), code: str = "WATCHED") -> list[Record]:
    return [Cycle(at=at(minute), codes={code: tuple(symbols)}) for minute in (0, last)]


def refused(symbol: str, minute: int, code: str, rule: str | None = None) -> Refusal:
    return Refusal(at=at(minute), venue=VENUE, symbol=symbol, stage="precheck", code=code, precheck_code=rule)


def ordered(symbol: str, minute: int, qty: str, status: str = "expired", code: str | None = None) -> list[Record]:
    """Gives an entry order that came to nothing."""
    sent = _attempt(symbol, at(minute), "buy", "entry", "ENTRY", qty, "1")
    return [sent, _result(sent, at(minute + 5), status, "0", code)]


def traded(trade: Trade) -> list[Record]:
    """Gives the records of a holding, as an order stage writes them."""
    decided = at(trade.minute)
    sent = _attempt(trade.symbol, decided, "buy", "entry", "ENTRY", trade.asked or trade.qty, trade.price)
    known = at(trade.minute + trade.delay + 1)
    held = Decimal(trade.qty)
    made = [sent, _fill(sent, known, known - MINUTE, trade.qty, trade.price, trade.fee), _position(sent, known, held)]
    if Decimal(trade.dust):
        held += Decimal(trade.dust)
        found = _fill(sent, known, known - MINUTE, trade.dust, trade.price, "0")
        found = msgspec.structs.replace(found, trade_id=f"dust-{sent.client_id}", reason=DUST)
        made += [found, _position(sent, known, held)]
    made.append(_result(sent, known, "filled", trade.qty))
    for sale in trade.sales:
        held -= Decimal(sale.qty)
        out = _attempt(trade.symbol, at(sale.minute), "sell", "exit", sale.reason, sale.qty, sale.price)
        fill = _fill(out, at(sale.minute), at(sale.minute) - MINUTE, sale.qty, sale.price, sale.fee)
        made += [out, fill, _position(out, at(sale.minute), held), _result(out, at(sale.minute), "filled", sale.qty)]
    return made


def ran(records: Iterable[Record], *others: Iterable[Record]) -> Ran:
    """Folds records into a run; `others` are the runs that it will be held against."""
    mine = list(records)
    deals, moments, entries = Deals(), {}, []
    for record in mine:
        deals.take(record)
    for record in (*mine, *(one for other in others for one in other)):
        if isinstance(record, Fill):
            moments.setdefault((record.venue, record.symbol), set()).add(record.venue_at)
    for other in others:
        theirs = Deals()
        for record in other:
            theirs.take(record)
        entries += theirs.entries.values()
    told = Told(moments, entries)
    for record in sorted(mine, key=lambda record: record.at):
        told.take(record)
    deals.value(told)
    return Ran(deals, told)


def compared(a: Iterable[Record], b: Iterable[Record]) -> Divergence:
    a, b = list(a), list(b)
    return divergence(ran(a, b), ran(b, a))


def _attempt(
    symbol: str, decided: int, side: str, purpose: str, reason: str, qty: str, price: str
) -> OrderAttempt:  # fmt: skip
    key = intent_key("made", VENUE, symbol, side, purpose, decided, reason)
    return OrderAttempt(
        at=decided, venue=VENUE, symbol=symbol, strategy="made", client_id=client_id(key, 1), intent_key=key,
        side=side, purpose=purpose, reason=reason, order_type="market", qty=qty, reference_price=price,  # type: ignore[arg-type]
    )  # fmt: skip


def _result(sent: OrderAttempt, known: int, status: str, filled: str, code: str | None = None) -> OrderResult:
    return OrderResult(
        at=known, venue=VENUE, symbol=sent.symbol, client_id=sent.client_id, status=status, filled_qty=filled, code=code  # type: ignore[arg-type]
    )  # fmt: skip


def _fill(sent: OrderAttempt, known: int, venue_at: int, qty: str, price: str, fee: str) -> Fill:
    return Fill(
        at=known, venue=VENUE, symbol=sent.symbol, venue_at=venue_at, client_id=sent.client_id,
        trade_id=f"{sent.client_id}-1", side=sent.side, purpose=sent.purpose, reason=sent.reason, qty=qty, price=price,
        notional=f"{Decimal(qty) * Decimal(price):f}", fee=fee, fee_asset="USDT", fee_quote=fee, liquidity="taker",
    )  # fmt: skip


def _position(sent: OrderAttempt, known: int, held: Decimal) -> Position:
    return Position(
        at=known, venue=VENUE, symbol=sent.symbol, strategy="made", status="open" if held else "closed",
        qty=f"{held:f}", entry_price="0", opened_at=known, realised_pnl="0", fees_quote="0",
        reason=sent.reason, dust="0",
    )  # fmt: skip
