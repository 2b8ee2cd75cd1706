"""A store made from bars, and `hot` called in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hot_runs import Said
from store_places import START

from engine.records.base import Record
from engine.records.market import Bar
from engine.records.wire import encode
from engine.world.imports.notes import Notes
from engine.world.sources.recorded import Recorded
from engine.world.store.facts import Stored
from engine.world.store.importing import Imported, import_files
from engine.world.store.store import Store


@pytest.fixture
def hot(hot_here: Callable[..., Said]) -> Callable[..., Said]:
    """Runs `hot ...` in this process."""
    return hot_here


@pytest.fixture
def bar() -> Callable[..., Bar]:
    """Makes the bar of minute `i`, with fields of one's own."""

    def make(i: int = 0, **fields: object) -> Bar:
        opened = START + 60_000 * i
        told = {
            "at": opened + 60_000, "venue": "binance-spot", "symbol": "ETCUSDT", "step_s": 60, "open_at": opened,
            "open": "28.5", "high": "29", "low": "28.07", "close": "28.10", "volume": "1234.5",
        }  # fmt: skip
        return Bar(**(told | fields))  # type: ignore[arg-type]

    return make


@pytest.fixture
def recorded(tmp_path: Path) -> Callable[..., Path]:
    """Writes records to a file, in the order they are given."""

    def write(records: list[Record], name: str = "facts.jsonl") -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join(encode(one) + b"\n" for one in records))
        return path

    return write


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(tmp_path / "store")


@pytest.fixture
def take(store: Store) -> Callable[..., Imported]:
    """Imports files into the store."""

    def run(*paths: Path, **settings: object) -> Imported:
        return import_files(store, [str(path) for path in paths], Notes(), **settings)  # type: ignore[arg-type]

    return run


@pytest.fixture
def lines_of() -> Callable[[Path], list[bytes]]:
    """Gives the facts at a path, a store or a recording, as lines of the wire."""

    def read(path: Path, **settings: object) -> list[bytes]:
        kind = Stored if (path / "store.json").exists() else Recorded
        return [encode(entry.record) for entry in kind(str(path), **settings).facts() if entry.record is not None]  # type: ignore[arg-type]

    return read
