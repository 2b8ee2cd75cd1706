"""The clock of a live market: never backwards, and stamps that outlive a restart."""

from engine.world.streams.clock import LiveClock


class Hands:
    """Two clocks that the test sets."""

    def __init__(self) -> None:
        self.wall, self.mono = 1_700_000_000_000.0, 5_000.0

    def pass_ms(self, ms: float, wall: float | None = None) -> None:
        self.mono += ms
        self.wall += ms if wall is None else wall


def clock_of(hands: Hands) -> LiveClock:
    return LiveClock(lambda: hands.wall, lambda: hands.mono)


def test_both_stamps_begin_at_the_time_of_the_wall() -> None:
    assert clock_of(Hands())() == (1_700_000_000_000, 1_700_000_000_000)


def test_a_wall_clock_that_is_set_back_slows_time_down() -> None:
    hands = Hands()
    clock = clock_of(hands)
    hands.pass_ms(1000, wall=-9000)
    assert clock() == (1_700_000_000_500, 1_700_000_001_000)
    hands.pass_ms(20_000)
    assert clock() == (1_700_000_011_000, 1_700_000_021_000)


def test_a_wall_clock_that_is_set_forward_is_believed() -> None:
    hands = Hands()
    clock = clock_of(hands)
    hands.pass_ms(1000, wall=3_600_000)
    assert clock() == (1_700_003_600_000, 1_700_000_001_000)


def test_stamps_of_a_process_that_was_started_again_follow_the_last_ones() -> None:
    hands = Hands()
    before = clock_of(hands)()
    hands.wall, hands.mono = hands.wall + 60_000, 10.0  # a reboot
    assert clock_of(hands)().mono_ms == before.mono_ms + 60_000
