"""The benchmark of an order's way to the wire: it goes on for longer than a venue sends entries unwatched."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from engine.world.venues.live import care

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def order_path() -> ModuleType:
    spec = importlib.util.spec_from_file_location("order_path", ROOT / "benchmarks" / "order_path.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_orders_leave_for_longer_than_a_gap_in_the_watch(
    order_path: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "GAP_S", 1.0)
    beyond, commits = order_path.measure(tmp_path, orders=5, pause_s=0.1)

    assert len(beyond) == len(commits) == 5


def test_an_order_that_may_not_leave_ends_the_benchmark_with_its_code(
    order_path: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(care, "GAP_S", 0.0)

    with pytest.raises(RuntimeError, match="was not sent: NOT_SENT"):
        order_path.measure(tmp_path, orders=1, pause_s=0.0)
