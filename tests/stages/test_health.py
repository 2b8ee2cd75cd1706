"""What a live source says of its own health: it stops entries at once, never exits, and ends by itself or by a word."""

from typing import Any

import stage_builders

from engine.matching.exchange import PaperExchange, PaperSettings
from engine.records.account import Condition
from engine.records.base import Record
from engine.records.desk import Operator
from engine.records.ideas import ExitPlan
from engine.records.market import Bar, BookTop, SymbolRules, Tick
from engine.records.trades import Fill, StateChange
from engine.stages.desk import DeskSettings
from engine.stages.effects import carry_out
from engine.stages.order import Order

START = 1_618_531_500_000
MINUTE = 60_000


class House:
    """An order stage that hears facts; `at` is in seconds after the start."""

    def __init__(self) -> None:
        self.order = Order(DeskSettings(), [])
        self.venue = PaperExchange(PaperSettings())
        self.order.take(
            SymbolRules(at=START, venue="v", symbol="AUSDT", base="A", quote="USDT", tick="0.1", step="0.1")
        )

    def hear(self, *facts: Record) -> list[str]:
        made: list[Record] = []
        for one in facts:
            made += carry_out(self.order.take(one), self.venue, self.order.answer, one.at)
        return [record.now for record in made if isinstance(record, StateChange) and record.scope == "engine"]


def ill(at: int, scope: str, state: Any, for_s: int = 0) -> Condition:
    begun = START + 1000 * at
    return Condition(
        at=begun, venue="v", scope=scope, state=state, reason=scope, until=begun + 1000 * for_s if for_s else 0,
        needs_resume=not for_s,
    )  # fmt: skip


def book(at: int) -> BookTop:
    return BookTop(at=START + 1000 * at, venue="v", symbol="AUSDT", bid="99", bid_qty="1", ask="101", ask_qty="1")


def tick(at: int) -> Tick:
    return Tick(at=START + 1000 * at)


def test_an_ailment_degrades_at_once_and_ends_when_it_is_not_told_again() -> None:
    house = House()
    assert house.hear(book(0), tick(0)) == []
    assert house.hear(ill(10, "feed_dirty", "degraded", 90)) == ["degraded(feed_dirty)"]
    assert house.hear(book(50), tick(60)) == []
    assert house.hear(ill(70, "feed_dirty", "degraded", 90)) == []
    assert house.hear(book(110), tick(120)) == []
    assert house.hear(book(170), tick(180)) == ["tradeable"]


def test_a_source_can_say_that_all_is_well_again() -> None:
    house = House()
    house.hear(book(0), tick(0), ill(10, "loop_lag", "degraded", 90))
    assert house.hear(ill(20, "loop_lag", "ok")) == ["tradeable"]


def test_a_silent_stream_needs_a_whole_fresh_window_after_its_last_silence() -> None:
    house = House()
    house.hear(book(0), tick(0))
    # Books go on by REST; the streams do not.
    assert house.hear(book(40), ill(50, "feed_stale", "degraded", 20)) == ["degraded(feed_stale)"]
    assert house.hear(book(60), tick(60), ill(60, "feed_stale", "degraded", 20), book(100), tick(119)) == []
    assert house.hear(book(120), tick(120)) == ["tradeable"]


def test_what_blocks_without_an_end_waits_for_the_operator() -> None:
    house = House()
    house.hear(book(0), tick(0))
    assert house.hear(ill(1, "breaker", "blocked")) == ["blocked(breaker)"]
    assert house.hear(book(86_400), tick(86_400)) == []
    resume = Operator(at=START + 86_401_000, action="resume")
    assert house.hear(resume, book(86_401), tick(86_402)) == ["tradeable"]


def test_a_ban_blocks_until_it_ends_and_says_until_when() -> None:
    house = House()
    house.hear(book(0), tick(0))
    [change] = carry_out(house.order.take(ill(1, "banned", "blocked", 100)), house.venue, house.order.answer, START)
    assert isinstance(change, StateChange)
    assert (change.now, change.until) == ("blocked(banned)", START + 101_000)
    assert house.hear(book(60), tick(60)) == []
    assert house.hear(book(110), tick(120)) == ["tradeable"]


def test_exits_go_on_whatever_ails_the_source() -> None:
    house = stage_builders.House()
    house.run([stage_builders.rules(), stage_builders.ticker(stage_builders.START)])
    entry = stage_builders.intent(at=stage_builders.START, plan=ExitPlan(stop_pct=5.0))
    house.turn.flow(entry, 4)
    house.run([Tick(at=stage_builders.START), stage_builders.ticker(stage_builders.START + 1000)])
    assert house.order.desk.state.books
    later = stage_builders.START + 2000
    house.run([Condition(at=later, venue="v", scope="breaker", state="blocked", reason="breaker", needs_resume=True)])
    made = house.run([stage_builders.ticker(later + 1000, "90"), stage_builders.ticker(later + 2000, "90")])
    assert [one.reason for one in made if isinstance(one, Fill)] == ["STOP"]
    assert house.order.desk.state.engine == "blocked"


def test_what_blocks_is_told_before_what_degrades() -> None:
    house = House()
    house.hear(book(0), tick(0), ill(1, "feed_dirty", "degraded", 300))
    assert house.hear(ill(2, "banned", "blocked", 60)) == ["blocked(banned)"]
    assert house.hear(book(62), tick(63)) == ["degraded(feed_dirty)"]


def test_candles_beside_prices_of_the_second_are_no_excuse_for_silence() -> None:
    def bar(minute: int) -> Bar:
        opened = START + (minute - 1) * MINUTE
        return Bar(at=START + minute * MINUTE, venue="v", symbol="AUSDT", step_s=60, open_at=opened, open="100",
                   high="101", low="99", close="100", volume="10")  # fmt: skip

    house = House()
    assert house.hear(book(58), bar(1), tick(60)) == []
    assert house.hear(tick(119)) == []
    assert house.hear(tick(121)) == ["degraded(feed_stale)"]
    only_candles = House()
    assert only_candles.hear(bar(1), tick(60), tick(121), tick(180)) == []
    assert only_candles.hear(tick(181)) == ["degraded(feed_stale)"]
