"""Compiled by numba, every kernel gives the bits of plain Python."""

import importlib
import math
import pkgutil
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine.kernels
from engine.kernels.averages import Ema, Sma
from engine.kernels.compiled import compiled, keep_compiled
from engine.kernels.kernel import Kernel

np = pytest.importorskip("numpy")
numba = pytest.importorskip("numba")

for module in pkgutil.iter_modules(engine.kernels.__path__):
    importlib.import_module(f"engine.kernels.{module.name}")

AWKWARD = [0.0, -0.0, 1.0, 2.0, -3.5, 0.1, 0.3, 1e-12, 1e-300, 5e-324, 1e12, 1e100, math.nan, math.inf]


def columns(kind: str, count: int) -> list[list[float]]:
    chance = random.Random(f"{kind}{count}")
    draws: dict[str, Callable[[], float]] = {
        "awkward": lambda: chance.choice(AWKWARD),
        "tied": lambda: chance.choice([1.0, 1.1, 1.2]),
        "prices": lambda: 100.0 * math.exp(chance.gauss(0.0, 0.02)),
    }
    draw = draws[kind]
    return [[draw() for _ in range(400)] for _ in range(count)]


@pytest.mark.parametrize("market", ["awkward", "tied", "prices"])
@pytest.mark.parametrize("kind", Kernel.__subclasses__(), ids=lambda kind: kind.__name__)
def test_a_compiled_kernel_gives_the_bits_of_the_plain_one(kind: Any, market: str) -> None:
    kernel = kind()
    bars = columns(market, len(kernel.inputs))
    state = np.zeros(len(kernel.state))
    lines = [np.zeros(400) for _ in kernel.outputs]

    compiled(kernel.function)(state, *[np.array(column) for column in bars], *lines, *kernel.params)
    plain = kernel.advance(*bars)

    expected = [plain] if len(kernel.outputs) == 1 else plain
    assert [[v.hex() for v in line.tolist()] for line in lines] == [[v.hex() for v in line] for line in expected]
    assert [v.hex() for v in state.tolist()] == [v.hex() for v in kernel.state]


@pytest.mark.parametrize("market", ["awkward", "tied", "prices"])
def test_two_averages_in_one_pass_give_the_bits_of_each(market: str) -> None:
    (bars,) = columns(market, 1)
    one, other = Ema(5), Ema(12, seed="first")
    expected = [one.advance(bars), other.advance(bars)]
    states, lines = [np.zeros(2), np.zeros(2)], [np.zeros(400), np.zeros(400)]
    assert one.two is not None
    for low, high in ((0, 3), (3, 130), (130, 400)):
        cut = [line[low:high] for line in lines]
        compiled(one.two)(*states, np.array(bars[low:high]), *cut, *one.params, *other.params)

    assert [[v.hex() for v in line.tolist()] for line in lines] == [[v.hex() for v in line] for line in expected]
    assert [state.tolist() for state in states] == [one.state, other.state]


@pytest.mark.parametrize("market", ["awkward", "tied", "prices"])
def test_an_average_at_some_bars_gives_the_bits_of_the_line(market: str) -> None:
    (bars,) = columns(market, 1)
    one = Sma(5)
    assert one.some is not None and one.some.window == 5
    places = np.array([4, 5, 9, 10, 77, 399])
    found = np.zeros(len(places))

    compiled(one.some.function)(np.array(bars), places, found, *one.params)

    line = one.advance(bars)
    assert [v.hex() for v in found.tolist()] == [line[k].hex() for k in places.tolist()]


def test_what_is_compiled_is_kept_in_our_folder_or_where_numba_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.kernels.compiled._folder", None)
    monkeypatch.setattr(numba.config, "CACHE_DIR", numba.config.CACHE_DIR)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "told"))
    keep_compiled(tmp_path / "ours")
    assert [path.name for path in tmp_path.iterdir()] == ["told"]
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    keep_compiled(tmp_path / "ours")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours", "told"]
