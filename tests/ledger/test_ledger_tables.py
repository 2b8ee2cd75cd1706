"""The tables beside the rows: checkpoints, operator requests and the run's status."""

import pytest
from ledger_lines import START, attempt, fill_ledger, tick

from engine.errors import Bug
from engine.ledger.db import Database, connect
from engine.ledger.ledger import Checkpoint, Ledger, Request
from engine.ledger.requests import request
from engine.ledger.verify import verify


@pytest.fixture
def ledger(path):
    with Ledger.open(path) as opened:
        yield opened


def test_the_newest_checkpoint_before_a_row_is_loaded(ledger):
    for seq in (10, 20, 30):
        ledger.save_checkpoint(START + seq, seq, "1", b"state %d" % seq)
    assert ledger.load_checkpoint("1") == Checkpoint(30, START + 30, "1", b"state 30")
    assert ledger.load_checkpoint("1", not_after_seq=29).blob == b"state 20"
    assert ledger.load_checkpoint("1", not_after_seq=9) is None


def test_only_the_newest_checkpoints_are_kept(ledger, path):
    for seq in range(6):
        ledger.save_checkpoint(START, seq, "1", b"x" * seq, keep=2)
    with connect(path, readonly=True) as db:
        assert db.rows("SELECT seq FROM checkpoints") == [(4,), (5,)]


def test_a_checkpoint_of_another_format_is_passed_over(ledger):
    ledger.save_checkpoint(START, 1, "1", b"old")
    ledger.save_checkpoint(START, 2, "2", b"new")
    assert ledger.load_checkpoint("1").blob == b"old"
    assert ledger.load_checkpoint("3") is None


@pytest.mark.parametrize(
    "damage",
    ["blob = x'00'", "sha256 = 'x'", "at = at + 1", "size = 1", "blob = zeroblob(length(blob))", "seal = ''"],
)
def test_a_damaged_checkpoint_gives_way_to_an_older_one_and_verify_names_it(ledger, path, damage):
    fill_ledger(ledger, 1)
    ledger.save_checkpoint(START, 1, "1", b"older" * 100)
    ledger.save_checkpoint(START, 2, "1", b"newer" * 100)
    with connect(path) as db:
        db.run(f"UPDATE checkpoints SET {damage} WHERE seq = 2")
    assert ledger.load_checkpoint("1").seq == 1
    assert [(p.what, p.seq) for p in verify(path).problems] == [("checkpoint", 2)]


def test_a_checkpoint_is_small_and_an_empty_one_is_one_too(ledger, path):
    ledger.save_checkpoint(START, 1, "1", b"state " * 100_000)
    with connect(path, readonly=True) as db:
        assert db.row("SELECT length(blob) FROM checkpoints")[0] < 1000
    ledger.save_checkpoint(START, 2, "1", b"")
    assert ledger.load_checkpoint("1").blob == b""


def test_a_checkpoint_inside_a_commit_is_a_bug(ledger):
    ledger.append(tick(1))
    with pytest.raises(Bug):
        ledger.save_checkpoint(START, 1, "1", b"")
    ledger.rollback()


def test_a_request_reaches_the_owner_once_and_in_order(ledger, path):
    assert ledger.pending_requests() == []
    assert request(path, "halt", "lunch", 5) == 1
    assert request(path, "resume", "", 6) == 2
    assert ledger.pending_requests() == [Request(1, "halt", "lunch", 5), Request(2, "resume", "", 6)]
    assert ledger.mark_done(1)
    ledger.append(tick(1))
    ledger.commit()
    assert [r.id for r in ledger.pending_requests()] == [2]
    assert not ledger.mark_done(1)
    ledger.rollback()
    assert verify(path).ok


def test_a_request_left_while_nobody_ran_waits(path):
    Ledger.open(path).close()
    request(path, "halt", "", 1)
    with Ledger.open(path) as ledger:
        assert [r.action for r in ledger.pending_requests()] == ["halt"]


def test_a_request_is_done_only_when_its_record_is_written(ledger, path):
    request(path, "halt", "", 1)
    ledger.mark_done(1)
    ledger.rollback()
    assert len(ledger.pending_requests()) == 1


def test_without_news_no_request_is_looked_for(ledger, path, monkeypatch):
    ledger.pending_requests()
    with monkeypatch.context() as patch:
        patch.setattr(Database, "rows", lambda *_: pytest.fail("a query without news"))
        assert ledger.pending_requests() == []
    request(path, "halt", "", 1)
    assert len(ledger.pending_requests()) == 1


def test_the_status_is_written_with_the_next_commit(ledger, path):
    ledger.note("heartbeat", "12:00")
    with Ledger.read(path) as reader:
        assert "heartbeat" not in reader.notes()
        fill_ledger(ledger, 1)
        assert reader.notes()["heartbeat"] == "12:00"
        ledger.note("heartbeat", "12:01")
        ledger.commit()
        assert reader.notes()["heartbeat"] == "12:01"


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("reservations", "at = at + 1"),
        ("reservations", "state = 'settled'"),
        ("operator_requests", "action = 'resume'"),
        ("operator_requests", "done = 1"),
        ("runtime", "value = 'fine'"),
        ("meta", "value = 'live'"),
    ],
)
def test_an_edited_row_beside_the_chain_is_found(ledger, path, table, change):
    ledger.append(attempt(1, "h1"))
    ledger.reserve("key", "h1", START, 1)
    ledger.note("heartbeat", "12:00")
    ledger.commit()
    request(path, "halt", "", 1)
    assert verify(path).ok
    with connect(path) as db:
        db.run(f"UPDATE {table} SET {change}")
    assert f"{table}: the row of" in " ".join(p.text for p in verify(path).problems)
