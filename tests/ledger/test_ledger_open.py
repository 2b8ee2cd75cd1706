"""Opening: what is no ledger, a newer, an older, another's or an unwritable one, and what is then left untouched."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ledger_lines import anomaly, fill_ledger, tick

from engine.errors import Bug, ConfigError, LedgerError
from engine.ledger import db as door
from engine.ledger import migrate, schema
from engine.ledger.db import connect
from engine.ledger.ledger import Ledger
from engine.ledger.prune import prune
from engine.ledger.requests import request
from engine.ledger.verify import verify


def test_reading_makes_no_file(path):
    for read in (Ledger.read, verify, lambda p: request(p, "halt", "", 1), lambda p: Ledger.open(p, create=False)):
        with pytest.raises(LedgerError, match="there is no ledger"):
            read(path)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("content", [b"hello, this is a text file\n", b"\0" * 5000, b"SQLite format 2\0" * 300, b"x"])
def test_a_file_that_is_not_sqlite_is_named_and_left_alone(path, content):
    path.write_bytes(content)
    for opening in (Ledger.open, Ledger.read, verify):
        with pytest.raises(LedgerError, match=r"ledger\.db: it is not an SQLite file") as caught:
            opening(path)
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == ["ledger.db"]


@pytest.mark.parametrize("place", ["/dev/full", ".", "pipe"])
def test_a_device_a_folder_or_a_pipe_is_no_ledger_and_is_not_waited_for(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    for opening in (Ledger.open, Ledger.read, verify, prune, lambda p: request(p, "halt", "", 1)):
        with pytest.raises(LedgerError, match="it is a folder, a pipe or a device"):
            opening(Path(place))
    assert not Path("/dev/full.lock").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_a_foreign_database_is_named_and_left_alone(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE trades(id)")
    db.close()
    before = path.read_bytes()
    for opening in (Ledger.open, Ledger.read, verify, prune):
        with pytest.raises(LedgerError, match="SQLite file, but not a ledger"):
            opening(path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["ledger.db"]


@pytest.mark.parametrize("begun", [False, True])
def test_a_ledger_that_is_about_to_be_made_is_told_to_be_so(path, begun):
    path.touch()
    if begun:
        with sqlite3.connect(path) as db:
            db.execute("PRAGMA journal_mode=WAL")
        db.close()
    for reading in (Ledger.read, verify):
        with pytest.raises(LedgerError, match="nothing in it yet"):
            reading(path)


def test_an_empty_file_becomes_a_ledger_when_one_may_be_made(path):
    path.touch()
    with pytest.raises(LedgerError):
        Ledger.read(path)
    with Ledger.open(path) as ledger:
        ledger.append(tick(1))
    assert verify(path).ok


def test_a_run_killed_while_making_the_file_leaves_one_that_can_still_be_made(path):
    with connect(path, create=True) as db:
        door.start_wal(db)
        db.begin()
        db.run("CREATE TABLE meta(key)")
    with Ledger.open(path) as ledger:
        ledger.append(tick(1))
    assert verify(path).ok


@pytest.mark.parametrize(
    "wanted",
    [{"mode": "live"}, {"venue": "binance-usdm"}, {"account": "a1b2"}, {"mode": "live", "account": "zz"}],
)
def test_the_stamp_of_another_mode_venue_or_account_is_a_matter_of_settings(path, wanted):
    Ledger.open(path).close()
    with pytest.raises(ConfigError, match="it is a ledger of"):
        Ledger.open(path, **wanted)
    with Ledger.open(path) as ledger:
        assert ledger.stamp == ("paper", "binance-spot", "")


def test_an_edited_stamp_does_not_open(path):
    Ledger.open(path).close()
    with connect(path) as db:
        db.run("UPDATE meta SET value = 'live' WHERE key = 'mode'")
    with pytest.raises(LedgerError, match="stamp was edited"):
        Ledger.open(path, mode="live")


def test_an_altered_last_row_does_not_open(path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 30)
    with connect(path) as db:
        db.run("DROP TRIGGER records_stay")
        db.run("UPDATE records SET line = replace(line, 'QUIET', 'NOISE') WHERE seq = 330")
        db.run(schema.OBJECTS["records_stay"])
    with pytest.raises(LedgerError, match="row 330 is not what was written"):
        Ledger.open(path)


def test_a_newer_ledger_is_read_but_not_written(path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 2)
    with connect(path) as db:
        db.run("PRAGMA user_version=2")
    with pytest.raises(LedgerError, match="schema 2, and this hot knows 1"):
        Ledger.open(path)
    with pytest.raises(LedgerError, match="schema 2"):
        request(path, "halt", "", 1)
    with Ledger.read(path) as ledger:
        assert len(list(ledger.lines(kinds=["tick"]))) == 2
    assert verify(path).ok


def _add_colour(db):
    db.run("ALTER TABLE runtime ADD COLUMN colour TEXT")


def test_an_older_ledger_is_backed_up_and_migrated(path, monkeypatch):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 3)
        head = ledger.head
    monkeypatch.setattr(schema, "VERSION", 3)
    monkeypatch.setattr(migrate, "MIGRATIONS", {1: _add_colour, 2: lambda db: None})
    with Ledger.open(path) as ledger:
        assert ledger.schema == 3
        assert ledger.head == head
    copy = path.with_name("ledger.db.schema-1")
    assert verify(copy, head).ok
    with connect(copy, readonly=True) as db:
        assert schema.schema_version(db) == 1
        assert len(db.rows("SELECT * FROM pragma_table_info('runtime')")) == 3


def test_a_failed_migration_leaves_the_ledger_as_it_was(path, monkeypatch):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 3)

    def fail(db):
        _add_colour(db)
        db.run("SELECT * FROM nowhere")

    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(migrate, "MIGRATIONS", {1: fail})
    with pytest.raises(LedgerError):
        Ledger.open(path)
    monkeypatch.setattr(migrate, "MIGRATIONS", {})
    with pytest.raises(Bug, match="no migration from schema 1"):
        Ledger.open(path)
    monkeypatch.setattr(schema, "VERSION", 1)
    assert verify(path).ok
    with Ledger.open(path) as ledger:
        assert ledger.schema == 1


def test_a_kill_inside_a_migration_leaves_the_old_ledger(path, spawn, monkeypatch):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 3)
    code = (
        "import os, sys\nfrom engine.ledger import migrate, schema\nfrom engine.ledger.ledger import Ledger\n"
        "def die(db):\n    db.run('ALTER TABLE runtime ADD COLUMN colour TEXT')\n    os.kill(os.getpid(), 9)\n"
        "schema.VERSION = 2\nmigrate.MIGRATIONS[1] = die\nLedger.open(sys.argv[1])"
    )
    assert spawn(code, path).wait() == -signal.SIGKILL
    assert verify(path).ok
    monkeypatch.setattr(schema, "VERSION", 2)
    monkeypatch.setattr(migrate, "MIGRATIONS", {1: _add_colour})
    with Ledger.open(path) as ledger:
        assert ledger.schema == 2
        assert ledger.head.seq == 33


def test_views_of_another_version_are_made_again_at_the_next_run(path):
    Ledger.open(path).close()
    with connect(path) as db:
        db.run("DROP VIEW fill")
        db.run("CREATE VIEW fill AS SELECT 1 AS one")
    assert verify(path).ok
    assert "view fill" in verify(path).notes[0]
    Ledger.open(path).close()
    assert verify(path).notes == ()


READ_AS_NOBODY = """
import os, sys
from pathlib import Path
from engine.errors import LedgerError
from engine.ledger.ledger import Ledger
from engine.ledger.requests import request
from engine.ledger.verify import verify
if os.getuid() == 0:
    os.setuid(65534)
