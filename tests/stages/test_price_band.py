"""The price of an entry agrees with what another source of the venue said of it, or nothing is entered."""

from decimal import Decimal

import pytest

from engine.matching.exchange import PaperSettings
from engine.records.base import Record
from engine.records.ideas import SignalSnapshot
from engine.records.market import Bar, BookTop, Funding, SymbolRules, Tick, Ticker, Trade
from engine.stages.desk import DeskSettings
from engine.stages.precheck import Precheck, PrecheckSettings
from engine.stages.size import SizeSettings

S, V = "ETCUSDT", "binance-usdm"
MINUTE = 60_000
#: The end of the minute in which the facts below are told.
AT = 1_618_531_260_000


def bar(close: str) -> Bar:
    return Bar(at=AT, venue=V, symbol=S, step_s=60, open_at=AT - MINUTE, open=close, high=close, low=close,
               close=close, volume="1000")  # fmt: skip


def book(bid: str, ask: str, at: int = AT - 5_000) -> BookTop:
    return BookTop(at=at, venue=V, symbol=S, bid=bid, bid_qty="9", ask=ask, ask_qty="9")


def mark(price: str | None, at: int = AT - 5_000) -> Funding:
    return Funding(at=at, venue=V, symbol=S, rate="0.0001", mark_price=price, due_at=AT + 60 * MINUTE)


def ticker(last: str, bid: str | None = None, ask: str | None = None, at: int = AT - 1_000) -> Ticker:
    return Ticker(at=at, venue=V, symbol=S, last=last, quote_volume_24h="1000000", bid=bid, ask=ask)


def trade(price: str, at: int = AT - 8_000) -> Trade:
    return Trade(at=at, venue=V, symbol=S, price=price, qty="1", side="buy")


def verdict(*facts: Record, action: str = "enter", at: int = AT) -> tuple[str, object]:
    precheck = Precheck(PrecheckSettings(), SizeSettings(), DeskSettings(equity=Decimal(1000)), PaperSettings(), ())
    rules = SymbolRules(at=1, venue=V, symbol=S, base="ETC", quote="USDT", tick="0.01", step="0.01")
    for fact in (rules, *facts):
        precheck.take(fact)
    precheck.take(
        SignalSnapshot(
            at=at, venue=V, symbol=S, strategy="hotcoin", action=action, side="buy", order_type="market", rank=1,  # type: ignore[arg-type]
            heat=80, price="100",
        )
    )  # fmt: skip
    [made] = precheck.take(Tick(at=at))
    return getattr(made, "code", made.kind), getattr(made, "value", None)


@pytest.mark.parametrize(
    "facts",
    [
        (bar("100"),),
        (book("99.9", "100.1"), bar("100")),
        (bar("100"), mark("100.2", AT)),
        (ticker("100", "99.9", "100.1"),),
        (trade("100"), book("99.9", "100.1")),
        (ticker("100"), mark(None)),
    ],
    ids=["alone", "the book agrees", "the mark price agrees", "its own quotes agree", "trades agree", "says no price"],
)
def test_a_price_that_nobody_contradicts_is_entered_at(facts: tuple[Record, ...]) -> None:
    assert verdict(*facts)[0] == "intent"


@pytest.mark.parametrize(
    ("facts", "off_pct"),
    [
        ((book("99", "101"), bar("1000")), 900),
        ((book("999", "1001"), bar("100")), 90),
        ((ticker("1000"), mark("100", AT)), 900),
        ((ticker("1000", "99", "101"),), 900),
        ((trade("100"), book("999", "1001")), 899),
        ((trade("100"), book("100", "101", AT - 6_000), book("10", "11")), 90),
        ((ticker("0.01"), mark("100", AT)), 99.99),
    ],
    ids=["wick", "absurd book", "mark price", "its own quotes", "trades", "a book against older trades", "next to 0"],
)
def test_a_price_that_another_source_contradicts_is_refused(facts: tuple[Record, ...], off_pct: float) -> None:
    code, value = verdict(*facts)
    assert code == "PRICE_BAND"
    assert value == pytest.approx(off_pct, abs=10)
    assert verdict(*facts, action="exit")[0] == "NOT_HELD"  # the band is never a reason to stay


def test_what_was_said_long_ago_is_no_opinion() -> None:
    late = AT + 3 * MINUTE
    again = ticker("150", at=late - 1_000)
    assert verdict(book("99", "101"), mark("100"), again, at=late)[0] == "intent"
    assert verdict(book("99", "101", late - MINUTE), again, at=late)[0] == "PRICE_BAND"


def test_a_price_may_move_away_from_what_it_was_itself() -> None:
    moved = (trade("100", AT - 60_000), book("99", "101", AT - 50_000), ticker("119"), book("118.5", "119.5", AT - 500))
    assert verdict(*moved)[0] == "intent"
