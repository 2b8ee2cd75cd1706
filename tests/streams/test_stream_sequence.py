"""The sequence: order of time, ticks at their instants, candles of a minute before its tick."""

from hypothesis import given
from hypothesis import strategies as st
from tiny_exchange import MINUTE, bar

from engine.records.market import Bar, Fact, Funding, Tick, Ticker
from engine.world.imports.batches import place_of
from engine.world.streams.clock import Stamp
from engine.world.streams.sequence import GRACE_MS, MOST_MISSED, Sequence

T = 1_700_000_040_000  # a whole minute


def at(ms: int) -> Stamp:
    return Stamp(ms, ms)


def ticker(symbol: str, ms: int) -> Ticker:
    return Ticker(at=ms, venue="binance-spot", symbol=symbol, last="1", quote_volume_24h="1")


def shown(entries: list) -> list[tuple[str, int]]:
    return [(entry.record.kind, entry.record.at) for entry in entries]


def make(expected: int = 0, start: int = T - 30_000) -> Sequence:
    return Sequence(MINUTE, at(start), lambda closed_at: expected)


def test_facts_keep_the_instant_at_which_they_were_received() -> None:
    gone = make().take([ticker("B", T - 20_000), ticker("A", T - 20_000)], at(T - 19_990))
    assert [(entry.record.symbol, entry.record.at) for entry in gone] == [("A", T - 20_000), ("B", T - 20_000)]


def test_a_fact_that_was_late_in_the_inbox_never_runs_backwards() -> None:
    sequence = make()
    sequence.take([ticker("A", T - 10_000)], at(T - 9_990))
    gone = sequence.take([ticker("B", T - 10_001)], at(T - 9_980))
    assert shown(gone) == [("ticker", T - 9_999)]
    assert gone[0].record.mono_ms == T - 10_001  # when it was received stays what it was


def test_a_tick_comes_each_cycle_though_nothing_is_heard() -> None:
    sequence = make()
    assert shown(sequence.take([], at(T - 1))) == []
    assert shown(sequence.take([], at(T))) == [("tick", T)]
    assert shown(sequence.take([], at(T + 2 * MINUTE))) == [("tick", T + MINUTE), ("tick", T + 2 * MINUTE)]


def test_a_candle_told_after_its_close_stands_before_the_tick_of_its_close() -> None:
    sequence = make(expected=1)
    assert sequence.take([ticker("A", T + 100)], at(T + 150)) == []
    gone = sequence.take([bar("A", T - MINUTE)], at(T + 300))
    assert shown(gone) == [("bar", T), ("tick", T), ("ticker", T + 100)]
    assert gone[0].record.mono_ms is None  # the record said so itself


def test_a_tick_waits_for_a_missing_candle_only_so_long() -> None:
    sequence = make(expected=2)
    assert sequence.take([bar("A", T - MINUTE)], at(T + GRACE_MS - 1)) == []
    assert shown(sequence.take([], at(T + GRACE_MS))) == [("bar", T), ("tick", T)]
    late = sequence.take([bar("B", T - MINUTE)], at(T + GRACE_MS + 500))
    assert shown(late) == [("bar", T + GRACE_MS + 500)]


def test_a_candle_that_has_not_closed_by_our_clock_waits() -> None:
    sequence = make(expected=1)
    assert sequence.take([bar("A", T - MINUTE)], at(T - 800)) == []
    assert shown(sequence.take([], at(T))) == [("bar", T), ("tick", T)]


def test_history_is_known_when_it_is_received() -> None:
    gone = make().take([bar("A", T - 10 * MINUTE), bar("A", T - 9 * MINUTE)], at(T - 5_000))
    assert [(e.record.at, e.record.open_at) for e in gone] == [
        (T - 5_000, T - 10 * MINUTE),
        (T - 5_000, T - 9 * MINUTE),
    ]


def test_a_machine_that_slept_makes_no_march_of_ticks() -> None:
    sequence = make()
    gone = sequence.take([], at(T + 10_000 * MINUTE))
    assert len(gone) <= 2 + MOST_MISSED
    assert shown(gone)[-1] == ("tick", T + 10_000 * MINUTE)


def test_candles_of_an_instant_are_sorted_by_symbol() -> None:
    sequence = make(expected=3)
    sequence.take([bar("C", T - MINUTE), bar("A", T - MINUTE)], at(T + 10))
    gone = sequence.take([bar("B", T - MINUTE)], at(T + 20))
    assert [e.record.symbol for e in gone if isinstance(e.record, Bar)] == ["A", "B", "C"]
    assert isinstance(gone[-1].record, Tick)


def test_time_never_runs_backwards_whatever_comes() -> None:
    sequence, seen = make(expected=2, start=T - 500), 0
    for step in range(400):
        now = T - 450 + step * 17
        facts = [ticker("A", now - step % 5), bar("B", (now // MINUTE - 1) * MINUTE)]
        for entry in sequence.take(facts, at(max(now, sequence.last_at + 1))):
            assert entry.record is not None and entry.record.at >= seen
            seen = entry.record.at


def funding(symbol: str, ms: int) -> Funding:
    return Funding(at=ms, venue="binance-usdm", symbol=symbol, rate="0.0001")


@given(st.lists(st.builds(
    lambda make, symbol, ago: make(symbol, T - 20_000 - ago),
    st.sampled_from((ticker, funding)), st.sampled_from(("A", "AB", "B")), st.integers(0, 3),
)))  # fmt: skip
def test_what_goes_on_together_stands_by_time_kind_venue_and_symbol(facts: list[Fact]) -> None:
    for going in (facts, [fact for fact in facts if isinstance(fact, Ticker)]):
        gone = [entry.record for entry in make().take(going, at(T - 19_990))]
        assert gone == sorted(going, key=lambda fact: (fact.at, place_of(fact)))
