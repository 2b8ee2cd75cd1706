"""Tickers are taken in one go, and what is known afterwards is what fact by fact would have left."""

from hypothesis import given
from hypothesis import strategies as st
from stage_builders import MINUTE, START, V, bar, examples

from engine.kernels.window import Window
from engine.records.base import Record
from engine.records.market import BookTop, SymbolRules, Ticker
from engine.stages import coins as folded
from engine.stages.coins import Coins, CoinsState

SYMBOLS = ("ETCUSDT", "DOGEUSDT", "币安人生USDT", "no symbol")
NUMBERS = (
    "0.5", "1", "100.25", "99.9", "0", "0.00", "-1", "1e3", "NaN", "", "1,2", "999999999999999999", "0000000000000007",
)  # fmt: skip


@st.composite
def facts(draw: st.DrawFn) -> list[Record]:
    """Gives facts in order of time: tickers mostly, plain and quoted, and what stands between them."""
    made: list[Record] = []
    at = START
    for _ in range(draw(st.integers(1, 60))):
        at += draw(st.sampled_from([0, 1, 1000, 20_000, MINUTE]))
        symbol = draw(st.sampled_from(SYMBOLS))
        kind = draw(st.sampled_from(["ticker"] * 8 + ["quoted", "bar", "book", "rules"]))
        if kind in ("ticker", "quoted"):
            last, volume, quote = (draw(st.sampled_from(NUMBERS)) for _ in range(3))
            quotes = {"bid": "99", "ask": draw(st.sampled_from(["98", "101"]))} if kind == "quoted" else {}
            mono = draw(st.sampled_from([None, at + 7]))
            made.append(
                Ticker(at=at, venue=V, symbol=symbol, mono_ms=mono, last=last, volume_24h=volume,
                       quote_volume_24h=quote, **quotes)
            )  # fmt: skip
        elif kind == "bar":
            made.append(bar(at, symbol=symbol))
        elif kind == "book":
            made.append(BookTop(at=at, venue=V, symbol=symbol, bid="99", bid_qty="1", ask="101", ask_qty="1"))
        else:
            rules = SymbolRules(at=at, venue=V, symbol=symbol, base="ETC", quote="USDT", tick="0.01", step="0.01")
            made.append(rules)
    return made


def known(told: list[Record], each: bool) -> CoinsState:
    """Gives what is known after facts and the minutes between them; with `each` every fact is taken at once."""
    coins = Coins(CoinsState(), Window.of)
    minute = START
    for fact in told:
        while minute + MINUTE <= fact.at:
            minute += MINUTE
            coins.minute(minute)
        coins.hear(fact)
        if each:
            coins.settle()
    coins.settle()
    return coins.state


@given(facts())
@examples(60)
def test_tickers_that_waited_leave_what_they_leave_one_by_one(told: list[Record]) -> None:
    assert known(told, each=False) == known(told, each=True)


def test_no_more_wait_than_there_is_room_for() -> None:
    coins = Coins(CoinsState(), Window.of)
    for i in range(2 * folded.MOST_WAITING + 1):
        coins.hear(Ticker(at=START + i, venue=V, symbol=SYMBOLS[0], last="1", quote_volume_24h="5"))
    assert coins.state.coins[SYMBOLS[0]].heard_at == START + 2 * folded.MOST_WAITING - 1
