"""A store made from bars, and `hot` called in this process."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from store_places import ROOT, START

from engine.records.base import Record
from engine.records.market import Bar
from engine.records.wire import encode
from engine.world.imports.notes import Notes
from engine.world.sources.recorded import Recorded
from engine.world.store.facts import Stored
from engine.world.store.importing import Imported, import_files
from engine.world.store.store import Store


class Said(NamedTuple):
    """What a command gave: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


@pytest.fixture
def hot(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Said]:
    """Runs `hot ...` in an empty folder, with a data folder of its own."""
    from cli.main import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOT_DATA__DIR", str(tmp_path / "data"))
    monkeypatch.delenv("HOT_LEDGER__PATH", raising=False)

    def call(*args: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["hot", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return Said(int(left.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def shared() -> Path:
    folder = Path(os.environ.get("HOT_SHARED", ROOT.parent / "shared")) / "data"
    if not (folder / "binance").is_dir():
        pytest.skip("no large recordings: name their folder in HOT_SHARED")
    return folder


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
