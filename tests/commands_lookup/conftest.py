"""The real app, called in this process, and the ledgers that are asked."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from made_session import session, write_ledger

from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.trades import OrderAttempt


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
def write_whole() -> Callable[[Path, list[Record]], Path]:
    """Writes records into a new ledger, with a reservation for each order, as a run does."""

    def write(path: Path, records: list[Record]) -> Path:
        write_ledger(path, records)
        with Ledger.open(path, mode="paper", venue="paper") as opened:
            for number, record in enumerate(records):
                if isinstance(record, OrderAttempt):
                    opened.reserve(f"key {number}", record.client_id, record.at, 60_000)
        return path

    return write


@pytest.fixture
def ledger(tmp_path: Path, write_whole: Callable[[Path, list[Record]], Path]) -> Path:
    """A ledger of the small session."""
    return write_whole(tmp_path / "paper.db", session())
