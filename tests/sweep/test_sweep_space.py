"""The space and the search of a sweep."""

from pathlib import Path

import pytest

from engine.errors import ConfigError, UsageError
from engine.runs.settings import load
from engine.runs.sweep.search import make_search
from engine.runs.sweep.space import Space, make_space, name_of

USED = load(env={}, base={})


def space(*vary: str) -> Space:
    return make_space(USED, None, vary)


def test_values_and_ranges_with_steps_are_listed() -> None:
    made = space("hotcoin.stop_pct=3,5.0", "hotcoin.hold_max_s=60..180:60", "hotcoin.min_heat=0.1..0.3:0.1")
    assert [one.values for one in made.dimensions] == [(3, 5), (60, 120, 180), (0.1, 0.2, 0.3)]


def test_the_last_key_is_the_fastest() -> None:
    points = list(space("hotcoin.stop_pct=3,5", "hotcoin.ema_bars=10,20").grid())
    assert [tuple(point.values()) for point in points] == [(3, 10), (3, 20), (5, 10), (5, 20)]


def test_tiers_can_be_varied() -> None:
    (one,) = space("hotcoin.tiers=[[30, 5]], [[20, 4], [20, 8]]").dimensions
    assert one.values == ([[30, 5]], [[20, 4], [20, 8]])


def test_a_file_and_the_command_line_go_together(tmp_path: Path) -> None:
    file = tmp_path / "space.toml"
    file.write_text('[hotcoin]\nstop_pct = [3, 5]\nema_bars = "10..20:10"\n')
    made = make_space(USED, file, ["hotcoin.stop_pct=7"])
    assert {one.key: one.values for one in made.dimensions} == {"hotcoin.stop_pct": (7,), "hotcoin.ema_bars": (10, 20)}


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("hotcoin.stop_pc=3,5", "did you mean hotcoin.stop_pct"),
        ("hotcoin.stop_pc=1..5", "did you mean hotcoin.stop_pct"),
        ("hotcoin.stop_pct=3,500", "hotcoin.stop_pct = 500"),
        ("hotcoin.stop_pct=3..500", "hotcoin.stop_pct = 500"),
        ("hotcoin.ema_bars=10..11:0.5", "hotcoin.ema_bars"),
        ("paper.limit_fill=1..3", "is no number"),
        ("hotcoin.stop_pct=5..3", "goes up"),
        ("ledger.rotate_mb=1,2", "changes no decision"),
        ("signal.strategy=hotcoin", "one strategy"),
        ("hotcoin.stop_pct", "write it as"),
    ],
)
def test_what_makes_no_sense_is_named(vary: str, said: str) -> None:
    with pytest.raises((ConfigError, UsageError), match=said):
        space(vary)


def test_nothing_to_vary_is_an_error() -> None:
    with pytest.raises(UsageError, match="nothing to vary"):
        space()


def test_neighbours_are_one_step_away_in_one_setting() -> None:
    made = space("hotcoin.stop_pct=3,5,8", "hotcoin.min_heat=50..60")
    near = made.neighbours({"hotcoin.stop_pct": 3, "hotcoin.min_heat": 50.5})
    assert [tuple(point.values()) for point in near] == [(5, 50.5), (3, 51.5)]


def test_a_grid_wants_steps() -> None:
    with pytest.raises(UsageError, match="needs steps"):
        make_search("grid", space("hotcoin.stop_pct=1..5"), None, 0)


def test_a_search_without_an_end_wants_a_number() -> None:
    with pytest.raises(UsageError, match="--trials"):
        make_search("random", space("hotcoin.stop_pct=1..5"), None, 0)


def test_chance_is_seeded_and_more_trials_begin_with_the_same() -> None:
    made = space("hotcoin.stop_pct=1..5", "hotcoin.ema_bars=10..20")
    few, many = (make_search("random", made, number, 7).ask() for number in (5, 9))
    assert many[:5] == few
    assert make_search("random", made, 5, 8).ask() != few


def test_chance_ends_where_every_point_was_drawn() -> None:
    assert len(make_search("random", space("hotcoin.stop_pct=1,2,3"), 50, 0).ask()) == 3


def told(seed: int, trials: int) -> list[str]:
    """Searches for a stop of 3 %; gives the points in their order."""
    search = make_search("tpe", space("hotcoin.stop_pct=1..9", "hotcoin.ema_bars=10,20"), trials, seed)
    names = []
    while points := search.ask():
        names += [name_of(point) for point in points]
        search.tell(
            [None if point["hotcoin.stop_pct"] > 8 else -abs(point["hotcoin.stop_pct"] - 3) for point in points]
        )
    return names


def test_tpe_is_seeded_gives_distinct_points_and_ends() -> None:
    pytest.importorskip("optuna")
    names = told(1, 20)
    assert names == told(1, 20)
    assert len(names) == len(set(names)) == 20
    assert told(1, 12) == names[:12]
    assert told(2, 20) != names


def test_tpe_ends_where_the_space_does() -> None:
    pytest.importorskip("optuna")
    search = make_search("tpe", space("hotcoin.stop_pct=1,2,3"), 50, 0)
    count = 0
    while points := search.ask():
        count += len(points)
        search.tell([1.0] * len(points))
    assert count == 3
