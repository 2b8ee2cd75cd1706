"""Fixtures for sources: sample files, and a reader that keeps what it was told."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hot_runs import ROOT

from engine.plugs import Entry
from engine.world.sources.recorded import Recorded

Read = tuple[list[Entry], list[tuple[int, str]], Recorded]


@pytest.fixture
def samples() -> Path:
    return ROOT / "tests" / "data"


@pytest.fixture
def read() -> Callable[..., Read]:
    """Reads a recording; gives its entries, its bad lines as (number, reason), and itself."""

    def reader(path: Path | str, **settings: object) -> Read:
        told: list[tuple[int, str]] = []
        source = Recorded(str(path), **settings)  # type: ignore[arg-type]
        source.notes.on_bad = lambda name, number, reason, line: told.append((number, reason))
        return list(source.facts()), told, source

    return reader
