"""Many frames at once give the bits of each frame by itself, in one call or bar by bar, compiled or plain."""

import importlib
import math
import pkgutil
import random
from typing import Any

import pytest

import engine.kernels
from engine.kernels.compiled import compiled
from engine.kernels.kernel import Kernel
from engine.kernels.panel import Panel

np = pytest.importorskip("numpy")
pytest.importorskip("numba")

for module in pkgutil.iter_modules(engine.kernels.__path__):
    importlib.import_module(f"engine.kernels.{module.name}")

KINDS = sorted(Kernel.__subclasses__(), key=lambda kind: kind.__name__)
FRAMES, BARS = 3, 130
COLUMNS = ("open", "high", "low", "close", "volume")


def market() -> dict[str, Any]:
    chance = random.Random(5)
    rows = [[100.0 * math.exp(chance.gauss(0.0, 0.02)) for _ in range(BARS)] for _ in range(FRAMES)]
    rows[1][40] = math.nan  # this frame starts again
    close = np.array(rows)
    shapes = {"open": 1.0, "high": 1.01, "low": 0.99, "close": 1.0, "volume": 7.0}
    return {name: close * shapes[name] for name in COLUMNS}


def alone(bars: dict[str, Any], frame: int) -> dict[str, list[list[float]]]:
    found = {}
    for kind in KINDS:
        kernel = kind()
        lines = kernel.advance(*[bars[name][frame].tolist() for name in kernel.inputs])
        found[kind.__name__] = [lines] if len(kernel.outputs) == 1 else list(lines)
    return found


def bits(lines: list[Any]) -> list[list[str]]:
    return [[float(value).hex() for value in line] for line in lines]


def plain(function: Any) -> Any:
    return function


@pytest.mark.parametrize("compile_", [compiled, plain])
def test_frames_together_are_frames_alone(compile_: Any) -> None:
    bars = market()
    panel = Panel({kind.__name__: kind() for kind in KINDS}, FRAMES, compile_)
    lines = panel.advance(bars)
    for frame in range(FRAMES):
        expected = alone(bars, frame)
        for kind in KINDS:
            name = kind.__name__
            assert bits([line[frame] for line in lines[name]]) == bits(expected[name]), name


def test_bar_by_bar_is_all_at_once() -> None:
    bars = market()
    kernels = {kind.__name__: kind() for kind in KINDS}
    whole, stepped = Panel(kernels, FRAMES), Panel(kernels, FRAMES)
    expected = whole.advance(bars)
    for i in range(BARS):
        lines = stepped.advance({name: np.ascontiguousarray(bars[name][:, i : i + 1]) for name in COLUMNS})
        for name in kernels:
            for one, other in zip(lines[name], expected[name], strict=True):
                assert bits([one[:, 0]]) == bits([other[:, i]])
    for name in kernels:
        assert (whole.states[name] == stepped.states[name]).all()
