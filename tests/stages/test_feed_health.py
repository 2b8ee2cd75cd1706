"""The engine trusts a feed that flows and makes sense, and finds its way back when it does again."""

from engine.matching.exchange import PaperExchange, PaperSettings
from engine.records.base import Record
from engine.records.market import Bar, SymbolRules, Tick
from engine.records.trades import StateChange
from engine.stages.desk import DeskSettings
from engine.stages.effects import carry_out
from engine.stages.order import Order

START = 1_618_531_500_000
MINUTE = 60_000


def bar(minute: int, symbol: int, close: str = "100") -> Bar:
    opened = START + minute * MINUTE
    return Bar(
        at=opened + MINUTE, venue="v", symbol=f"S{symbol}USDT", step_s=60, open_at=opened, open="100", high="101",
        low="99", close=close, volume="10",
    )  # fmt: skip


def changes(order: Order, minute: int, bars: list[Bar]) -> list[str]:
    venue = PaperExchange(PaperSettings())
    made: list[Record] = []
    for one in [*bars, Tick(at=START + (minute + 1) * MINUTE)]:
        made += carry_out(order.take(one), venue, order.answer, one.at)
    return [record.now for record in made if isinstance(record, StateChange) and record.scope == "engine"]


def test_a_feed_of_which_a_tenth_makes_no_sense_stops_entries_until_it_is_clean_again() -> None:
    order = Order(DeskSettings(), [])
    for symbol in range(40):
        order.take(
            SymbolRules(at=START, venue="v", symbol=f"S{symbol}USDT", base="S", quote="USDT", tick="1", step="1")
        )
    assert changes(order, 0, [bar(0, s) for s in range(40)]) == []
    dirty = [bar(1, s, close="500" if s % 10 == 0 else "100") for s in range(40)]
    assert changes(order, 1, dirty) == ["degraded(feed_dirty)"]
    assert changes(order, 2, [bar(2, s) for s in range(40)]) == ["tradeable"]


def test_a_single_bad_fact_among_many_stops_nothing() -> None:
    order = Order(DeskSettings(), [])
    bars = [bar(0, s, close="500" if s == 0 else "100") for s in range(40)]
    assert changes(order, 0, bars) == []


def test_a_silent_feed_degrades_and_comes_back_after_a_whole_fresh_window() -> None:
    order = Order(DeskSettings(), [])
    assert changes(order, 0, [bar(0, 1)]) == []
    assert changes(order, 1, []) == []  # two steps of a bar feed may pass
    assert changes(order, 2, []) == []
    assert changes(order, 3, []) == ["degraded(feed_stale)"]
    assert changes(order, 4, [bar(4, 1)]) == []
    assert changes(order, 5, [bar(5, 1)]) == ["tradeable"]
