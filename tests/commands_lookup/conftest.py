"""The real app, called in this process, and the ledgers that are asked."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hot_runs import Said

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))

from made_session import session, write_ledger

from engine.ledger.ledger import Ledger
from engine.records.base import Record
from engine.records.trades import OrderAttempt


@pytest.fixture
def hot(hot_here: Callable[..., Said]) -> Callable[..., Said]:
    """Runs `hot ...` in this process."""
    return hot_here


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
