"""Copies: backup, export and what prune gives back."""

import io
import json
import os
import threading
from pathlib import Path

import pytest
from ledger_lines import START, anomaly, fill_ledger, tick

from engine.errors import LedgerError
from engine.ledger.backup import backup
from engine.ledger.db import connect
from engine.ledger.export import export
from engine.ledger.ledger import Ledger
from engine.ledger.prune import prune
from engine.ledger.requests import request
from engine.ledger.verify import verify


@pytest.fixture
def ledger(path):
    with Ledger.open(path) as opened:
        fill_ledger(opened, 10)
        yield opened


def exported(path, **options):
    out = io.BytesIO()
    count = export(path, out, **options)
    lines = out.getvalue().splitlines()
    assert count == len(lines)
    return lines


def test_a_backup_of_a_ledger_in_use_is_one_whole_file(ledger, path, tmp_path):
    verdict = backup(path, tmp_path / "copy.db")
    assert verdict.ok
    assert verdict.head == ledger.head
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("copy")) == ["copy.db"]
    with Ledger.open(tmp_path / "copy.db") as copy:
        copy.append(tick(99))
    assert verify(tmp_path / "copy.db").ok


def test_a_backup_overwrites_nothing(ledger, path, tmp_path):
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(LedgerError, match="overwrites nothing"):
        backup(path, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_a_damaged_ledger_is_not_backed_up(ledger, path, tmp_path):
    with connect(path) as db:
        db.run("DROP TRIGGER records_stay")
        db.run("UPDATE records SET line = line || ' ' WHERE seq = 5")
    with pytest.raises(LedgerError, match="row 5 altered"):
        backup(path, tmp_path / "copy.db")
    assert not [p for p in tmp_path.iterdir() if p.name.startswith("copy")]


def test_a_backup_into_a_folder_that_is_not_there_says_so(ledger, path, tmp_path):
    with pytest.raises(LedgerError, match=r"no/copy\.db: it cannot be written \(No such file or directory\)"):
        backup(path, tmp_path / "no" / "copy.db")


def test_backups_beside_a_busy_writer_all_verify(ledger, path, tmp_path):
    done = threading.Event()
    verdicts = []

    def copy():
        verdicts.extend(backup(path, tmp_path / f"copy{number}.db") for number in range(5))
        done.set()

    thread = threading.Thread(target=copy)
    thread.start()
    number = 0
    while not done.is_set():
        ledger.append(anomaly(number))
        ledger.commit()
        number += 1
    thread.join()
    assert all(v.ok for v in verdicts) and len(verdicts) == 5


def test_an_export_is_the_decisions_in_their_order(ledger, path):
    ledger.append(b'{"kind":"alert","at":1,"level":"info","code":"X","text":"x"}')
    ledger.commit()
    lines = exported(path)
    assert lines == [line for _, line in ledger.lines()][:-1]


def test_an_export_can_be_narrowed(ledger, path):
    assert len(exported(path, kinds={"fill"})) == 30
    assert len(exported(path, symbol="AUSDT")) == 10
    assert len(exported(path, kinds={"tick"}, since=START + 60_000, until=START + 180_000)) == 2


def test_facts_are_woven_in_before_the_decisions_of_their_instant(path):
    with Ledger.open(path) as ledger:
        for number in range(3):
            ledger.append(anomaly(number * 60_000))
            ledger.append(tick(number))
    facts = [b'{"kind":"bar","at":%d}' % (START + n * 30_000) for n in range(6)] + [b'{"kind":"tick","at":%d}' % START]
    told = [(r["kind"], (r["at"] - START) // 1000) for r in map(json.loads, exported(path, facts=facts))]
    assert told == [
        ("bar", 0), ("anomaly", 0), ("tick", 0), ("bar", 30), ("bar", 60), ("anomaly", 60), ("tick", 60),
        ("bar", 90), ("bar", 120), ("anomaly", 120), ("tick", 120), ("bar", 150),
    ]  # fmt: skip


def test_prune_gives_back_space_and_keeps_every_row(path):
    with Ledger.open(path) as ledger:
        fill_ledger(ledger, 10)
        for seq in range(5):
            ledger.save_checkpoint(START + seq, seq, "1", os.urandom(100_000), keep=9)
        request(path, "halt", "", 1)
        request(path, "resume", "", 2)
        ledger.mark_done(1)
        ledger.commit()
        head = ledger.head
    size = path.stat().st_size
    pruned = prune(path)
    assert (pruned.checkpoints, pruned.requests, pruned.facts_until) == (3, 1, START + 3)
    assert pruned.freed_bytes > 290_000
    assert path.stat().st_size == size - pruned.freed_bytes
    assert verify(path, head).ok
    assert prune(path) == (0, 0, 0, START + 3)


def test_prune_waits_for_no_run(ledger, path):
    with pytest.raises(LedgerError, match="another run"):
        prune(path)


def test_the_log_has_a_size(ledger, path):
    assert ledger.wal_bytes == Path(f"{path}-wal").stat().st_size > 0
