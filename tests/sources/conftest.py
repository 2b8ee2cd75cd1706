"""Fixtures for sources: sample files, the folder of large recordings, and a reader that keeps what it was told."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.plugs import Entry
from engine.world.sources.recorded import Recorded

ROOT = Path(__file__).parents[2]
Read = tuple[list[Entry], list[tuple[int, str]], Recorded]


@pytest.fixture
def samples() -> Path:
    return ROOT / "tests" / "data"


@pytest.fixture
def shared() -> Path:
    folder = Path(os.environ.get("HOT_SHARED", ROOT.parent / "shared")) / "data"
    if not (folder / "binance").is_dir():
        pytest.skip("no large recordings: name their folder in HOT_SHARED")
    return folder


@pytest.fixture
def read() -> Callable[..., Read]:
    """Reads a recording; gives its entries, its bad lines as (number, reason), and itself."""

    def reader(path: Path | str, **settings: object) -> Read:
        told: list[tuple[int, str]] = []
        source = Recorded(str(path), **settings)  # type: ignore[arg-type]
        source.notes.on_bad = lambda name, number, reason, line: told.append((number, reason))
        return list(source.facts()), told, source

    return reader
