"""The gate of candles: in order, once, and over no hole before somebody looked for it."""

from tiny_exchange import MINUTE, bar

from engine.world.streams.bars import BarGate, Hole

T = 1_700_000_040_000


def gate_at(first: int = T) -> BarGate:
    gate = BarGate()
    gate.begin("A", first)
    return gate


def opens(bars: list) -> list[int]:
    return [(one.open_at - T) // MINUTE for one in bars]


def nth(i: int) -> int:
    return T + i * MINUTE


def test_candles_pass_in_order_and_once() -> None:
    gate = gate_at()
    assert opens(gate.take(bar("A", nth(0)))) == [0]
    assert opens(gate.take(bar("A", nth(0)))) == []
    assert opens(gate.take(bar("A", nth(1)))) == [1]


def test_candles_behind_a_hole_wait_until_it_is_filled() -> None:
    gate = gate_at()
    assert opens(gate.take(bar("A", nth(2)))) == []
    assert opens(gate.take(bar("A", nth(1)))) == []
    assert gate.holes(nth(3)) == [Hole("A", nth(0), nth(0))]
    assert opens(gate.take(bar("A", nth(0)))) == [0, 1, 2]
    assert gate.holes(nth(3)) == []


def test_a_hole_that_nobody_can_fill_is_passed_over() -> None:
    gate = gate_at()
    gate.take(bar("A", nth(3)))
    assert opens(gate.give_up(Hole("A", nth(0), nth(2)))) == [3]
    assert gate.give_up(Hole("A", nth(0), nth(2))) == []


def test_a_symbol_that_has_not_begun_passes_nothing() -> None:
    assert gate_at().take(bar("B", nth(0))) == []


def test_a_candle_that_could_not_be_kept_is_missed_again() -> None:
    gate = gate_at()
    [passed] = gate.take(bar("A", nth(0)))
    gate.lose(passed)
    assert gate.holes(nth(1)) == [Hole("A", nth(0), nth(0))]


def test_only_symbols_that_missed_nothing_are_waited_for() -> None:
    gate = gate_at()
    gate.begin("B", nth(-5))
    assert gate.expected(nth(1)) == 1
    gate.take(bar("A", nth(0)))
    assert gate.expected(nth(1)) == 1  # it has come, and was waited for
    assert gate.expected(nth(2)) == 1
    assert gate.expected(nth(3)) == 0


def test_a_closed_minute_is_a_hole_until_its_candle_has_come() -> None:
    gate = gate_at()
    assert gate.holes(nth(1) - 1) == []
    assert gate.holes(nth(1)) == [Hole("A", nth(0), nth(0))]
    assert gate.holes(nth(4)) == [Hole("A", nth(0), nth(3))]


def test_a_symbol_that_ended_is_forgotten() -> None:
    gate = gate_at()
    gate.end("A")
    assert gate.holes(nth(9)) == []
    assert list(gate.symbols()) == []
