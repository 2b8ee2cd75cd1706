"""The need of a screener, cycle after cycle: newest candles of three timeframes, asked of a loopback venue."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("websockets")

from engine.world.loopback.serving import serving
from engine.world.loopback.venue import VenueOptions

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_candles", ROOT / "benchmarks" / "candles.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_most_asks_are_hits_and_most_requests_are_spared(bench: ModuleType, tmp_path: Path) -> None:
    symbols, cycles = ["SYM000USDT", "SYM001USDT"], 12
    found = {}
    for cached, many in ((False, 1), (True, cycles)):
        options = VenueOptions(market=bench.Wide(len(symbols)), speed=120.0, limits=False)
        with serving(options) as venue:
            found[cached] = bench.play(venue, symbols, many, 120.0, tmp_path, cached)
    plain, seen = found[False], found[True]
    # The venue's own history grows meanwhile: long candles become more.
    assert abs(plain.candles * cycles - seen.candles) <= 0.02 * seen.candles
    assert seen.requests <= 0.3 * cycles * plain.requests
    assert seen.weight <= 0.3 * cycles * plain.weight
    share = int(seen.told.split(" % of them came from the cache")[0].rsplit(" ", 1)[1])
    assert share >= 70
