"""Prices that jump between two candles: left out and told, back when they are back; holes are counted."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.plugs import Entry
from engine.records.market import Bar, SymbolRules, Ticker
from engine.runs.market import MarketOptions, open_market
from engine.world.unbroken import FACTOR, Gaps, Unbroken

ROOT = Path(__file__).parents[2]
MINUTE = 60_000
START = 1_618_531_200_000


class Given:
    """A source of what it was given."""

    def __init__(self, facts):
        self._facts = facts

    def facts(self):
        return iter([Entry(fact, None) for fact in self._facts])

    def manifest(self):
        return {"path": "given"}


def bar(i, open_, close=None, symbol="A", **fields):
    opened, close = START + i * MINUTE, open_ if close is None else close
    told = {
        "at": opened + MINUTE, "venue": "v", "symbol": symbol, "step_s": 60, "open_at": opened, "open": str(open_),
        "high": str(max(open_, close)), "low": str(min(open_, close)), "close": str(close), "volume": "1",
    }  # fmt: skip
    return Bar(**(told | fields))


def passed(facts):
    """Gives what is handed on, what was told, and the source."""
    told = []
    source = Unbroken(Given(facts), lambda place, number, reason: told.append((place, number, reason)))
    return [entry.record for entry in source.facts()], told, source


@pytest.mark.parametrize("factor", [1000, 10, 2, 0.5, 0.01])
def test_what_comes_after_a_redenomination_is_left_out_and_told_once(factor):
    facts = [bar(0, 5), bar(1, 5), *(bar(i, 5 * factor) for i in range(2, 9))]
    kept, told, _ = passed(facts)
    assert kept == facts[:2]
    ((place, number, reason),) = told
    assert (place, number) == ("A at 2021-04-16T00:02:00Z", 0)
    assert f"{max(factor, 1 / factor):g} times {'higher' if factor > 1 else 'lower'}" in reason


def test_all_prices_of_the_symbol_are_left_out_and_nothing_else():
    rules = SymbolRules(at=START, venue="v", symbol="A", base="A", quote="USDT", tick="0.01", step="1")
    ticker = Ticker(at=START + 5 * MINUTE, venue="v", symbol="A", last="500", quote_volume_24h="1")
    facts = [bar(0, 5), bar(1, 500), bar(1, 7, symbol="B"), rules, ticker, bar(2, 500), bar(2, 7, symbol="B")]
    assert passed(facts)[0] == [facts[0], facts[2], rules, facts[6]]


def test_a_move_within_a_candle_is_a_move():
    facts = [bar(0, 5), bar(1, 5, 50), bar(2, 50, 5), bar(3, 5)]
    kept, told, _ = passed(facts)
    assert (kept, told) == (facts, [])


def test_a_candle_that_only_closed_wrong_breaks_nothing():
    facts = [bar(0, 5), bar(1, 5, 500), bar(2, 5), bar(3, 5)]
    assert passed(facts)[0] == facts


def test_a_mistake_is_over_when_the_price_is_back():
    facts = [bar(0, 5), bar(1, 500), bar(2, 500), bar(3, 5.1), bar(4, 5.2)]
    kept, told, _ = passed(facts)
    assert kept == [facts[0], facts[3], facts[4]]
    assert "back where it was" in told[1][2]


def test_a_jump_over_a_hole_is_one_too():
    facts = [bar(0, 5), bar(2000, 0.05)]
    kept, told, source = passed(facts)
    assert (kept, len(told), source.gaps()) == (facts[:1], 1, Gaps(0, 0))


def test_holes_are_counted_for_each_series():
    facts = [bar(0, 5), bar(0, 5, symbol="B"), bar(1, 5), bar(4, 5), bar(6, 5), bar(6, 5, symbol="B")]
    assert passed(facts)[2].gaps() == Gaps(3, 2 + 1 + 5)


def test_a_candle_that_is_none_is_left_to_whoever_reads_it():
    facts = [bar(0, 5), bar(1, 5, open="x"), bar(2, 5, step_s=0), bar(3, 5)]
    assert passed(facts)[0] == facts


def test_a_second_reading_begins_anew():
    source = Unbroken(Given([bar(0, 5), bar(1, 500)]), lambda *_: None)
    assert list(source.facts()) == list(source.facts())


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=30))
def test_what_is_handed_on_never_jumps(prices):
    facts = [bar(i, price) for i, price in enumerate(prices)]
    kept, told, _ = passed(facts)
    pairs = [(float(one.close), float(other.open)) for one, other in pairwise(kept)]
    assert all(one / FACTOR < other < one * FACTOR for one, other in pairs)
    assert bool(told) == any(not one / FACTOR < other < one * FACTOR for one, other in pairwise(prices))


def test_every_recorded_market_of_the_examples_is_unbroken():
    told = []
    opened = open_market(MarketOptions(str(ROOT / "examples" / "bars.jsonl")), lambda *words: told.append(words))
    assert (sum(1 for _ in opened.source.facts()), told, opened.gaps()) == (400, [], Gaps(0, 0))


def test_a_bar_that_overlaps_the_one_before_it_is_no_hole():
    _, _, source = passed([bar(0, 5), bar(0, 5, open_at=START + MINUTE // 2, at=START + MINUTE * 3 // 2), bar(1, 5)])
    assert source.gaps() == Gaps()