print(len(list(Ledger.read(sys.argv[1]).lines())), verify(sys.argv[1]).ok)
for write in (Ledger.open, lambda path: request(Path(path), "halt", "", 1)):
    try:
        write(sys.argv[1])
    except LedgerError as error:
        print("refused", error)
"""


@pytest.mark.skipif(os.name != "posix", reason="rights of files")
def test_a_ledger_on_a_read_only_disk_is_read_and_not_written():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "ledger.db"
        with Ledger.open(path) as ledger:
            fill_ledger(ledger, 2)
        (folder / "ledger.db.lock").unlink()
        path.chmod(0o444)
        folder.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", READ_AS_NOBODY, str(path)], capture_output=True, text=True)
        assert done.stdout.startswith("22 True\nrefused "), done.stderr
        assert "ledger.db: it is read-only; make the file and its folder writable" in done.stdout.splitlines()[2]
        assert [p.name for p in folder.iterdir()] == ["ledger.db"]
        folder.chmod(0o755)


def test_names_that_mean_something_in_an_address_are_only_names(tmp_path):
    path = tmp_path / "what? 50%#1" / "led ger?mode=memory.db"
    with Ledger.open(path) as ledger:
        ledger.append(anomaly(1))
    with Ledger.read(path) as ledger:
        assert ledger.head.seq == 1
    assert path.exists()


def test_a_locked_ledger_says_so_in_one_line_and_nothing_is_written(path, monkeypatch):
    monkeypatch.setattr(door, "BUSY_S", 0.05)
    with Ledger.open(path) as ledger, connect(path) as other:
        other.begin()
        ledger.append(anomaly(1))
        with pytest.raises(LedgerError, match="another process has been writing") as caught:
            ledger.commit()
        assert "\n" not in str(caught.value)
        with pytest.raises(LedgerError):
            ledger.reserve("key", "h1", 1, 1)
        other.rollback()
        ledger.append(anomaly(2))
        ledger.commit()
        assert [line for _, line in ledger.lines()] == [anomaly(2)]


def test_the_releases_with_the_wal_reset_race_are_known():
    assert door.has_wal_reset_defect((3, 40, 1))
    assert door.has_wal_reset_defect((3, 51, 2))
    assert not door.has_wal_reset_defect((3, 51, 3))
    assert not door.has_wal_reset_defect((3, 6, 23))
    assert door.version() >= (3, 37, 0)
