"""A long chain is followed in parts, in processes beside; what is found is what one who walks alone finds."""

import sqlite3
from multiprocessing import active_children

import pytest
from ledger_lines import fill_ledger

from engine.ledger import parts, walk
from engine.ledger.ledger import Ledger
from engine.ledger.verify import verify, verifying

ROWS = 66


@pytest.fixture
def written(path, monkeypatch):
    """A ledger that counts as long, walked in small batches."""
    monkeypatch.setattr(parts, "LEAST", 10)
    monkeypatch.setattr(walk, "_BATCH", 7)
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 6)
        assert ledger.head.seq == ROWS
    return path


def edited(path, statement):
    with sqlite3.connect(path) as db:
        for name in ("records_stay", "records_last", "records_follow"):
            db.execute(f"DROP TRIGGER {name}")
        db.execute(statement)
    db.close()


def found(path, processes):
    with verifying(path, processes) as verdict:
        assert len(active_children()) == (processes if processes > 1 else 0)
        return verdict()


def test_parts_find_what_one_finds(written):
    assert found(written, 2) == found(written, 1) == verify(written)
    assert found(written, 2).ok
    assert not active_children()


def test_a_short_chain_is_walked_alone(written, monkeypatch):
    monkeypatch.setattr(parts, "LEAST", ROWS)
    with verifying(written, 2) as verdict:
        assert not active_children()
        assert verdict().ok


@pytest.mark.parametrize("seq", [1, 33, 34, ROWS])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE records SET line = replace(line, 'v', 'w') WHERE seq = {}",
        "UPDATE records SET hash = upper(hash) WHERE seq = {}",
        "DELETE FROM records WHERE seq = {}",
        "UPDATE records SET seq = -1 WHERE seq = {}",
    ],
)
def test_a_broken_row_in_any_part_is_named(written, seq, statement):
    edited(written, statement.format(seq))
    verdict = found(written, 2)
    assert not verdict.ok
    assert verdict == found(written, 1)


def test_what_rows_add_up_to_is_checked_across_parts(written):
    with Ledger.open(written) as ledger:
        line = next(line for _, line in ledger.lines(kinds=["fill"]))
        ledger.append(line)
    verdict = found(written, 2)
    assert [problem.what for problem in verdict.problems] == ["position"]
    assert verdict == found(written, 1)


def test_a_process_that_dies_is_done_without(written):
    with verifying(written, 3) as verdict:
        for child in active_children():
            child.kill()
        assert verdict().ok


def test_nobody_is_left_behind_where_nobody_waits(written):
    with verifying(written, 3):
        pass
    assert not active_children()
