"""What blocks tell a strategy does not depend on how the cycles are cut, nor on how it asks."""

import math
import random
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.kernels.averages import Ema, Sma
from engine.kernels.screen import since_of
from engine.plugs import Indicator
from engine.records.market import Bar
from engine.records.wire import encode
from engine.runs.backtest.blocks.frames import Frames
from engine.runs.backtest.blocks.grid import Grid
from engine.runs.backtest.blocks.room import Room
from engine.strategies.ema_burst import EmaBurst, VolumeMean
from engine.world.imports.notes import Notes
from engine.world.store.facts import Stored
from engine.world.store.importing import import_files
from engine.world.store.store import Store

pytest.importorskip("numba")

STEP_MS, BACK, BARS = 60_000, 40, 400
START = 1_700_000_040_000


class Averages(EmaBurst):
    """Asks for averages that remember all bars, and for some that remember a few."""

    def indicators(self) -> Mapping[str, Callable[[], Indicator]]:
        return {"fast": lambda: Ema(4), "slow": lambda: Ema(9), "plain": lambda: Sma(7), "usual": lambda: VolumeMean(5)}


def stored(folder: Path, holes: set[int]) -> Grid:
    luck = random.Random(len(holes))
    lines = []
    for i in range(BARS):
        if i in holes:
            continue
        at, price = START + i * STEP_MS, f"{luck.uniform(90, 110):.2f}"
        bar = Bar(
            at=at + STEP_MS, venue="binance-spot", symbol="XUSDT", step_s=60, open_at=at, open=price, high=price,
            low=price, close=price, volume="1.5", quote_volume=f"{luck.uniform(1, 1000):.3f}",
        )  # fmt: skip
        lines.append(encode(bar) + b"\n")
    (folder / "facts.jsonl").write_bytes(b"".join(lines))
    import_files(Store.create(folder / "store"), [str(folder / "facts.jsonl")], Notes())
    return Grid(Stored(str(folder / "store")), 60)


def lines(grid: Grid, timeframe: str, size: int) -> dict[tuple[str, bool], list[float]]:
    """Gives every line of all cycles, looked at in blocks of a size, asked for in both ways."""
    frames, room = Frames(Averages(), timeframe, grid, BACK), Room()
    found: dict[tuple[str, bool], list[float]] = {}
    for first in range(0, grid.cycles, size):
        block = grid.block(first, min(size, grid.cycles - first), BACK)
        grid.read(block, 0)
        made = frames.advance(block, 0, room)
        for name in (*frames.names, "close", "volume"):
            for before in (False, True) if name in frames.names else (False,):
                few = np.arange(0, block.size, 9)
                asked = made.at(name, few, before)
                line = made.value(name, before)
                assert np.array_equal(asked, line[few], equal_nan=True), (name, before, first)
                found.setdefault((name, before), []).extend(line.tolist())
    return found


@pytest.mark.parametrize("timeframe", ["1m", "5m"])
@pytest.mark.parametrize(
    "holes", [set(), {100, 101, 250}, {37, 160, 161, 162, 163}, {98, 99, 197, 198, 199}],
    ids=["whole", "holes", "more", "at ends"],
)  # fmt: skip
def test_blocks_of_any_size_say_the_same(tmp_path, timeframe, holes):
    grid = stored(tmp_path, holes)
    whole = lines(grid, timeframe, BARS)
    for size in (50, 64, 133):
        cut = lines(grid, timeframe, size)
        for key, line in whole.items():
            for cycle, (one, other) in enumerate(zip(line, cut[key], strict=True)):
                assert one == other or (math.isnan(one) and math.isnan(other)), (key, cycle, size)


def test_a_whole_series_is_what_the_indicators_themselves_say(tmp_path):
    grid = stored(tmp_path, set())
    found = lines(grid, "1m", 90)
    for name, make in Averages().indicators().items():
        expected = make().advance(found["volume" if name == "usual" else "close", False])
        assert np.array_equal(found[name, False], expected, equal_nan=True)
        assert np.array_equal(found[name, True][1:], expected[:-1], equal_nan=True)


@given(
    some.lists(
        some.tuples(some.sampled_from(["none", "in", "no tick"]), some.integers(1, 400)), min_size=1, max_size=6
    ),
    some.booleans(),
)
def test_since_when_one_is_a_candidate(pieces, was_in):
    cycles = [kind for kind, count in pieces for _ in range(count)]
    ticks = np.array([1000 + j if kind != "no tick" else 0 for j, kind in enumerate(cycles)])
    statuses = np.array([2 if kind == "in" else 0 for kind in cycles], np.int8)
    since, inside = 7, was_in
    for j, kind in enumerate(cycles):
        if kind == "in":
            since, inside = since if inside else 1000 + j, True
            if j % 37 == 0 or j == len(cycles) - 1:
                assert since_of(0, j, ticks, statuses, 2 if was_in else 0, 7) == since
        elif kind == "none":
            inside = False
